"""A second clock for ages, from the times of nearly all records of a load: a few records cannot move it.

One rule: what is deleted is old compared with nearly all records of a load, never with its newest alone. Some
records may have the time of a wrong clock, but not nine in ten of a mean over 24 hours. A load with under
half of the witness's records moves it only a little at a time.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aqi_service.core.times import DAY, EARLIEST, HOUR, feed_time, iso

KEY = "witness"
"""Its key in `latest.json`."""

MOST_PAUSE = 26 * HOUR
"""If two snapshots are further apart, the clock may have been set between them."""

_FINE_SECONDS = 60 * DAY
_NEVER = 2**63


class MeasuredTimes:
    """Counts of records by the hour of measurement (by the day, if over 60 days before the snapshot).

    All times are epoch seconds; there are at most some thousands of counts, whatever the records say.
    """

    def __init__(self, snapshot_time: int = 0) -> None:
        self._fine_from = snapshot_time - _FINE_SECONDS
        self._counts: Counter[int] = Counter()
        self._earliest: dict[int, int] = {}

    def add(self, measured_at: int) -> None:
        """Count a record."""
        self.add_all((measured_at,))

    def add_all(self, times: Iterable[int]) -> None:
        """Count records, each by its time."""
        counts, earliest, fine_from = self._counts, self._earliest, self._fine_from
        for measured_at in times:
            begin = measured_at - measured_at % (HOUR if measured_at >= fine_from else DAY)
            counts[begin] += 1
            if measured_at < earliest.get(begin, _NEVER):
                earliest[begin] = measured_at

    def mostly_since(self) -> int | None:
        """Return a time such that at least nine in ten records are of then or later; None without records."""
        left = sum(self._counts.values()) // 10  # so many may be older
        for begin in sorted(self._counts):
            left -= self._counts[begin]
            if left < 0:
                return self._earliest[begin]
        return None


class Witness(NamedTuple):
    """The time from which ages count, if the clock is later.

    Attributes:
        time: nine in ten records of a load are of this time or later, epoch seconds.
        records: how many records that load had.
    """

    time: int
    records: int


def witness_of(document: Mapping[str, Any] | None) -> Witness | None:
    """Read the witness in `latest.json`; None if the version that wrote it had none."""
    found = (document or {}).get(KEY)
    time = feed_time(found.get("time")) if isinstance(found, dict) else None
    records = found.get("records") if isinstance(found, dict) else None
    return None if time is None or not isinstance(records, int) else Witness(time, records)


def with_witness(
    ours: Mapping[str, Any], since: int | None, there: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the manifest of a load that becomes the latest, with its witness.

    Nine in ten of its records are of time `since` or later (epoch seconds); `there` is the latest manifest
    before.
    """
    if there is not None and there.get("table_id") != ours.get("table_id"):
        there = None  # nothing in this table is that old
    witness = _next(ours, since, there)
    return dict(ours) | (
        {} if witness is None else {KEY: {"time": iso(witness.time), "records": witness.records}}
    )


def _next(ours: Mapping[str, Any], since: int | None, there: Mapping[str, Any] | None) -> Witness | None:
    if since is None or not any(ours.get(fate) for fate in ("stored", "unchanged", "superseded")):
        return witness_of(there)  # it says nothing of what the table has
    told = Witness(since, _usable(ours))
    before = witness_of(there)
    if told.records * 2 >= (_usable(there or {}) if before is None else before.records):
        return told
    if before is None:  # the latest is of a version that kept none, and this is too little to begin with
        return Witness(EARLIEST, _usable(there or {}))
    step = _step(ours, there or {})
    return Witness(min(max(told.time, before.time - step), before.time + step), before.records)


def _usable(manifest: Mapping[str, Any]) -> int:
    fates = (manifest.get(fate) for fate in ("stored", "unchanged", "superseded", "expired"))
    return sum(count for count in fates if isinstance(count, int))


def _step(ours: Mapping[str, Any], there: Mapping[str, Any]) -> int:
    """Return by how many seconds a load with few records may move the witness.

    It is twice the time between the two snapshots, so that a feed that shrank for good catches up; or an
    hour, if the clock may have been set between them.
    """
    now, then = feed_time(ours.get("snapshot_time")), feed_time(there.get("snapshot_time"))
    pause = -1 if now is None or then is None else now - then
    return 2 * pause if 0 <= pause <= MOST_PAUSE else HOUR
