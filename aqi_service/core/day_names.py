"""Names of Sensor.Community's daily files, and of the days that are loaded from them.

One rule: a file's name alone says its day and sensor, and so which files belong to one day.
"""

import re
from datetime import date
from typing import NamedTuple

from aqi_service.core.times import DAY, day_of

EXAMPLE = "2023-12-20_sds011_sensor_123.csv"
"""The name of such a file, for use in messages."""

_NAME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})_([a-z0-9._+-]{1,40})_sensor_([0-9]{1,10})(_indoor)?\.csv(?:\.gz)?",
    re.ASCII | re.IGNORECASE,
)

_FIRST, _LAST = date(2010, 1, 1), date(2099, 12, 31)
_EPOCH = date(1970, 1, 1).toordinal()


class DayName(NamedTuple):
    """What the name of a daily file says.

    Attributes:
        day: days since 1970.
        kind: the sensor type as file names write it, `sds011`.
        sensor_id: of at most ten digits.
        indoor: whether the name says that the sensor is indoors.
    """

    day: int
    kind: str
    sensor_id: int
    indoor: bool


class DayEntry(NamedTuple):
    """A stored daily file: its name, its stored size in bytes, and its time (epoch seconds)."""

    file: str
    size: int
    time: int


def parse_day_name(file: str) -> DayName | None:
    """Read the name of a daily file, without its folder; None for any other."""
    match = _NAME.fullmatch(file)
    if match is None:
        return None
    try:
        day = date.fromisoformat(match[1])
    except ValueError:
        return None
    if not _FIRST <= day <= _LAST:
        return None
    return DayName(day.toordinal() - _EPOCH, match[2].lower(), int(match[3]), match[4] is not None)


def end_of_day(day: int) -> int:
    """Return the last second of a day (days since 1970): the time of the source, and of its items."""
    return day * DAY + DAY - 1


def day_text(day: int) -> str:
    """Write a day (days since 1970) as `2023-12-20`."""
    return day_of(day * DAY)


def day_id(day: int, sensor_id: int) -> str:
    """Return the id of a sensor's day: `9`, the day, the sensor in ten digits; the feed has no such id."""
    return f"9{day_text(day).replace('-', '')}{sensor_id:010}"


def day_source_name(day: int, digest: str) -> str:
    """Name a day's manifest, or its export; other files of the same day give another name."""
    return f"day_{day_text(day)}_{digest[:16]}"
