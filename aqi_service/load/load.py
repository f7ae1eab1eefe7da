r"""THE WRITE PATH: one load, from a source's chunks to a LoadReport.

    source --bytes--> upload (archive)                   complete or absent
                  \-> DocumentReader -> TableWriter      records into items; read, decide, write
                                    \--items--> export   for other people's tools
                                            \--ids-->    memory: which records change in the table
    archive --what the table did not take in time--> DocumentReader -> TableWriter

One rule: each byte of the source is read once, and each record has one fate in the report.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial

from aqi_service.core.clocks import check_clock, check_records, check_time
from aqi_service.core.manifest import version_of
from aqi_service.core.parse.document import DocumentReader, ParsedBatch
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import snapshot_name
from aqi_service.errors import SnapshotFailed, Unavailable
from aqi_service.load.ending import Ending
from aqi_service.load.expiry import expire
from aqi_service.load.group_writer import GroupWriter
from aqi_service.load.log_lines import names_log_lines
from aqi_service.load.new_keys import tell_new_key
from aqi_service.load.note import END_SECONDS, LoadNote, note_of
from aqi_service.load.plan import LoadPlan, Progress
from aqi_service.load.report_builder import LoadEnd, builder_of, left_pending
from aqi_service.load.resume import write_pending
from aqi_service.load.table_writer import TableWriter
from aqi_service.load.upload_claim import NAME_TRIES, UploadClaim
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.sources import FetchOptions, OpenSnapshot, Source, from_offset, info_of
from aqi_service.storage.cleanup import afterwards, undo_cancel
from aqi_service.storage.lease import still_held
from aqi_service.storage.ports import SnapshotInfo, Storage, Upload
from aqi_service.storage.turns import let_lookups_pass

log = logging.getLogger("aqi_service")

PATIENCE_SECONDS = 5.0
"""How many seconds, in all, the table may hold back a sending source."""

MANIFEST_SECONDS = 45.0
"""How many seconds the manifest may take: an unanswered request (30 s), and another try."""


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

    Raises ConfigError for faults that waiting cannot mend; everything else ends in a report. If its task is
    cancelled, the load ends in order and still returns its report.
    """
    deadline = plan.deadline and asyncio.get_running_loop().time() + plan.deadline
    tried: set[str] = set()
    for tries_left in reversed(range(NAME_TRIES)):
        run = _Load(source, storage, plan, now, progress, deadline, tried)
        try:
            outcome = await run.ending.outcome(run.go)
            report = await run.report(outcome)
        finally:
            await run.end()
        can_restart = outcome.can_restart and source.can_reread and plan.export.takes_back
        if not (can_restart and tries_left) or not still_held(plan.guard):
            break
        log.info("load_restarted", extra={"reason": outcome.error})
    report.check()
    if report.status is not Status.FAILED:  # it brought no newer data, and may not know what time it is
        await expire(storage.store, ManifestStore(storage, plan.table), now())
    return report


@dataclass
class _Load:
    """One load, in the order of events: `go`, then `report`, then `end`; `ending` says how `go` ended.

    Attributes:
        now: the wall clock, in epoch seconds.
        deadline: when it has to end, on the loop's clock; None is never.
        tried: names that others had, which are not tried again.
    """

    source: Source
    storage: Storage
    plan: LoadPlan
    now: Callable[[], float]
    progress: Progress
    deadline: float | None
    tried: set[str]

    def __post_init__(self) -> None:
        source, plan, store, started = self.source, self.plan, self.storage.store, self.now()
        snapshot_time = int(started // 60 * 60) if plan.snapshot_time is None else plan.snapshot_time
        # What the time of reading names goes by the clock, as it was at the start.
        self._goes_by_clock = plan.live or (source.named is None and plan.snapshot_time is None)
        self._name, snapshot_time = source.named or (snapshot_name(snapshot_time), snapshot_time)
        self._archive = self.storage.archive
        self._manifests = ManifestStore(self.storage, plan.table, plan.ttl, self.now)
        self._builder = builder_of(source, plan, started, snapshot_time)
        is_daily = source.day is not None
        self._rules = ScoringRules(plan.scale, snapshot_time, plan.ttl, plan.excluded, is_daily)
        self._reader = DocumentReader(self._rules, max_records=plan.max_records)
        self._claim = UploadClaim(self._archive, self._name, self.tried)
        put = partial(store.put, conditional=not plan.live, guard=plan.guard)
        note = note_of(plan, source, started, snapshot_time)
        self._note = LoadNote(self._manifests.latest_json, note, put, replay=not plan.live)
        patience = None if source.can_wait else PATIENCE_SECONDS
        # The ids of days are in no snapshot, so no memory can have an older record of one.
        noted_put = put if is_daily else self._note.put
        self._watch = plan.watch()
        self._group_writer = GroupWriter(store, noted_put, now=self.now, watch=self._watch)
        self.writer = TableWriter(self._group_writer, patience=patience)
        self._builder.indices = self._group_writer.changes if plan.rescore else None
        archived = self._name if source.has_manifest else None
        seconds, deadline = plan.deadline, self.deadline
        self.ending = Ending(self.writer, self._builder, self._claim, archived, seconds, deadline)
        self._complete: LoadReport | None = None

    async def go(self) -> LoadEnd:
        """Open the source, archive and parse its bytes, and write everything into the table."""
        check_clock(self._builder.started, self.plan.released)
        check_time(self._builder.snapshot_time, self._builder.started)
        await self._note.look()
        if not self.plan.rescore:  # another load may have changed the table's scale since this process began
            await self._manifests.check_scale(self.plan.scale.name)
        if self.plan.ttl is not None:
            self._group_writer.data_time = await self._manifests.data_time()
        async with self.plan.export.snapshot() as self._export:
            return await (self._run_archived() if self.source.to_archive else self._run_unarchived())

    async def _run_archived(self) -> LoadEnd:
        """Load a source that is archived in the same pass, unless the archive has its content."""
        names = await self._archive.names()
        asks = self.plan.asks_for_news
        known = await self._manifests.known(names, self.plan.scale.name) if asks else None
        async with self._open_source(known) as incoming:
            if self._goes_by_clock:
                check_clock(self._builder.started, self.plan.released, incoming.clock)
            if incoming.not_modified:
                return LoadEnd(Status.UNCHANGED)
            same = await self._upload_and_parse(incoming, names)
        self._builder.as_text = await self._export.complete(self._builder.exported(same or self._name))
        if same and not await self._manifests.finished(same, self.plan.scale.name, self.plan.ttl):
            self._builder.note_archived(same)  # then this is the load of that one
        self._builder.same = same
        return await self._write_pending(
            same or self._builder.archived, unchanged=self._builder.archived is None
        )

    async def _run_unarchived(self) -> LoadEnd:
        """Load a source that is already in the archive, or that is not to be kept."""
        async with self._open_source() as incoming:
            self._builder.day = incoming.day
            await self._parse(incoming, None)
        self._builder.as_text = await self._export.complete(self._builder.exported(self._name))
        self._builder.archived = self._name if self.source.has_manifest else None
        return await self._write_pending(self._builder.archived, unchanged=False)

    def _open_source(self, known: SnapshotInfo | None = None) -> AbstractAsyncContextManager[OpenSnapshot]:
        self.plan.guard()  # what came before may have taken longer than the lease lasted
        return self.source.open(FetchOptions(self.plan.agent, self.plan.max_bytes, known))

    async def _upload_and_parse(self, incoming: OpenSnapshot, names: Sequence[str]) -> str | None:
        """Archive the bytes while they are loaded, or return the archived snapshot with the same content."""
        info = info_of(self.source, incoming)
        async with self._claim.begin_upload(info, names) as upload:
            await self._parse(incoming, upload)
            names = await self._archive.names()  # read again: other loads may have ended meanwhile
            if same := await self._manifests.same(
                names, self._builder.snapshot_time, self._builder.sha.hexdigest(), self.source.noted
            ):
                return same
            self._builder.archived = await self._claim.complete(upload, info)
        return None

    async def _parse(self, incoming: OpenSnapshot, upload: Upload | None) -> None:
        """Read the document once: into the archive, and record by record into the table."""
        async for chunk in incoming.chunks:
            self._builder.count(chunk)
            if upload:
                await upload.write(chunk)
            await self._write(self._reader.feed(chunk))
            self.progress(self._builder.bytes_read, self._reader.counts.records, incoming.total)
        await self._write(self._reader.close())
        tell_new_key(self._reader.new_key)
        self._builder.whole = True
        if self._goes_by_clock:
            check_records(self._reader.counts.ahead, self._reader.counts.dated, self._builder.started)

    async def _write(self, batches: Iterable[ParsedBatch]) -> None:
        for batch in batches:
            self.writer.announce(len(batch.items))
            self._builder.rejects.add(batch.rejections)
            await self._export.add(batch.items)
            await self.writer.add(batch.items, batch.position)
            await let_lookups_pass()

    async def _write_pending(self, name: str | None, *, unchanged: bool) -> LoadEnd:
        """Bring the rest from the archived snapshot `name` into the table, and return how the load ended."""
        await self.writer.flush()
        if name is not None and not self.plan.dry_run:
            await write_pending(self.writer, partial(self._reread, name), self._rules, self.deadline)
        if self.writer.error or self.writer.counts.pending:
            return left_pending(self.writer.error, archived=self._builder.archived is not None)
        return LoadEnd(Status.UNCHANGED if unchanged else Status.COMPLETE)

    def _reread(self, name: str, offset: int) -> AsyncGenerator[bytes, None]:
        """Give the document again from a byte on; a person may have put it into the archive packed."""
        if self.source.has_manifest:
            return from_offset(self.source, FetchOptions(self.plan.agent, self.plan.max_bytes), offset)
        return self._archive.read(name, offset)

    async def report(self, outcome: LoadEnd) -> LoadReport:
        """Make the report, and write it as the manifest if the snapshot is in the archive."""
        counts = self._reader.counts, self.writer.counts
        latest = None
        if self._builder.archived is None:
            return self._builder.report(outcome, *counts)
        try:
            async with asyncio.timeout(MANIFEST_SECONDS):
                latest = None if self.source.day else await self._manifests.latest()
                report = self._builder.report(outcome, *counts, latest)
                if not self.plan.dry_run:
                    rejects = self._builder.rejects.body(self.writer.counts.refused)
                    await self._manifests.write(report, rejects, self._note.noted)
        except (Unavailable, SnapshotFailed, TimeoutError) as error:
            why = f"the manifest could not be written: {str(error) or 'no answer'}"
        except asyncio.CancelledError:
            undo_cancel()
            why = "interrupted before the manifest was written"
        else:
            if report.status is Status.COMPLETE:
                self._note.settled()
                self._complete = report
            return report
        return self._builder.report(LoadEnd(Status.INCOMPLETE, outcome.error or why), *counts, latest)

    async def end(self) -> None:
        """Write no more, and tell memory (which may now read a finished snapshot) and the note."""
        await self.writer.stop()
        self._watch.ends(None if self._complete is None else version_of(self._complete.as_json()))
        await afterwards(self._note.end(), END_SECONDS, "end_not_noted")
