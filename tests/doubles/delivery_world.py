"""Several loads at once into one archive and one table, killed and started again until all are done.

One rule: the table is changed by the loads alone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from aqi_service.core.parse.splitter import RecordSplitter
from aqi_service.core.report import LoadReport, Status
from aqi_service.errors import Unavailable
from aqi_service.load.load import MANIFEST_SECONDS, load
from aqi_service.load.table_writer import TableWriter
from aqi_service.storage.ports import Storage
from tests.doubles.delivery_processes import LONG, Job, Process, StandingLoop, Step, Then, archive_of
from tests.doubles.delivery_snapshots import NOW
from tests.doubles.load_helpers import plan
from tests.doubles.storage_doubles import MemoryArchive
from tests.doubles.wire_fixtures import advance, turns

MOST_CALLS = 20_000
"""No example needs so many: a load goes on for ever."""

GOOD = (Status.COMPLETE, Status.UNCHANGED)

NAME_TAKEN = "there is a snapshot"
"""Why a load may end that found each of its names taken by others."""


@contextmanager
def in_pieces(group_size: int, window: int) -> Iterator[None]:
    """Let loads read so many bytes at a time, and deliver in groups of so many items."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aqi_service.load.load.TableWriter", partial(TableWriter, group_size=group_size))
        patch.setattr("aqi_service.core.parse.document.RecordSplitter", partial(RecordSplitter, window))
        yield


@dataclass
class World:
    """Processes, and what they share.

    Attributes:
        way: gives a process its way to the table.
        ttl: for how many seconds all loads keep items, or None.
        archive: the archive of all.
        reports: those of the loads that ended well, and what they loaded.
    """

    way: Callable[[Process], Any]
    ttl: int | None = None
    archive: MemoryArchive = field(default_factory=MemoryArchive)
    reports: list[tuple[Job, LoadReport]] = field(default_factory=list)
    _living: list[Process] = field(default_factory=list)
    _killed: list[Process] = field(default_factory=list)
    _calls: int = 0
    _passed: int = 0

    async def run(self, jobs: Sequence[Job], steps: Sequence[Step] = ()) -> None:
        """Start all jobs at once; one that is killed, or does not end well, is started again."""
        self.archive.snapshots |= {job.name: job.snapshot.body for job in jobs if job.kind == "archive"}
        self._living = [self._started(job) for job in jobs]
        try:
            await self._run(steps)
        finally:
            for process in [*self._killed, *self._living]:
                await process.bury()

    async def _run(self, steps: Sequence[Step]) -> None:
        for who, calls, which, then in steps:
            await turns()
            if waiting := [process for process in self._living if process.waiting]:
                process = waiting[who % len(waiting)]
                for _ in range(calls - 1):
                    await self._step(process, which)
                await self._step(process, which, then)
        while self._living:
            for process in self._living:
                await self._step(process)

    async def _step(self, process: Process, which: int = 0, then: Then = Then.GOES_ON) -> None:
        self._calls += 1
        assert self._calls < MOST_CALLS
        if process in self._living and process.waiting:
            await process.grant(which, then)
            self._passed += then is Then.TIME_PASSES
        await turns()
        if not any(each.waiting or each.done for each in self._living):
            advance(60)  # all wait until the table may be better
        self._living = [next_one for each in self._living for next_one in self._after(each)]

    @property
    def _is_late(self) -> bool:
        """Tell whether so much time passed that a manifest may not have been written in time."""
        return self._passed * LONG >= MANIFEST_SECONDS

    def _after(self, process: Process) -> list[Process]:
        """Give the process, the one that is started in its place, or none if its load ended well."""
        if process.killed:
            self._killed.append(process)
        elif not process.done:
            return [process]
        elif not process.task.cancelled():
            report = process.task.result()
            if report.status in GOOD:
                self.reports.append((process.job, report))
                return []
            assert process.harmed or self._is_late or NAME_TAKEN in str(report.error), report
        return [self._started(process.job)]

    def _started(self, job: Job) -> Process:
        return Process(job, self._load)

    async def _load(self, process: Process) -> LoadReport:
        with suppress(Unavailable):  # when it begins is a matter of its turn, too
            await process.turn(partial(turns, 0))
        archive = archive_of(process, self.archive)
        job, storage = process.job, Storage(archive, self.way(process))
        live, taken = job.kind == "live", job.snapshot.taken
        how = plan(live=live, deadline=job.deadline, snapshot_time=taken, ttl=self.ttl)
        return await load(job.source(archive), storage, how, now=lambda: NOW)


def on_standing_clock(work: Coroutine[Any, Any, None]) -> None:
    """Run something on a StandingLoop of its own."""
    with asyncio.Runner(loop_factory=StandingLoop) as runner:
        runner.run(work)
