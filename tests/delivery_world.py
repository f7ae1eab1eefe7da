"""Several loads at once into one archive and one table, killed and started again until all are done.

One rule: the table is changed by the loads alone.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from aqi_service.core.records import RecordSplitter
from aqi_service.core.report import LoadReport, Status
from aqi_service.delivery import Delivery
from aqi_service.errors import Unavailable
from aqi_service.load import load
from aqi_service.storage import Storage
from tests.delivery_processes import Job, Process, Step, Then, archive_of, pass_time
from tests.delivery_snapshots import NOW
from tests.load_helpers import plan
from tests.storage_doubles import MemoryArchive
from tests.wire_fixtures import turns

MOST_CALLS = 20_000
"""No example needs so many: a load goes on for ever."""

GOOD = (Status.COMPLETE, Status.UNCHANGED)


@contextmanager
def in_pieces(group_size: int, window: int) -> Iterator[None]:
    """Let loads read so many bytes at a time, and deliver in groups of so many items."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aqi_service.load.Delivery", partial(Delivery, group_size=group_size))
        patch.setattr("aqi_service.intake.RecordSplitter", partial(RecordSplitter, window))
        yield


@dataclass
class World:
    """Processes, and what they share.

    Attributes:
        way: gives a process its way to the table.
        how: what all loads have in common, as `plan` takes it.
        archive: the archive of all.
        reports: those of the loads that ended well, and what they loaded.
    """

    way: Callable[[Process], Any]
    how: dict[str, Any] = field(default_factory=dict)
    archive: MemoryArchive = field(default_factory=MemoryArchive)
    reports: list[tuple[Job, LoadReport]] = field(default_factory=list)
    _living: list[Process] = field(default_factory=list)
    _killed: list[Process] = field(default_factory=list)
    _calls: int = 0

    async def run(self, jobs: Sequence[Job], steps: Sequence[Step] = ()) -> None:
        """Start all jobs at once; one that is killed, or does not end well, is started again."""
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
        await turns()
        if not any(each.waiting or each.done for each in self._living):
            pass_time(60)  # all wait until the table may be better
        self._living = [next_one for each in self._living for next_one in self._after(each)]

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
            assert process.harmed or "there is a snapshot" in str(report.error), report
        return [self._started(process.job)]

    def _started(self, job: Job) -> Process:
        return Process(job, self._load)

    async def _load(self, process: Process) -> LoadReport:
        with suppress(Unavailable):  # when it begins is a matter of its turn, too
            await process.turn(partial(turns, 0))
        archive = archive_of(process, self.archive)
        job, storage = process.job, Storage(archive, self.way(process))
        how = plan(
            live=job.kind == "live", deadline=job.deadline, snapshot_time=job.snapshot.taken, **self.how
        )
        return await load(job.source(archive), storage, how, now=lambda: NOW)


def run_on(loop: Callable[[], asyncio.AbstractEventLoop], work: Any) -> None:
    """Run something on a loop of its own."""
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)
