"""The parts that disturb: a process that stands still, a disk without room, a folder that is read only.

One rule: what the program is to do is written beside what it did.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from tests.doubles.feed_server import CHUNKED, answer, chunked, feed_server, head
from tests.doubles.load_helpers import document
from tests.doubles.local_helpers import files
from tests.doubles.program import Running, ran, running
from trials.host import disks
from trials.host.figures import Figure, worst_lag
from trials.host.parts import IDS, LONG, loading
from trials.host.places import served, snapshot

ROOM = 1_100_000_000
"""Bytes of the small disk: no load begins with under 1 GB free."""

MOST_FAILED = 20
"""Loads that may begin while the client meets a full disk, one a second on a machine that is at leisure."""

TAKEN_NAME = "data_23_11_26_15_00.json"


async def standing_still(folder: Path, seconds: float) -> AsyncIterator[Figure]:
    """Stop a daemon in the middle of a load (SIGSTOP), and continue it."""
    snapshot(folder, 40_000_000)
    async with served(folder) as url, loading(folder, url) as program:
        while not any("partial" in name for name in files(folder)):  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(0.05)
        program.tell(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        program.tell(signal.SIGCONT)
        reply = (await program.ask(IDS[1].encode()))[0].partition(b"\r\n")[0].decode()
        yield _did(f"a lookup after {seconds:.0f} s of SIGSTOP", reply[:40], "id,", "Item not found")
        report = await program.report(within=LONG)
        yield _did("  the load under way", report["status"], "complete")
        lag = await worst_lag(program)
        yield Figure("  the loop's lag", f"{lag:.1f} s", f">= {seconds - 1:.0f} s", lag >= seconds - 1)
        program.read_on()
        await program.line("loop_lag")
        told = sum("loop_lag" in line for line in program.err)
        yield Figure("  lines about it in the log", str(told), "1", told == 1)


async def disk(folder: Path) -> AsyncIterator[Figure]:
    """Fill a daemon's disk in the middle of a load; use a folder that is read only."""
    if not disks.allowed():
        yield Figure("full and read-only disks", "not measured: only root can mount")
        return
    with disks.small(folder / "small", ROOM):
        async for figure in _full(folder / "small"):
            yield figure
        async for figure in _read_only(folder / "small", folder / "view"):
            yield figure


async def _full(folder: Path) -> AsyncIterator[Figure]:
    reading, go_on = asyncio.Event(), asyncio.Event()
    body = document(*range(1, 40_001))
    begun = (
        head(**CHUNKED),
        chunked(body[:4_000_000], last=False),
        reading.set,
        go_on,
        chunked(body[4_000_000:]),
    )
    async with (
        feed_server((answer(document(1)),), begun, (answer(body),)) as feed,
        loading(folder, feed.url(), "--interval", "1") as program,
    ):
        await program.report(1)
        await reading.wait()
        with disks.filled(folder):
            go_on.set()
            report = await program.report(2)
            yield _did("a disk that fills up in a load", report["status"], "failed", "incomplete")
            yield Figure("  its error", str(report["error"])[-80:])
            reply = (await program.ask(b"1"))[0].partition(b"\r\n")[0].decode()
            yield _did("  a lookup meanwhile", reply[:20], "id,")
            port = str(await program.port("tcp"))
            with disks.filled(folder, "more"):  # the load that failed has left its own room
                done = await ran("1", "--port", port, cwd=folder, module="aqi_service.client")
            yield _did("  the client there", f"exit {done.code}: {done.last[-60:]}", "exit 3: ")
            left = [name for name in files(folder) if ".csv" in name or "partial" in name]
            yield Figure("  half files", str(left), "[]", not left)
        yield _did("  the next load, with room", await _after_failed(program), "complete")


async def _after_failed(program: Running) -> str:
    """Return the status of the first load from the third on that did not begin while the disk was full."""
    for number in range(3, 3 + MOST_FAILED):
        report = await program.report(number)
        if report["status"] != "failed":
            break
    return str(report["status"])


async def _read_only(folder: Path, view: Path) -> AsyncIterator[Figure]:
    with disks.read_only(folder, view):
        (folder / TAKEN_NAME).write_bytes(document(1, 2))
        for where in ("d", "new"):
            load = await ran("--load-only", "--local", where, "--from", TAKEN_NAME, cwd=view)
            yield _did(f"a load into read-only {where}", f"exit {load.code}: {load.last[-70:]}", "exit 2: ")
        async with running("--serve-only", "--local", "d", "--port", "0", "--no-http", cwd=view) as replica:
            reply = (await replica.ask(b"1"))[0].partition(b"\r\n")[0].decode()
            yield _did("  a replica alone there", reply[:20], "id,")
        async with feed_server((answer(document(1)),)) as feed, loading(folder, feed.url()) as program:
            await program.report()
            async with running(
                "--serve-only", "--local", "d", "--port", "0", "--no-http", cwd=view, fresh=True
            ) as replica:
                reply = (await replica.ask(b"1"))[0].partition(b"\r\n")[0].decode()
                yield _did("  a replica beside a daemon", reply[:20], "id,")
                at = ("--port", str(await replica.port("tcp")))
                done = await ran("1", *at, cwd=view, module="aqi_service.client")
                yield _did("  the client there", f"exit {done.code}: {done.last[-70:]}", "exit 0: ")


def _did(what: str, did: str, *may: str) -> Figure:
    """See that what it did begins as it may."""
    return Figure(what, did, " or ".join(may).strip(" :,"), did.startswith(may))
