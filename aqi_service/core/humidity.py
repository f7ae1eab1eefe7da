"""The relative humidity of each box: what a record of the same snapshot and the same location says.

One rule: it is told beside a sensor's values and changes none of them; what is implausible is left out.

Much is noted and little of it asked for, so a report is read when somebody asks, or when its box has another.
What is noted is plain tuples of texts and numbers, which the garbage collector does not go through.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from aqi_service.core.decimals import MAX_INTEGER, canonical, integer
from aqi_service.core.parse.ordinary import Record
from aqi_service.core.slices import SLICE, Slices
from aqi_service.core.times import DAY, feed_time

MOST_REPORTS = 50_000
"""Boxes with humidity, and records located, that there is room for: over twice what the feed has today."""

LONGEST = 40
"""Characters of a value, a time or an id that is looked at."""

MOST_PM_VALUES = 2
"""A record of particulates with no more values than these has no humidity."""


_Report = tuple[Any, object, object]
"""A value, a timestamp and a record's id, as a record says them."""


class BoxHumidity:
    """Collects, while a snapshot is read, the humidity of its boxes and where its records were measured.

    `snapshot_time` is in epoch seconds. A box is a location's id; of several records of one box the newest
    counts, of equal time the one with the higher id.
    """

    def __init__(self, snapshot_time: int) -> None:
        self._latest = snapshot_time + DAY
        self._reports: dict[int, _Report] = {}
        self._boxes: dict[int, int | None] = {}

    def read(self, record: dict[str, Any], *, has_pm: bool) -> None:
        """Take what a record of the feed says of humidity, if it does."""
        values = record.get("sensordatavalues")
        if type(values) is not list or (has_pm and len(values) <= MOST_PM_VALUES):
            return
        for entry in values:
            if type(entry) is dict and entry.get("value_type") == "humidity":
                report = (entry.get("value"), record.get("timestamp"), record.get("id"))
                self._note(box_of(record), report)

    def read_ordinary(self, record: Record, record_id: str | None) -> None:
        """Take an ordinary record, as `read` and, if it has PM values and this id, `locate` do."""
        if record_id is not None:
            self.locate(record.location.id, record_id)
            if len(record.sensordatavalues) <= MOST_PM_VALUES:
                return
        for entry in record.sensordatavalues:
            if entry.value_type == "humidity":
                self._note(record.location.id, (entry.value, record.timestamp, record.id))

    def _note(self, box: int | None, report: _Report) -> None:
        """Keep the report of a box that counts."""
        if box is None or not all(map(_is_short, report)):
            return
        there = self._reports.get(box)
        if there is None:
            if len(self._reports) < MOST_REPORTS:
                self._reports[box] = report
        elif (read := self._read(report)) and read > (self._read(there) or ()):
            self._reports[box] = report

    def locate(self, box: int | None, record_id: str) -> None:
        """Note in which box a record was measured; an id that is in two boxes is in none."""
        number = int(record_id)
        if number in self._boxes:
            self._boxes[number] = box if self._boxes[number] == box else None
        elif box is not None and len(self._boxes) < MOST_REPORTS:
            self._boxes[number] = box

    def of(self, number: int) -> str | None:
        """Return the relative humidity (%) of the box of the record with this id; None if nobody says."""
        box = self._boxes.get(number)
        report = None if box is None else self._reports.get(box)
        read = None if report is None else self._read(report)
        return None if read is None else read[-1]

    def forget(self) -> Slices[None]:
        """Forget everything, in slices: at once it is a step of 6 ms, for which lookups wait."""
        for noted in (self._reports, self._boxes):
            while noted:
                for _ in range(min(SLICE, len(noted))):
                    noted.popitem()
                yield

    def _read(self, report: _Report) -> tuple[int, int, str] | None:
        """Return when it was measured, its record's id, and how many of 100 %, if all of that is usable."""
        value, timestamp, record_id = report
        percent, number = _percent(value), integer(record_id)
        measured_at = feed_time(timestamp)
        if percent is None or number is None or measured_at is None or measured_at > self._latest:
            return None
        return measured_at, int(number), percent


@lru_cache(maxsize=16_384, typed=True)
def _percent(value: Any) -> str | None:
    """Return a number from 0 to 100, in canonical text."""
    number = canonical(value)
    return number if number is not None and 0 <= Decimal(number) <= 100 else None


def _is_short(value: object) -> bool:
    return len(value) <= LONGEST if type(value) is str else isinstance(value, int | float)


def box_of(record: dict[str, Any]) -> int | None:
    """Return in which box a record says that it was measured."""
    location = record.get("location")
    given = location.get("id") if type(location) is dict else None
    if type(given) is int:
        return given if 0 <= given <= MAX_INTEGER else None
    number = integer(given)
    return None if number is None else int(number)
