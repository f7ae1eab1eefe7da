r"""THE WRITE PATH: one load, from a source's chunks to a LoadReport.

    source --bytes--> upload (archive)                      complete or absent
                  \-> splitter -> assembler -> delivery      read, decide, write

One rule: each byte is read once, and each record met on the way has one fate in the report.
"""

import asyncio
import hashlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from aqi_service import __version__
from aqi_service.core.items import Item
from aqi_service.core.measurements import Assembler, Rejection, Rules
from aqi_service.core.names import first_free, snapshot_name
from aqi_service.core.records import Batch, RecordSplitter
from aqi_service.core.report import Fates, LoadReport, Status, snapshot_warnings
from aqi_service.core.scales import Scale
from aqi_service.delivery import Delivery
from aqi_service.errors import FetchFailed, SnapshotFailed, SnapshotRejected, Unavailable
from aqi_service.ledger import REJECTS_LIMIT, Ledger, Manifest, is_finished, newest_name
from aqi_service.sources import Incoming, open_source, public_label
from aqi_service.storage import SnapshotInfo, Storage, Upload

log = logging.getLogger(__name__)

LAST_WORDS_SECONDS = 4.0
"""How long a load that is over may still deliver what it has parsed, or one that is interrupted still ask."""

MANIFEST_SECONDS = 30.0
"""How long the manifest may take."""

_ARCHIVED = frozenset({Status.COMPLETE, Status.INCOMPLETE})
_ARRIVED = _ARCHIVED | {Status.UNCHANGED}

Progress = Callable[[int, int], None]
"""Told now and then how many bytes and records a load has read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to load.

    Attributes:
        table: the table's name, for reports and manifests.
        scale: the index to score on.
        agent: the User-Agent to ask with.
        max_bytes: largest decoded size of the snapshot.
        live: True for the live feed: conditional request, batch writes. False for a replay: each item is
            written under the condition that the table's is not newer.
        ttl: seconds from a record's time to its expiry, or None.
        snapshot_time: epoch seconds that name the snapshot, or None for the time of reading.
        deadline: seconds for the whole load, or None.
        dry_run: said in the report; the caller hands in storage that keeps nothing.
    """

    table: str
    scale: Scale
    agent: str
    max_bytes: int
    live: bool
    ttl: int | None = None
    snapshot_time: int | None = None
    deadline: float | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: Status
    error: str | None = None
    retry_after: float | None = None


async def load(
    source: str,
    storage: Storage,
    plan: Plan,
    *,
    now: Callable[[], float],
    progress: Progress = lambda _bytes, _records: None,
) -> LoadReport:
    """Load one snapshot and return its report.

    `source` is a file path, `-` or an http(s) URL. Raises ConfigError for what waiting cannot mend; all
    else ends in a report. Cancelling the task that runs it ends it in order: it returns its report then.
    """
    run = _Load(source, storage, plan, now, progress)
    try:
        outcome = await run.outcome()
        report = await run.report(outcome)
    finally:
        await run.delivery.stop()
    report.check()
    return report


def _resume() -> None:
    """Take back that this task is cancelled, so that it can end in order."""
    if task := asyncio.current_task():
        task.uncancel()


class _Load:
    """One load under way."""

    def __init__(
        self, source: str, storage: Storage, plan: Plan, now: Callable[[], float], progress: Progress
    ) -> None:
        self._source, self._plan, self._now, self._progress = source, plan, now, progress
        self._archive, self._store = storage.archive, storage.store
        self._ledger = Ledger(storage.archive, plan.table)
        self._started = now()
        self._taken = int(self._started // 60 * 60) if plan.snapshot_time is None else plan.snapshot_time
        self._splitter = RecordSplitter()
        self._assembler = Assembler(Rules(plan.scale, self._taken, plan.ttl))
        self._sha, self._bytes = hashlib.sha256(), 0
        self._rejections: list[Rejection] = []
        self._newest: Manifest | None = None
        self._completing: tuple[str, str] | None = None  # name and load id, once it is on its way
        self._archived: str | None = None
        self.delivery = Delivery(storage.store, conditional=not plan.live, now=now)

    async def outcome(self) -> _Outcome:
        """Run the load and say how it ended."""
        try:
            return await self._ending()
        except asyncio.CancelledError:
            _resume()
            return await self._cut("interrupted")

    async def _ending(self) -> _Outcome:
        try:
            async with asyncio.timeout(self._plan.deadline):
                return await self._run()
        except SnapshotRejected as error:
            return await self._ended(Status.REJECTED, str(error))
        except FetchFailed as error:
            return await self._ended(Status.FAILED, str(error), error.retry_after)
        except (SnapshotFailed, Unavailable) as error:
            return await self._ended(Status.FAILED, str(error))
        except TimeoutError:
            return await self._cut(f"not finished within {self._plan.deadline:g} s (--load-deadline)")

    async def report(self, outcome: _Outcome) -> LoadReport:
        """Make the report, and write it as the manifest if the snapshot is in the archive."""
        if self._archived is None:
            return self._make_report(outcome, None)
        latest: Manifest | None = None
        try:
            async with asyncio.timeout(MANIFEST_SECONDS):
                latest = await self._ledger.latest()
                report = self._make_report(outcome, latest)
                if not self._plan.dry_run:
                    await self._ledger.write(report, self._rejections, self.delivery.counts.refused)
        except (Unavailable, SnapshotFailed, TimeoutError) as error:
            why = f"the manifest could not be written: {str(error) or 'no answer'}"
        except asyncio.CancelledError:
            _resume()
            why = "interrupted before the manifest was written"
        else:
            return report
        return self._make_report(_Outcome(Status.INCOMPLETE, outcome.error or why), latest)

    async def _run(self) -> _Outcome:
        names = await self._archive.names()
        newest = newest_name(names)
        self._newest = await self._ledger.manifest(newest) if newest else None
        asks = self._plan.live and self._newest and is_finished(self._newest, self._plan.scale.name)
        known = await self._archive.info(newest) if newest and asks else None
        async with open_source(self._source, self._plan.agent, self._plan.max_bytes, known) as incoming:
            if incoming.not_modified:
                return _Outcome(Status.UNCHANGED)
            name = self._settle_name(incoming, names)
            info = SnapshotInfo(incoming.label, uuid.uuid4().hex, incoming.etag, incoming.last_modified)
            async with self._archive.upload(name, info) as upload:
                await self._stream(incoming.chunks, upload)
                same = self._newest is not None and self._newest.get("sha256") == self._sha.hexdigest()
                if not same:
                    self._completing = (name, info.load_id)
                    await upload.complete()
                    self._archived = name
        await self.delivery.finish()
        if self.delivery.error:
            return _Outcome(Status.FAILED if same else Status.INCOMPLETE, str(self.delivery.error))
        await self._expire()
        return _Outcome(Status.UNCHANGED if same else Status.COMPLETE)

    async def _expire(self) -> None:
        """Delete what has expired; that it cannot be done now is no fault of this load."""
        try:
            await self._store.expire(int(self._now()))
        except Unavailable as error:
            log.warning("expire_failed error=%r: the next load tries again", str(error))

    def _settle_name(self, incoming: Incoming, names: Iterable[str]) -> str:
        """Name the snapshot and set its time: the source's own, what was asked for, or that of reading."""
        name = snapshot_name(self._taken)
        if incoming.named and not self._plan.live:
            name, self._taken = incoming.named
            self._assembler = Assembler(Rules(self._plan.scale, self._taken, self._plan.ttl))
        return first_free(name, frozenset(names))

    async def _stream(self, chunks: AsyncIterator[bytes], upload: Upload) -> None:
        """Read the document once: into the archive, and through splitter and assembler into the table."""
        async for chunk in chunks:
            self._bytes += len(chunk)
            self._sha.update(chunk)
            await upload.write(chunk)
            await self._take(self._splitter.feed(chunk))
            self._progress(self._bytes, self._assembler.findings.records)
        await self._take(self._splitter.close())
        await self._hand_over(self._assembler.close())

    async def _take(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            await self._hand_over(self._assembler.add(batch))
            await asyncio.sleep(0)  # lookups get their turn between two batches

    async def _hand_over(self, outcomes: list[Item | Rejection]) -> None:
        items = [outcome for outcome in outcomes if isinstance(outcome, Item)]
        self.delivery.announce(len(items))
        if (room := REJECTS_LIMIT - len(self._rejections)) and len(items) < len(outcomes):
            self._rejections += [outcome for outcome in outcomes if isinstance(outcome, Rejection)][:room]
        for item in items:
            await self.delivery.add(item)

    async def _ended(self, status: Status, error: str, retry_after: float | None = None) -> _Outcome:
        """End a load whose document turned out bad: what was parsed is valid, so it is delivered."""
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._hand_over(self._assembler.close())
                await self.delivery.finish()
        except TimeoutError:
            await self.delivery.stop()
        return _Outcome(status, error, retry_after)

    async def _cut(self, error: str) -> _Outcome:
        """End a load before its time: stop writing at once; all that is not in the table stays pending."""
        held = self._assembler.close()
        self.delivery.announce(sum(isinstance(outcome, Item) for outcome in held))
        await self.delivery.stop()
        await self._look_again()
        return _Outcome(Status.INCOMPLETE if self._archived else Status.FAILED, error)

    async def _look_again(self) -> None:
        """See whether the snapshot is in the archive although its completion was cut off."""
        if self._archived or not self._completing:
            return
        name, load_id = self._completing
        with suppress(Unavailable, SnapshotFailed, TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                info = await self._archive.info(name)
                self._archived = name if info and info.load_id == load_id else None

    def _make_report(self, outcome: _Outcome, latest: Manifest | None) -> LoadReport:
        findings, counts = self._assembler.findings, self.delivery.counts
        refused = {"refused": len(counts.refused)} if counts.refused else {}
        pm_rejected = findings.pm_rejected + len(counts.refused)
        odd = snapshot_warnings(findings.records, findings.pm_records, pm_rejected, len(findings.sensors))
        if latest is not None and findings.records * 2 < int(latest.get("records") or 0):
            odd["halved_feed"] = 1
        return LoadReport(
            status=outcome.status,
            source=public_label(self._source),
            snapshot=self._archived,
            snapshot_time=self._taken,
            sha256=self._sha.hexdigest() if self._bytes and outcome.status in _ARRIVED else None,
            bytes=self._bytes,
            table=self._plan.table,
            scale=self._plan.scale.name,
            version=__version__,
            records=findings.records,
            fates=Fates(
                stored=counts.stored,
                unchanged=counts.unchanged,
                superseded=counts.superseded,
                merged=findings.merged,
                rejected=findings.rejected + len(counts.refused),
                without_pm=findings.without_pm,
                expired=counts.expired,
                pending=counts.pending,
            ),
            sensors=len(findings.sensors),
            newest=findings.newest[1] if findings.newest else None,
            example=findings.newest[2] if findings.newest else None,
            reasons=dict(findings.reasons) | refused,
            warnings=dict(findings.warnings) | (odd if outcome.status in _ARCHIVED else {}),
            started=self._started,
            seconds=self._now() - self._started,
            dry_run=self._plan.dry_run,
            error=outcome.error,
            retry_after=outcome.retry_after,
        )
