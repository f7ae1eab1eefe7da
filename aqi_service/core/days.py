"""A sensor's days: its records, which come in the order of time, made into one row for each UTC day.

One rule: a record from daily files (the mean of the day's hourly means) stands for its day. Without one, the
day's last record does, if it is of 22:00 or later, since a 24-hour mean at midnight is the day's mean.
Otherwise the day has no values, and only says in how many hours there was a record.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from aqi_service.core.csv_reply import csv_line
from aqi_service.core.items import OF_DAYS, Item
from aqi_service.core.scoring import Scale
from aqi_service.core.sensor_records import rescored
from aqi_service.core.times import DAY, HOUR, day_of

LAST_FROM = 22 * HOUR
"""From this second of a day on, its last record may stand for it."""

DAY_FIELDS = ("timestamp", "pm25", "pm10", "aqi", "aqi_range", "aqi_pollutant", "scale", *OF_DAYS)
"""The fields of Item that a day needs, beside those that every record has."""

_COLUMNS = (
    *(("sensor_id", True), ("date", False), ("hours", True), ("P2.5", True), ("P10", True), ("AQI", True)),
    *(("AQI_range", False), ("AQI_pollutant", False), ("scale", False), ("id", True), ("timestamp", False)),
    *((field, True) for field in OF_DAYS),
)
DAYS_HEADER = ",".join(name for name, _ in _COLUMNS) + "\r\n"
_NUMERIC = tuple(is_number for _, is_number in _COLUMNS)
_NO_RECORD = Item("")


class Day(NamedTuple):
    """What the table has for a sensor's day.

    Attributes:
        number: days since 1970.
        hours: in how many of its 24 hours there is a record (a value, if the day is from daily files); 0 if
            there is none.
        last: the record that stands for the day; of records of the same time, the one with the higher id;
            None if there is none.
        expires_at: when the first of its records expires (epoch seconds), which changes the day.
    """

    number: int
    hours: int = 0
    last: Item | None = None
    expires_at: int | None = None


def days_between(since: int, until: int) -> range:
    """Return the numbers of the days whose first second is in [since, until) (epoch seconds)."""
    return range(-(-since // DAY), -(-until // DAY))


def gaps(numbers: range, present: Iterable[int]) -> Iterator[range]:
    """Give, in order, the runs of days that are not present."""
    there = set(present)
    start = numbers.start
    for number in (*(each for each in numbers if each in there), numbers.stop):
        if start < number:
            yield range(start, number)
        start = number + 1


class DayBuilder:
    """Makes days of a range from records that come in the order of time; it holds one day at a time."""

    def __init__(self, numbers: range) -> None:
        self._left = iter(numbers)
        self._begin(next(self._left, None))

    def add(self, items: Iterable[Item]) -> list[Day]:
        """Take the next records; return the days that they complete, also those without a record."""
        complete: list[Day] = []
        for item in items:
            number, second = divmod(item.measured_at or 0, DAY)
            complete += self._complete_before(number)
            if number == self._number:
                self._take(item, second)
        return complete

    def close(self) -> list[Day]:
        """Return the remaining days."""
        return list(self._complete_before(None))

    def _complete_before(self, number: int | None) -> Iterator[Day]:
        while self._number is not None and (number is None or self._number < number):
            yield self._complete(self._number)

    def _begin(self, number: int | None) -> None:
        self._number = number
        self._hours = 0  # a bit an hour
        self._last: tuple[int, int, int, Item] | None = None
        self._expires_at: int | None = None

    def _take(self, item: Item, second: int) -> None:
        of_files = hours_of(item)
        self._hours |= 0 if of_files else 1 << second // HOUR
        this = (of_files, second, int(item.id), item)
        if self._last is None or this[:3] > self._last[:3]:
            self._last = this
        if self._expires_at is None or (item.expires_at is not None and item.expires_at < self._expires_at):
            self._expires_at = item.expires_at

    def _complete(self, number: int) -> Day:
        of_files, second, _, item = self._last or (0, 0, 0, None)
        last = item if of_files or second >= LAST_FROM else None
        day = Day(number, of_files or self._hours.bit_count(), last, self._expires_at)
        self._begin(next(self._left, None))
        return day


def hours_of(item: Item) -> int:
    """Return in how many hours of its day an item from daily files has a value; 0 for any other item."""
    return max(int(item.hours_p25 or 0), int(item.hours_p10 or 0))


def day_row(sensor_id: int, day: Day, scale: Scale | None) -> bytes:
    """Write a day's row; if no record stands for the day, only sensor, date and hours."""
    last = rescored(day.last, scale) if day.last else _NO_RECORD
    values = (last.pm25, last.pm10, last.aqi, last.aqi_range, last.aqi_pollutant, last.scale)
    named = (last.id or None, last.timestamp, last.hours_p25, last.hours_p10)
    return csv_line((str(sensor_id), day_of(day.number * DAY), day.hours, *values, *named), _NUMERIC)
