r"""THE WRITE PATH: one load, from a source's chunks to a LoadReport.

    source --bytes--> upload (archive)        complete or absent
                  \-> intake -> delivery       records into items; read, decide, write
    archive --what the table did not take in time--> intake -> delivery

One rule: each byte of the source is read once, and each record met on the way has one fate in the report.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from aqi_service.core.clocks import check_clock, check_time
from aqi_service.core.parse.document import DocumentReader, ParsedBatch
from aqi_service.core.parse.measurements import ScoringRules
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import first_free, snapshot_name
from aqi_service.core.standing import Manifest
from aqi_service.errors import ClockOff, FetchFailed, NameInUse, SnapshotFailed, SnapshotRejected, Unavailable
from aqi_service.load.cleanup import afterwards, undo_cancel
from aqi_service.load.expiry import expire
from aqi_service.load.log_lines import names_log_lines
from aqi_service.load.note import END_SECONDS, LoadNote, note_of
from aqi_service.load.plan import LoadPlan, Progress
from aqi_service.load.report_builder import LoadEnd, ReportBuilder, left_pending
from aqi_service.load.resume import write_pending
from aqi_service.load.table_writer import TableWriter
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.sources import FetchOptions, OpenSnapshot, Source, from_offset, info_of
from aqi_service.storage.ports import SnapshotInfo, Storage, Upload, still_held

log = logging.getLogger("aqi_service")

LAST_WORDS_SECONDS = 4.0
"""How long a load whose document turned out bad may still deliver what it has parsed."""

LOOK_SECONDS = 1.5
"""How long a load that was cut off while it completed may ask whether it did."""

MANIFEST_SECONDS = 45.0
"""How long the manifest may take: a request that is not answered (30 s), and another try."""

PATIENCE_SECONDS = 5.0
"""How long, in all, the table may hold back a source that is sending."""

NAME_TRIES = 3
"""How often a load begins anew because another one took its snapshot's name."""


class _Watch(NamedTuple):
    """The wall clock, who is told of progress, and when the load has to end on the loop's clock."""

    now: Callable[[], float]
    progress: Progress
    ends: float | None


@names_log_lines
async def load(
    source: Source,
    storage: Storage,
    plan: LoadPlan,
    *,
    now: Callable[[], float],
    progress: Progress = lambda _bytes, _records, _total: None,
) -> LoadReport:
    """Load one snapshot and return its report.

    Raises ConfigError for what waiting cannot mend; all else ends in a report. Cancelling the task that runs
    it ends it in order: it returns its report then.
    """
    watch = _Watch(now, progress, plan.deadline and asyncio.get_running_loop().time() + plan.deadline)
    tried: set[str] = set()
    for left in reversed(range(NAME_TRIES)):
        run = _Load(source, storage, plan, watch, tried)
        try:
            report = await run.report(outcome := await run.outcome())
        finally:
            await run.writer.stop()
            await afterwards(run.noting.end(), END_SECONDS, "end_not_noted")
        if not (outcome.can_restart and left and source.can_reread) or not still_held(plan.guard):
            break
        log.info("load_restarted", extra={"reason": outcome.error})
    report.check()
    if report.status is not Status.FAILED:  # it brought no newer data, and may not know what time it is
        await expire(storage.store, ManifestStore(storage, plan.table), now())
    return report


class _Load:
    """One load under way."""

    def __init__(
        self, source: Source, storage: Storage, plan: LoadPlan, watch: _Watch, tried: set[str]
    ) -> None:
        self._source, self._plan, self._tried = source, plan, tried
        self._now, self._progress, self._ends = watch
        self._archive, self._store = storage.archive, storage.store
        self._ledger = ManifestStore(storage, plan.table, plan.ttl, watch.now)
        started = watch.now()
        taken = int(started // 60 * 60) if plan.snapshot_time is None else plan.snapshot_time
        self._is_named_now = source.named is None and plan.snapshot_time is None
        self._name, taken = source.named or (snapshot_name(taken), taken)
        self._tally = ReportBuilder(source.label, plan.table, plan.scale.name, started, taken, plan.dry_run)
        self._rules = ScoringRules(plan.scale, taken, plan.ttl)
        self._intake = DocumentReader(self._rules)
        self._completing: tuple[str, str] | None = None  # name and load id, once it is on its way
        patience = None if source.can_wait else PATIENCE_SECONDS
        put = partial(storage.store.put, conditional=not plan.live, guard=plan.guard)
        self.noting = LoadNote(self._ledger, note_of(plan, source, started, taken), put, replay=not plan.live)
        self.writer = TableWriter(storage.store, self.noting.put, now=watch.now, patience=patience)
        self.writer.on_table_state = plan.on_table_state()

    async def outcome(self) -> LoadEnd:
        """Run the load and say how it ended."""
        try:
            return await self._ending()
        except asyncio.CancelledError:
            undo_cancel()
        with suppress(asyncio.CancelledError):
            return await self._cut("interrupted")
        undo_cancel()  # cancelled a second time: what is known now has to do
        return self._end("interrupted")

    async def _ending(self) -> LoadEnd:
        try:
            async with asyncio.timeout_at(self._ends):
                return await self._run()
        except SnapshotRejected as error:
            return await self._ended(LoadEnd(Status.REJECTED, str(error)))
        except FetchFailed as error:
            outcome = LoadEnd(Status.FAILED, str(error), error.retry_after, for_good=error.for_good)
            return await self._ended(outcome)
        except ClockOff as error:
            return LoadEnd(Status.FAILED, str(error), clock_off=True)
        except (SnapshotFailed, Unavailable) as error:
            outcome = LoadEnd(Status.FAILED, str(error), can_restart=isinstance(error, NameInUse))
            return await self._ended(outcome)
        except TimeoutError:
            return await self._cut(f"not finished within {self._plan.deadline:g} s (--load-deadline)")

    async def report(self, outcome: LoadEnd) -> LoadReport:
        """Make the report, and write it as the manifest if the snapshot is in the archive."""
        if self._tally.archived is None:
            return self._made_report(outcome, None)
        latest: Manifest | None = None
        try:
            async with asyncio.timeout(MANIFEST_SECONDS):
                latest = await self._ledger.latest()
                report = self._made_report(outcome, latest)
                if not self._plan.dry_run:
                    rejects = self._tally.rejects.body(self.writer.counts.refused)
                    await self._ledger.write(report, rejects, self.noting.noted)
        except (Unavailable, SnapshotFailed, TimeoutError) as error:
            why = f"the manifest could not be written: {str(error) or 'no answer'}"
        except asyncio.CancelledError:
            undo_cancel()
            why = "interrupted before the manifest was written"
        else:
            if report.status is Status.COMPLETE:
                self.noting.settled()
            return report
        return self._made_report(LoadEnd(Status.INCOMPLETE, outcome.error or why), latest)

    def _made_report(self, outcome: LoadEnd, latest: Manifest | None) -> LoadReport:
        return self._tally.report(outcome, self._intake.counts, self.writer.counts, latest)

    async def _run(self) -> LoadEnd:
        check_clock(self._tally.started, self._plan.released)
        check_time(self._tally.snapshot_time, self._tally.started)
        await self.noting.look()
        if self._plan.ttl is not None:
            self.writer.newest = await self._ledger.newest()
        if not self._source.to_archive:
            return await self._run_unarchived()
        names = await self._archive.names()
        known = await self._ledger.known(names, self._plan.scale.name) if self._plan.live else None
        async with self._opened(known) as incoming:
            if self._plan.live or self._is_named_now:  # then by the clock, as it was at the start
                check_clock(self._tally.started, self._plan.released, incoming.clock)
            if incoming.not_modified:
                return LoadEnd(Status.UNCHANGED)
            same = await self._archived(incoming, names)
        if same and not await self._ledger.finished(same, self._plan.scale.name):
            self._tally.note_archived(same)  # then this is the load of that one
        return await self._settled(same or self._tally.archived, unchanged=self._tally.archived is None)

    async def _run_unarchived(self) -> LoadEnd:
        """Load what is in the archive already, or what is not to be kept."""
        async with self._opened(None) as incoming:
            await self._stream(incoming, None)
        self._tally.archived = self._name if self._source.archived else None
        return await self._settled(self._tally.archived, unchanged=False)

    def _opened(self, known: SnapshotInfo | None) -> AbstractAsyncContextManager[OpenSnapshot]:
        self._plan.guard()  # what came before may have taken longer than the lease lasted
        return self._source.open(self._asking(known))

    def _asking(self, known: SnapshotInfo | None = None) -> FetchOptions:
        return FetchOptions(self._plan.agent, self._plan.max_bytes, known)

    async def _archived(self, incoming: OpenSnapshot, names: Sequence[str]) -> str | None:
        """Archive what comes in while it is loaded, or name the archived snapshot that has its content."""
        info = info_of(self._source, incoming)
        async with AsyncExitStack() as stack:
            name, upload = await self._begun(stack, info, names)
            await self._stream(incoming, upload)
            there = await self._archive.names()  # read again: other loads may have ended meanwhile
            if same := await self._ledger.same(there, self._tally.snapshot_time, self._tally.sha.hexdigest()):
                return same
            self._completing = (name, info.load_id)
            await upload.complete()
            self._tally.archived = name
            return None

    async def _begun(
        self, stack: AsyncExitStack, info: SnapshotInfo, names: Sequence[str]
    ) -> tuple[str, Upload]:
        """Begin an upload under the first name that no snapshot has, and no other load is writing."""
        for _ in range(NAME_TRIES - 1):
            with suppress(NameInUse):
                return await self._begin(stack, info, names)
        return await self._begin(stack, info, names)

    async def _begin(
        self, stack: AsyncExitStack, info: SnapshotInfo, names: Sequence[str]
    ) -> tuple[str, Upload]:
        name = first_free(self._name, self._tried.union(names))
        self._tried.add(name)
        return name, await stack.enter_async_context(self._archive.upload(name, info))

    async def _settled(self, name: str | None, *, unchanged: bool) -> LoadEnd:
        """Bring the rest into the table out of the archived snapshot `name`, and say how the load ended."""
        await self.writer.flush()
        if name is not None and not self._plan.dry_run:
            await write_pending(self.writer, partial(self._reread, name), self._rules, self._ends)
        if self.writer.error or self.writer.counts.pending:
            return left_pending(self.writer.error, archived=self._tally.archived is not None)
        return LoadEnd(Status.UNCHANGED if unchanged else Status.COMPLETE)

    def _reread(self, name: str, offset: int) -> AsyncGenerator[bytes, None]:
        """Give the archived document again, from a byte on; one that a person put there may be packed."""
        if self._source.archived:
            return from_offset(self._source, self._asking(), offset)
        return self._archive.read(name, offset)

    async def _stream(self, incoming: OpenSnapshot, upload: Upload | None) -> None:
        """Read the document once: into the archive, and through the intake into the table."""
        async for chunk in incoming.chunks:
            self._tally.count(chunk)
            if upload:
                await upload.write(chunk)
            await self._take(self._intake.feed(chunk))
            self._progress(self._tally.size, self._intake.counts.records, incoming.total)
        await self._take(self._intake.close())
        self._tally.whole = True

    async def _take(self, portions: Iterable[ParsedBatch]) -> None:
        for portion in portions:
            self.writer.announce(len(portion.items))
            self._tally.rejects.add(portion.rejections)
            await self.writer.add(portion.items, portion.mark)
            await asyncio.sleep(0)  # lookups get their turn between two batches

    async def _ended(self, outcome: LoadEnd) -> LoadEnd:
        """End a load whose document turned out bad: what was parsed is valid, so it is delivered.

        Half a measurement is not: it stays pending. With the snapshot archived, just its rereading failed.
        """
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self.writer.flush()
        except TimeoutError:
            await self.writer.stop()
        return replace(outcome, status=Status.INCOMPLETE) if self._tally.archived else outcome

    async def _cut(self, error: str) -> LoadEnd:
        """End a load before its time: stop writing at once; all that is not in the table stays pending."""
        await self.writer.stop()
        self._tally.archived = self._name if self._source.archived else self._tally.archived
        await self._look_again()
        return self._end(error)

    def _end(self, error: str) -> LoadEnd:
        return LoadEnd(Status.INCOMPLETE if self._tally.archived else Status.FAILED, error)

    async def _look_again(self) -> None:
        """See whether the snapshot is in the archive although its completion was cut off."""
        if self._tally.archived or not self._completing:
            return
        name, load_id = self._completing
        with suppress(Unavailable, SnapshotFailed, TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                info = await self._archive.info(name)
                self._tally.archived = name if info and info.load_id == load_id else None
