"""The report of one load: what became of every record.

One rule: every record has exactly one fate, and `check` says so before a report leaves the program.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from aqi_service.core.rescoring import IndexChanges
from aqi_service.core.times import iso

NOT_24H_RATIO = 1.5
"""A snapshot with more PM records for each sensor than this has no 24-hour means (those have one each)."""


class Status(StrEnum):
    """How a load ended; complete and incomplete loads have their snapshot in the archive."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    FAILED = "failed"

    @property
    def is_finished(self) -> bool:
        """Whether the whole snapshot is stored."""
        return self in (Status.COMPLETE, Status.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Fates:
    """The number of records with each fate; `total` is their sum."""

    stored: int = 0
    unchanged: int = 0
    superseded: int = 0
    merged: int = 0
    rejected: int = 0
    without_pm: int = 0
    expired: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        """The sum of all fates."""
        return sum(asdict(self).values())


@dataclass(frozen=True, slots=True)
class DayFacts:
    """What the report on a day of daily files has in addition.

    Attributes:
        files: how many files the day has.
        days: sensors with a value of PM2.5 or PM10 in at least one hour.
        hours_missing: hours of these sensors without a value of either.
        digest: a digest of its files' names, sizes and times, by which the day is recognised.
    """

    files: int = 0
    days: int = 0
    hours_missing: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """One load, as it is printed, and kept as the snapshot's manifest.

    `snapshot` is the archived snapshot's name, or the name of a day of daily files; None without a manifest.
    `day` has what only such a day adds, `newest` the newest timestamp, `started` epoch seconds. `indices` is
    printed if the table was scored again.

    The nine fields from `mostly_since` to `kept_as` are not printed. Nine in ten usable records are of time
    `mostly_since` (epoch seconds) or later; `retry_after` is what a failed source asked for; `for_good` tells
    that waiting cannot mend the failure; `in_glacier` that the snapshot must be restored first; `clock_off`
    that the clock is wrong; `example` is an id that the table has; `careful` counts the records that were no
    ordinary ones; `load_id` is the id in this load's log lines; `kept_as` is the archived snapshot, maybe an
    earlier one, with this content.
    """

    status: Status
    source: str
    snapshot: str | None
    snapshot_time: int
    sha256: str | None
    bytes: int
    table: str
    scale: str
    version: str
    records: int
    fates: Fates
    sensors: int
    newest: str | None
    reasons: Mapping[str, int]
    warnings: Mapping[str, int]
    started: float
    seconds: float
    dry_run: bool = False
    error: str | None = None
    day: DayFacts | None = None
    mostly_since: int | None = field(default=None, compare=False)
    retry_after: float | None = field(default=None, compare=False)
    for_good: bool = field(default=False, compare=False)
    in_glacier: bool = field(default=False, compare=False)
    clock_off: bool = field(default=False, compare=False)
    example: str | None = field(default=None, compare=False)
    careful: int = field(default=0, compare=False)
    load_id: str = field(default="", compare=False)
    kept_as: str | None = field(default=None, compare=False)
    indices: IndexChanges | None = field(default=None, compare=False)

    def check(self) -> None:
        """Raise ValueError unless the fates add up to the records."""
        if self.fates.total != self.records:
            raise ValueError(f"{self.records} records, but {self.fates.total} fates: {self.fates}")

    def as_json(self) -> dict[str, Any]:
        """Return the report in its printed form and order."""
        return {
            "status": str(self.status),
            "source": self.source,
            "snapshot": self.snapshot,
            "snapshot_time": iso(self.snapshot_time),
            "sha256": self.sha256,
            "bytes": self.bytes,
            "table": self.table,
            "scale": self.scale,
            "version": self.version,
            "records": self.records,
            **asdict(self.fates),
            "sensors": self.sensors,
            "newest": self.newest,
            "reasons": dict(self.reasons),
            "warnings": dict(self.warnings),
            **({} if self.indices is None else {"indices": self.indices.as_json()}),
            "started": iso(self.started),
            "seconds": round(self.seconds, 3),
            "dry_run": self.dry_run,
            "error": self.error,
            **(asdict(self.day) if self.day else {}),
        }


def snapshot_warnings(records: int, pm_records: int, pm_rejected: int, sensors: int) -> dict[str, int]:
    """Return what is odd about a snapshot as a whole: warnings, each counted once."""
    odd = {
        "empty_feed": records == 0,
        "not_24h_mean": pm_records > NOT_24H_RATIO * sensors > 0,
        "mostly_rejected": pm_rejected * 2 > pm_records,
    }
    return {name: 1 for name, true in odd.items() if true}
