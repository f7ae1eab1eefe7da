"""The parts that measure: lookups while a large snapshot loads, and a load within little memory.

One rule: the program is a process of its own, started as its users start it; and nobody reads its stderr.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aqi_service.core.parse.document import MAX_RECORDS
from bench.lib.cores import waited_for_a_core
from bench.lib.feed import feed
from tests.doubles.program import Running, ran, running
from trials.host.figures import Figure, latencies, peak_memory, worst_lag
from trials.host.limits import Took, load
from trials.host.lookups import asking
from trials.host.places import FEED, discarding_aws, scattered, served, snapshot

MEMORY = 256 * 1024 * 1024
MOST_P99 = 0.050
IDLE_SECONDS = 10.0
LONG = 3600.0
"""Seconds after which a load of 500 MB is taken for hanging."""

IDS = [str(28_600_000_000 + number) for number in range(1600)]
"""The feed's first ids, which are in the table before it loads; every second is of a particulate record."""

MANY = ("--max-records", "10000000")
"""500 MB of the smallest records are over a million."""

PORTS = ("--port", "0", "--http-port", "0", "--load-deadline", str(int(LONG)))
DAEMON = ("--local", "d", *PORTS, *MANY)
TAKEN = ("--snapshot-time", "2026-11-23T15:00")


@asynccontextmanager
async def unread(*options: str, cwd: Path) -> AsyncIterator[Running]:
    """Run a daemon whose stderr is full, and read by nobody, once it listens."""
    async with running(*options, cwd=cwd, unread=True, fresh=True) as program:
        await program.port("tcp")
        await program.port("http")
        program.stop_reading()
        yield program


@asynccontextmanager
async def loading(folder: Path, url: str, *options: str) -> AsyncIterator[Running]:
    """Run a daemon that loads `url`; it is to end in order."""
    async with unread(*DAEMON, "--feed-url", url, *options, cwd=folder) as program:
        yield program
        program.tell()
        assert await program.ended() == 0


async def serving(folder: Path, size: int) -> AsyncIterator[Figure]:
    """Look up while nothing else goes on, and while a snapshot of `size` bytes loads in the same process."""
    (folder / "small.json").write_bytes(b"".join(feed(400_000)))
    first = await ran("--load-only", "--local", "d", "--from", "small.json", *TAKEN, cwd=folder)
    assert first.code == 0, first.err
    async with unread(*DAEMON, "--serve-only", cwd=folder) as program:
        async with asking(await program.port("tcp"), program.process.pid, IDS) as idle:
            await asyncio.sleep(IDLE_SECONDS)
        for figure in latencies("lookups, idle", idle):
            yield figure
    snapshot(folder, size)
    async with served(folder) as url, loading(folder, url) as program:
        async for figure in _while_loading(program):
            yield figure


async def _while_loading(program: Running) -> AsyncIterator[Figure]:
    pid = program.process.pid
    waited = waited_for_a_core(pid)
    async with asking(await program.port("tcp"), pid, IDS) as busy:
        report = await program.report(within=LONG)
    waited, seconds = waited_for_a_core(pid) - waited, report["seconds"]
    for figure in latencies("lookups, loading", busy, MOST_P99):
        yield figure
    yield Figure("  waited for a core", f"{100 * waited / seconds:.0f} % of the time")
    yield Figure("  the loop's lag at the worst", f"{1000 * await worst_lag(program):.0f} ms")
    size = (
        f"{report['status']}, {report['bytes'] / 1e6:.0f} MB, {report['records']} records in {seconds:.0f} s"
    )
    yield Figure("  the load", size, "complete", report["status"] == "complete")
    yield Figure("  the daemon's largest memory", f"{peak_memory(program):.0f} MB")


async def memory(folder: Path, size: int) -> AsyncIterator[Figure]:
    """Load `size` bytes in 256 MB of memory, into a folder and through AWS's client; and scattered ids."""
    path = snapshot(folder, size)
    took = await load(("--local", "m", "--from", path.name, *TAKEN, *MANY), folder, MEMORY)
    yield _within("a load into files and SQLite", took)
    path = scattered(folder, records := min(MAX_RECORDS, size // 500))
    took = await load(("--local", "s", "--from", path.name, *TAKEN), folder, MEMORY)
    yield _within(f"a load of {records} scattered ids", took)
    async with served(folder) as url, discarding_aws() as env:
        took = await load(("--feed-url", url, *MANY), folder, MEMORY, env)
        yield _within("a load into S3 and DynamoDB", took)
        yield await _replacing(folder, records, "on AWS", env)
    yield await _replacing(folder, records, "in files", {}, "--local", "r")


async def _replacing(folder: Path, records: int, where: str, env: Mapping[str, str], *options: str) -> Figure:
    """Run a daemon until a snapshot of scattered ids has replaced another of half as many in memory."""
    scattered(folder, records // 2, 2, FEED)
    async with served(folder) as url:
        daemon = (*PORTS, "--interval", "60", "--feed-url", url, *options)
        async with running(*daemon, cwd=folder, env=env, fresh=True) as program:
            await _in_memory(program, records // 2)
            scattered(folder, records, 3, "next.json").replace(folder / FEED)
            await _in_memory(program, records)
            peak = peak_memory(program)
            program.tell()
            assert await program.ended() == 0
    what = f"a daemon with {records} ids, {where}"
    return Figure(what, f"{peak:.0f} MB", f"{MEMORY // 2**20} MB", peak * 2**20 <= MEMORY)


async def _in_memory(program: Running, records: int) -> None:
    """Wait until a snapshot of so many records is loaded, and in memory."""
    loaded = await program.line(rf"loaded status=complete snapshot=(\S+) records={records} ", within=LONG)
    await program.line(rf"memory_replaced snapshot={loaded[1]} ", within=LONG)


def _within(what: str, took: Took) -> Figure:
    status = took.report.get("status", took.err[-200:])
    read, why = took.report.get("bytes", 0) / 1e6, took.report.get("error") or ""
    value = f"{took.peak:.0f} MB ({took.limit}), {status}, {read:.0f} MB {why}".rstrip()
    holds = took.code == 0 and status == "complete" and took.peak * 2**20 <= MEMORY
    return Figure(what, value, f"{MEMORY // 2**20} MB", holds)
