"""The program when its machine gives it little: disk, open files, patience with signals.

One rule: the limits are the kernel's (RLIMIT_FSIZE, RLIMIT_NOFILE), so that they hold for root as well, and a
process that runs can be put under them and freed again.
"""

import asyncio
import os
import re
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from aqi_service.core.frames import encode
from tests.doubles.connections import refused
from tests.doubles.daemons import ON_D
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document, written
from tests.doubles.local_helpers import count, files
from tests.doubles.program import Running, few_descriptors, ran, running
from tests.doubles.wire_fixtures import Peer
from trials.host.figures import latencies
from trials.host.limits import load
from trials.host.lookups import Lookups, asking
from trials.host.places import snapshot

FIRST, SECOND = document(*range(1, 101)), document(*range(1, 3001))
ON_FULL_DISK = "data_20_12_23_18_01.json"
WHOLE = {f"{ON_FULL_DISK}.gz", "data_20_12_23_18_01.meta.json"}
PATIENT = """
import sys
from aqi_service.app import daemon
from aqi_service import shutdown as stopping
from aqi_service.cli import main
daemon.GRACE_SECONDS = stopping.LAST_SECONDS = 3600.0
sys.exit(main())
"""
"""The program, which gives peers an hour when it is stopped: before that only a second signal ends it."""

LOAD = ("--load-only", "--local", "d", "--from")
ANSWERED = re.compile(r'^aqi_tcp_replies_total{kind="found"} ([0-9.e+]+)$', re.MULTILINE)


def up_to(limit: int) -> Callable[[], None]:
    """Give what lets a process write no file past so many bytes, as if the disk were full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def limit_files(program: Running, limit: int) -> None:
    """Do the same to a process that runs."""
    resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


async def test_a_disk_that_was_full_before_is_exit_1_and_one_sentence(tmp_path: Path) -> None:
    written(tmp_path, SECOND, ON_FULL_DISK)
    done = await ran(*LOAD, ON_FULL_DISK, cwd=tmp_path, preexec=up_to(0))
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 2
    assert done.last.startswith("aqi-service: ")
    assert files(tmp_path / "d") == {"air_quality.db"}


@pytest.mark.parametrize(
    ("records", "limit", "status", "kept"),
    [(9000, 40_000, "failed", set()), (1000, 200_000, "incomplete", WHOLE)],
)
async def test_a_disk_that_fills_up_is_exit_1_leaves_nothing_half_and_the_next_load_finishes(
    records: int, limit: int, status: str, kept: set[str], tmp_path: Path
) -> None:
    written(tmp_path, document(*range(1, records + 1)), ON_FULL_DISK)
    done = await ran(*LOAD, ON_FULL_DISK, cwd=tmp_path, preexec=up_to(limit))
    [report] = done.reports
    assert (done.code, report["status"]) == (1, status)
    assert done.last.startswith(f"aqi-service: {status}: ")
    assert files(tmp_path / "d" / "snapshots") == kept
    assert report["pending"] > 0
    again = await ran(*LOAD, ON_FULL_DISK, cwd=tmp_path)
    assert (again.code, count(tmp_path / "d")) == (0, records), again.err


async def test_a_daemon_whose_disk_fills_up_goes_on_serving_and_loads_again_when_there_is_room(
    tmp_path: Path,
) -> None:
    full, third, room = asyncio.Event(), asyncio.Event(), asyncio.Event()
    scripts = ((answer(FIRST),), (full, answer(SECOND)), (third.set, room, answer(SECOND)))
    async with feed_server(*scripts) as feed:
        options = (*ON_D, "--feed-url", feed.url(), "--interval", "1")
        async with running(*options, cwd=tmp_path, fresh=True) as program:
            assert (await program.report(1))["status"] == "complete"
            kept = files(tmp_path / "d" / "snapshots")
            limit_files(program, 1000)
            full.set()
            failed = await program.report(2)
            assert (failed["status"], failed["snapshot"]) == ("failed", None)
            assert "the file would pass the size" in failed["error"]
            assert (await program.ask(b"1"))[0].startswith(b"id,")
            assert (await program.page("/readyz"))[0] == 200
            await third.wait()
            assert files(tmp_path / "d" / "snapshots") == kept
            limit_files(program, resource.RLIM_INFINITY)
            room.set()
            assert (await program.report(3))["status"] == "complete"
            assert (await program.ask(b"3000"))[0].startswith(b"id,")
            program.tell()
            assert await program.ended() == 0


async def test_with_256_descriptors_few_are_served_the_rest_are_told_and_loads_go_on(tmp_path: Path) -> None:
    async with feed_server((answer(FIRST),), (answer(SECOND),)) as feed, AsyncExitStack() as stack:
        options = (*ON_D, "--feed-url", feed.url(), "--interval", "1", "--max-per-address", "0")
        program = await stack.enter_async_context(running(*options, cwd=tmp_path, preexec=few_descriptors))
        await program.line(r"WARNING aqi_service open_files_limit_low limit=256 connections=96 hint='raise")
        await program.report()  # it listens before it has made the table
        port, replies = await program.port("tcp"), []
        for _ in range(120):
            peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
            stack.callback(peer.writer.close)
            replies.append((await peer.ask(b"0"))[0].partition(b":")[0])
        assert replies == [b"Item not found"] * 96 + [b"Busy"] * 24
        await program.line('^{"status":"complete".*"records":3000')
    assert not any("Too many open files" in line for line in program.err)


@asynccontextmanager
async def held_up(program: Running) -> AsyncIterator[None]:
    """Ask a daemon for more than a peer takes, so that it cannot end in order before its grace is over."""
    peer = Peer(*await asyncio.open_connection("127.0.0.1", await program.port("tcp")))
    peer.stop_reading()
    flooding = asyncio.create_task(peer.send_for_ever(encode(b"1") * 100))
    try:
        counts = ["before", "it answers"]
        unsent = peer.writer.transport.get_write_buffer_size
        while counts[-1] != counts[-2] or not unsent():  # it neither answers nor reads
            counts += ANSWERED.findall((await program.page("/metrics"))[1])
        yield
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        peer.writer.transport.abort()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_at_once_a_daemon_that_still_answers_a_peer(
    number: int, tmp_path: Path
) -> None:
    (tmp_path / "patient.py").write_text(PATIENT)
    async with (
        feed_server((answer(FIRST),)) as feed,
        running(*ON_D, "--feed-url", feed.url(), cwd=tmp_path, module="patient") as program,
    ):
        await program.report()
        async with held_up(program):
            program.tell(number)
            await refused(await program.port("tcp"))
            program.tell(number)
            assert await program.ended() == 1  # in order it would be 0, and later


async def test_a_snapshot_twelve_times_as_large_takes_no_more_memory(tmp_path: Path) -> None:
    """`make host` does the same with 500 MB in 256 MB."""
    peaks = []
    for megabytes in (1, 12):
        path = snapshot(tmp_path, megabytes * 1_000_000)
        options = ("--local", str(megabytes), "--from", path.name, "--snapshot-time", "2026-11-23T15:00")
        took = await load(options, tmp_path, 128 * 2**20)
        assert (took.code, took.report["status"]) == (0, "complete"), took.err
        peaks.append(took.peak)
    assert peaks[1] - peaks[0] < 10, peaks


@pytest.mark.parametrize(("unhindered", "holds"), [(0.001, True), (0.06, False)])
def test_lookups_are_not_judged_by_the_time_in_which_others_had_the_cores(
    unhindered: float, *, holds: bool
) -> None:
    lookups = Lookups(0, os.getpid(), ("1",))
    lookups.taken, lookups.unhindered, lookups.found = [0.3] * 200, [unhindered] * 200, 1
    assert all(figure.holds for figure in latencies("lookups", lookups, most_p99=0.05)) is holds


async def test_a_lookup_takes_no_less_time_than_what_is_judged_of_it() -> None:
    answered, peers = asyncio.Semaphore(0), []

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer)
        with suppress(EOFError, ConnectionError):
            while await reader.readexactly(len(encode(b"1"))):
                writer.write(encode(b"id,"))
                answered.release()

    server = await asyncio.start_server(answer_all, "127.0.0.1", 0)
    async with server:
        async with asking(server.sockets[0].getsockname()[1], os.getpid(), ("1",)) as lookups:
            for _ in range(20):
                await answered.acquire()
        for peer in peers:
            peer.transport.abort()
    assert 0 < len(lookups.taken) == len(lookups.unhindered) == lookups.found
    assert all(0 <= judged <= taken for judged, taken in zip(lookups.unhindered, lookups.taken, strict=True))
