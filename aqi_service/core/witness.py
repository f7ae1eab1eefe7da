"""What nearly all records of a load say of the time: a second clock, for ages, that a few cannot move.

One rule: what is deleted is old beside nearly all records of a load, never beside its newest alone. A record
may be dated near a wrong clock; nine in ten of a mean over 24 hours are not. A load of under half of the
records that the witness stands for moves it a little at a time.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aqi_service.core.times import DAY, EARLIEST, HOUR, feed_time, iso

KEY = "witness"
"""Where it stands in `latest.json`."""

MOST_PAUSE = 26 * HOUR
"""Two snapshots that are further apart may have a clock between them that was set."""

_FINE_SECONDS = 60 * DAY
_NEVER = 2**63


class MeasuredTimes:
    """When records were measured, counted by the hour, those over 60 days before the snapshot by the day.

    All in epoch seconds; it has at most some thousands of counts, whatever the records say.
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
        """Return a time that nine in ten of the records, or more, are not older than; None without any."""
        left = sum(self._counts.values()) // 10  # so many may be older
        for begin in sorted(self._counts):
            left -= self._counts[begin]
            if left < 0:
                return self._earliest[begin]
        return None


class Witness(NamedTuple):
    """What ages count from where the clock is later.

    Attributes:
        time: nine in ten records of a load are not older than this, epoch seconds.
        records: how many that load had.
    """

    time: int
    records: int


def witness_of(document: Mapping[str, Any] | None) -> Witness | None:
    """Read the witness in `latest.json`; None in one of a version that wrote none."""
    found = (document or {}).get(KEY)
    time = feed_time(found.get("time")) if isinstance(found, dict) else None
    records = found.get("records") if isinstance(found, dict) else None
    return None if time is None or not isinstance(records, int) else Witness(time, records)


def with_witness(
    ours: Mapping[str, Any], since: int | None, there: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the manifest of a load that becomes the latest with its witness.

    `since` is what nine in ten of its records are not older than (epoch seconds), `there` the latest before.
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
    """Return by how many seconds a load of few records may move the witness.

    It is twice the time between the two snapshots, so that a feed that shrank for good catches up, or an hour
    where the clock may have been set between them.
    """
    now, then = feed_time(ours.get("snapshot_time")), feed_time(there.get("snapshot_time"))
    pause = -1 if now is None or then is None else now - then
    return 2 * pause if 0 <= pause <= MOST_PAUSE else HOUR
