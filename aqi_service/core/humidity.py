"""The relative humidity in each sensor's box, from a record of the same snapshot and the same location.

One rule: humidity is shown beside a sensor's values and changes none of them; implausible values are left
out.

Many reports are noted and few are asked for. So a report is read only when somebody asks, or when its box has
a second one. The notes are plain tuples of texts and numbers, which the garbage collector does not search.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from aqi_service.core.decimals import MAX_INTEGER, canonical, integer
from aqi_service.core.parse.ordinary import Record
from aqi_service.core.slices import SLICE, Slices
from aqi_service.core.times import DAY, feed_time

MOST_REPORTS = 50_000
"""Most boxes with humidity, and most located records, that are kept: over twice as many as the feed has
today."""

LONGEST = 40
"""A longer value, time or id (in characters) is not read."""

MOST_PM_VALUES = 2
"""A particulate record with no more values than this has no humidity."""


_Report = tuple[Any, object, object]
"""A value, a timestamp and a record's id, as the record has them."""


class BoxHumidity:
    """Collects, while a snapshot is read, the humidity of its boxes and the box of each record.

    `snapshot_time` is in epoch seconds. A box is a location's id; of several records of one box the newest
    counts; of records of the same time, the one with the higher id.
    """

    def __init__(self, snapshot_time: int) -> None:
        self._latest = snapshot_time + DAY
        self._reports: dict[int, _Report] = {}
        self._boxes: dict[int, int | None] = {}

    def read(self, record: dict[str, Any], *, has_pm: bool) -> None:
        """Take the humidity from a record of the feed, if it has one."""
        values = record.get("sensordatavalues")
        if type(values) is not list or (has_pm and len(values) <= MOST_PM_VALUES):
            return
        for entry in values:
            if type(entry) is dict and entry.get("value_type") == "humidity":
                report = (entry.get("value"), record.get("timestamp"), record.get("id"))
                self._note(box_of(record), report)

    def read_ordinary(self, record: Record, record_id: str | None) -> None:
        """Take an ordinary record as `read` does; if it has PM values and this id, also as `locate` does."""
        if record_id is not None:
            self.locate(record.location.id, record_id)
            if len(record.sensordatavalues) <= MOST_PM_VALUES:
                return
        for entry in record.sensordatavalues:
            if entry.value_type == "humidity":
                self._note(record.location.id, (entry.value, record.timestamp, record.id))

    def _note(self, box: int | None, report: _Report) -> None:
        """Keep the report that counts for its box."""
        if box is None or not all(map(_is_short, report)):
            return
        there = self._reports.get(box)
        if there is None:
            if len(self._reports) < MOST_REPORTS:
                self._reports[box] = report
        elif (read := self._read(report)) and read > (self._read(there) or ()):
            self._reports[box] = report

    def locate(self, box: int | None, record_id: str) -> None:
        """Note in which box a record was measured; an id that is in two boxes counts as in none."""
        number = int(record_id)
        if number in self._boxes:
            self._boxes[number] = box if self._boxes[number] == box else None
        elif box is not None and len(self._boxes) < MOST_REPORTS:
            self._boxes[number] = box

    def of(self, number: int) -> str | None:
        """Return the relative humidity (%) in the box of the record with this id; None if it is not known."""
        box = self._boxes.get(number)
        report = None if box is None else self._reports.get(box)
        read = None if report is None else self._read(report)
        return None if read is None else read[-1]

    def forget(self) -> Slices[None]:
        """Forget everything, in slices: in one step it would take 6 ms, and lookups would wait for it."""
        for noted in (self._reports, self._boxes):
            while noted:
                for _ in range(min(SLICE, len(noted))):
                    noted.popitem()
                yield

    def _read(self, report: _Report) -> tuple[int, int, str] | None:
        """Return the report's time, its record's id and its humidity (%); None unless all are usable."""
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
    """Return the box in which a record was measured, as the record says."""
    location = record.get("location")
    given = location.get("id") if type(location) is dict else None
    if type(given) is int:
        return given if 0 <= given <= MAX_INTEGER else None
    number = integer(given)
    return None if number is None else int(number)
