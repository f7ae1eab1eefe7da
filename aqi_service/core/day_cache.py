"""Finished days of sensors, kept for a while, so that they are not read and paid for again and again.

One rule: nothing here reads a clock; times are arguments.
"""

from collections import OrderedDict
from typing import NamedTuple

from aqi_service.core.days import Day
from aqi_service.core.times import DAY

MOST_DAYS_KEPT = 16_384
"""Some 15 MB: 546 sensors of 30 days, or 40 of 400."""

KEPT_SECONDS = 3600.0
"""Records that a replay adds to a finished day show within this time."""


class _Kept(NamedTuple):
    day: Day
    until: float


class DayCache:
    """Finished days; the least recently used leaves first. `now` comes from a monotonic clock."""

    def __init__(self, most: int = MOST_DAYS_KEPT, seconds: float = KEPT_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._days: OrderedDict[tuple[int, int], _Kept] = OrderedDict()

    def __len__(self) -> int:
        """Count the days that are kept."""
        return len(self._days)

    def get(self, sensor_id: int, number: int, now: float, ages: float) -> Day | None:
        """Return a day; None if it was read too long ago or a record of it has expired since (at `ages`)."""
        kept = self._days.get((sensor_id, number))
        if kept is None:
            return None
        expires_at = kept.day.expires_at
        if now >= kept.until or (expires_at is not None and expires_at <= ages):
            del self._days[sensor_id, number]
            return None
        self._days.move_to_end((sensor_id, number))
        return kept.day

    def put(self, sensor_id: int, day: Day, now: float, ages: float) -> None:
        """Keep a day that has just been read, if it ended over a day before `ages` (epoch seconds)."""
        if (day.number + 2) * DAY > ages:
            return
        self._days[sensor_id, day.number] = _Kept(day, now + self._seconds)
        self._days.move_to_end((sensor_id, day.number))
        if len(self._days) > self._most:
            self._days.popitem(last=False)

    def clear(self) -> None:
        """Forget everything: the table is another one."""
        self._days.clear()
