"""Counts of what one snapshot's records turned out to be.

One rule: only counts, in bounded memory, whatever the document holds.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from aqi_service.core.clocks import freshness, is_ahead
from aqi_service.core.idset import IdSet
from aqi_service.core.items import Item
from aqi_service.core.times import DAY, EARLIEST, feed_time
from aqi_service.core.witness import MeasuredTimes

_SENSOR_ID, _MEASURED_AT = (itemgetter(Item._fields.index(name)) for name in ("sensor_id", "measured_at"))


@dataclass(slots=True)
class ParseCounts:
    """The counts of one snapshot.

    `pm_records` are the measurements with a P1 or P2, merged ones once, `pm_rejected` those of them that were
    rejected, `sensors` the ids of their sensors. `pending_half` is 1 while the last record with a PM value
    may still be half of a measurement: it is then neither an item nor rejected, and counts only in `records`.
    `dated` are the measurements with a time, `ahead` those whose time is too far after the snapshot's.
    `snapshot_time` is the snapshot's (epoch seconds). `newest` has `measured_at` and timestamp of the newest
    item, which tell how old the snapshot's data is; `times` has the `measured_at` of each. `careful` are the
    elements that were no ordinary records and so took longer; nothing else shows that.
    """

    records: int = 0
    without_pm: int = 0
    merged: int = 0
    pm_records: int = 0
    pm_rejected: int = 0
    rejected: int = 0
    pending_half: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    sensors: IdSet = field(default_factory=IdSet)
    dated: int = 0
    ahead: int = 0
    snapshot_time: int = field(default=0, compare=False)
    newest: tuple[int, str] | None = None
    times: MeasuredTimes = field(default_factory=MeasuredTimes, compare=False)
    careful: int = field(default=0, compare=False)

    def usable_time(self, timestamp: object, snapshot_time: int) -> int | None:
        """Read a measurement's time, and count it if it is too far after the snapshot's time."""
        measured_at = feed_time(timestamp)
        if measured_at is None or measured_at < EARLIEST:
            return None
        is_ahead = measured_at > snapshot_time + DAY
        self.dated += 1
        self.ahead += is_ahead
        return None if is_ahead else measured_at

    def count_item(self, measured_at: int, timestamp: str) -> None:
        """Count an item by when it was measured."""
        self._see(measured_at, timestamp)
        self.times.add(measured_at)

    def count_ordinary(self, items: Sequence[Item]) -> None:
        """Count neighbouring items that were made from ordinary records."""
        self.pm_records += len(items)
        self.dated += len(items)
        self.sensors.add_all(map(int, map(_SENSOR_ID, items)))
        self.times.add_all(map(_MEASURED_AT, items))
        newest = max(items, key=_MEASURED_AT)  # of equally new ones the first
        if is_ahead(_MEASURED_AT(newest), self.snapshot_time):
            newest = max(items, key=lambda item: freshness(item.measured_at, self.snapshot_time))
        self._see(_MEASURED_AT(newest), str(newest.timestamp))

    def _see(self, measured_at: int, timestamp: str) -> None:
        """Note an item if it is the newest so far."""
        if self.newest is None or freshness(measured_at, self.snapshot_time) > freshness(
            self.newest[0], self.snapshot_time
        ):
            self.newest = (measured_at, timestamp)
