"""What a load has read and done so far, and the report about it.

One rule: the report says only what is counted here.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aqi_service import __version__
from aqi_service.core.export_paths import ExportedSnapshot
from aqi_service.core.fates import FateCounts
from aqi_service.core.manifest import Manifest
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.day_csv import DayCounts
from aqi_service.core.rejects import Rejects
from aqi_service.core.report import DayFacts, Fates, LoadReport, Status, snapshot_warnings
from aqi_service.core.rescoring import IndexChanges
from aqi_service.core.snapshot_names import order_of, parse_name
from aqi_service.core.times import is_old, iso
from aqi_service.errors import (
    AqiError,
    ClockOff,
    ConfigError,
    FetchFailed,
    InGlacier,
    NameInUse,
    SnapshotRejected,
)
from aqi_service.load.plan import LoadPlan
from aqi_service.snapshots.sources import Source

_ARRIVED = frozenset({Status.COMPLETE, Status.INCOMPLETE, Status.UNCHANGED})


@dataclass(frozen=True, slots=True)
class LoadEnd:
    """How a load ended.

    `can_restart` tells that it may begin again from the source; `for_good` that waiting cannot mend it;
    `in_glacier` that its snapshot must be restored first; `clock_off` that it did not begin because of the
    clock.
    """

    status: Status
    error: str | None = None
    retry_after: float | None = None
    can_restart: bool = False
    for_good: bool = False
    in_glacier: bool = False
    clock_off: bool = False


def end_of(error: AqiError) -> LoadEnd:
    """Return the end of a load that an error stopped."""
    return LoadEnd(
        Status.REJECTED if isinstance(error, SnapshotRejected) else Status.FAILED,
        str(error),
        error.retry_after if isinstance(error, FetchFailed) else None,
        can_restart=isinstance(error, NameInUse),
        for_good=isinstance(error, FetchFailed) and error.for_good,
        in_glacier=isinstance(error, InGlacier),
        clock_off=isinstance(error, ClockOff),
    )


def left_pending(error: AqiError | None, *, archived: bool) -> LoadEnd:
    """Return the end of a load whose items the table did not all take; `error` is the table's, if any."""
    why = str(error or "the table did not take all of it")
    status = Status.INCOMPLETE if archived else Status.FAILED
    return LoadEnd(status, why, for_good=isinstance(error, ConfigError))


def _loop_clock() -> Callable[[], float]:
    return asyncio.get_running_loop().time


@dataclass(slots=True)
class ReportBuilder:
    """One load's counts.

    Attributes:
        source: where the snapshot comes from, without credentials or query.
        table: the table's name.
        scale: name of the scale.
        started: epoch seconds.
        snapshot_time: the snapshot's time, epoch seconds.
        archived: its name, once it is in the archive.
        same: the name of a finished snapshot that has its content.
        size: decoded bytes that were read.
        sha: the digest of these bytes.
        whole: True once the document has been read to its end.
        rejects: the list of rejected records.
        indices: how indices changed, if that is asked for.
        is_other_mean: whether the source says by its name that its values are no 24-hour means.
        day_facts: what is known beforehand of a day of daily files; None for a snapshot.
        exported_as: the name of a day in an export; empty for a snapshot.
        day: counts of the day's files, as soon as they are being read.
        as_text: how many numbers an export has only as text.
        clock: measures how long the load takes; unlike the wall clock, nobody sets it.
        begun: what that clock said at the start.
    """

    source: str
    table: str
    scale: str
    started: float
    snapshot_time: int
    dry_run: bool = False
    archived: str | None = None
    same: str | None = None
    size: int = 0
    whole: bool = False
    sha: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    rejects: Rejects = field(default_factory=Rejects)
    indices: IndexChanges | None = None
    is_other_mean: bool = False
    day_facts: DayFacts | None = None
    exported_as: str = ""
    day: DayCounts | None = None
    as_text: int = 0
    clock: Callable[[], float] = field(default_factory=_loop_clock)
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    @property
    def bytes_read(self) -> int:
        """Decoded bytes of the source: for a day those of its files, not of the document made from them."""
        return self.day.bytes if self.day else self.size

    def count(self, chunk: bytes) -> None:
        """Count a chunk of the document."""
        self.size += len(chunk)
        self.sha.update(chunk)

    def note_archived(self, name: str) -> None:
        """Note that the snapshot is already in the archive, and its time."""
        self.archived, self.snapshot_time = parse_name(name) or (name, self.snapshot_time)

    def exported(self, name: str) -> ExportedSnapshot:
        """Return the snapshot for the export; its name is that in the archive, if it is there."""
        name = self.exported_as or self.archived or name
        return ExportedSnapshot(name, order_of(name)[0] or self.snapshot_time, self.sha.hexdigest())

    def report(
        self,
        outcome: LoadEnd,
        parsed: ParseCounts,
        counts: FateCounts,
        latest: Manifest | None = None,
    ) -> LoadReport:
        """Make the report; `latest` is the newest finished manifest, for a comparison if it is older."""
        arrived = self.whole and outcome.status in _ARRIVED
        warnings = dict(parsed.warnings) | (dict(self.day.warnings) if self.day else {})
        if counts.items_per_second is not None:
            warnings["throttled_items_per_second"] = round(counts.items_per_second)
        if self.as_text:
            warnings["decimals_as_text"] = self.as_text
        return LoadReport(
            status=outcome.status,
            source=self.source,
            snapshot=self.archived,
            snapshot_time=self.snapshot_time,
            sha256=self.sha.hexdigest() if arrived and not self.day_facts else None,
            bytes=self.bytes_read,
            table=self.table,
            scale=self.scale,
            version=__version__,
            records=parsed.records,
            fates=_fates(parsed, counts),
            sensors=len(parsed.sensors),
            newest=parsed.newest[1] if parsed.newest else None,
            mostly_since=parsed.times.mostly_since(),
            example=counts.example,
            careful=parsed.careful,
            reasons=dict(parsed.reasons) | ({"refused": len(counts.refused)} if counts.refused else {}),
            warnings=warnings | (self._odd(parsed, counts, latest) if arrived else {}),
            started=self.started,
            seconds=self.clock() - self.begun,
            dry_run=self.dry_run,
            error=outcome.error,
            day=self._of_day(),
            retry_after=outcome.retry_after,
            for_good=outcome.for_good,
            in_glacier=outcome.in_glacier,
            clock_off=outcome.clock_off,
            kept_as=self.archived or self.same,
            indices=self.indices,
        )

    def _of_day(self) -> DayFacts | None:
        facts, day = self.day_facts, self.day
        if facts is None or day is None:
            return facts
        return replace(facts, days=day.days, hours_missing=day.hours_missing)

    def _odd(self, parsed: ParseCounts, counts: FateCounts, latest: Manifest | None) -> dict[str, int]:
        """Warn of oddities of a snapshot that arrived whole, compared with an older one."""
        pm_rejected = parsed.pm_rejected + len(counts.refused)
        odd = snapshot_warnings(parsed.records, parsed.pm_records, pm_rejected, len(parsed.sensors))
        if self.is_other_mean:
            odd["not_24h_mean"] = 1
        is_older = latest and str(latest.get("snapshot_time", "")) <= iso(self.snapshot_time)
        if latest and is_older and parsed.records * 2 < int(latest.get("records") or 0):
            odd["halved_feed"] = 1
        if parsed.newest and is_old(parsed.newest[0], self.snapshot_time):
            odd["old_snapshot"] = 1
        return odd


def builder_of(source: Source, plan: LoadPlan, started: float, snapshot_time: int) -> ReportBuilder:
    """Begin the counts of a load; `started` and `snapshot_time` are in epoch seconds."""
    return ReportBuilder(
        source.label,
        plan.table,
        plan.scale.name,
        started,
        snapshot_time,
        plan.dry_run,
        is_other_mean=source.is_other_mean,
        day_facts=source.day,
        exported_as=source.exported_as,
    )


def skipped(source: Source, name: str, table: str, scale: str, now: float) -> LoadReport:
    """Return the report of a source that is not read, since its snapshot, or day, `name` is finished."""
    snapshot_time = source.named[1] if source.named and source.day else order_of(name)[0]
    builder = ReportBuilder(
        source.label, table, scale, now, snapshot_time, archived=name, day_facts=source.day
    )
    return builder.report(LoadEnd(Status.UNCHANGED), ParseCounts(), FateCounts())


def _fates(parsed: ParseCounts, counts: FateCounts) -> Fates:
    return Fates(
        stored=counts.stored,
        unchanged=counts.unchanged,
        superseded=counts.superseded,
        merged=parsed.merged,
        rejected=parsed.rejected + len(counts.refused),
        without_pm=parsed.without_pm,
        expired=counts.expired,
        pending=counts.pending + parsed.pending_half,
    )
