"""Reads the fields of one record, each in its usable form or not at all.

One rule: readers trust no field of a record to exist or to have a type, and never raise.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from aqi_service.core.decimals import canonical, integer
from aqi_service.core.parse.ordinary import Record
from aqi_service.core.scales import FAILED_FROM
from aqi_service.core.times import feed_time


class Absent:
    """Stands for a value that the record does not have (None means: it has one that is no number)."""


ABSENT: Final = Absent()
PmValue = str | None | Absent


def pm_values(record: dict[str, Any]) -> tuple[PmValue, PmValue]:
    """Read P1 (PM10) and P2 (PM2.5) as canonical text; of several values the first in range."""
    p1: PmValue = ABSENT
    p2: PmValue = ABSENT
    values = record.get("sensordatavalues")
    if type(values) is not list:
        return p1, p2
    for entry in values:
        if type(entry) is dict:
            kind = entry.get("value_type")
            if kind == "P1":
                p1 = _first_usable("P1", p1, entry.get("value"))
            elif kind == "P2":
                p2 = _first_usable("P2", p2, entry.get("value"))
    return p1, p2


def _first_usable(kind: str, known: PmValue, value: object) -> PmValue:
    """Of several values of one pollutant prefer the first in range, then the first that is a number."""
    if known is not ABSENT and in_range(kind, known):
        return known
    number = canonical(value)
    return number if type(known) is not str or in_range(kind, number) else known


def in_range(kind: str, value: PmValue) -> str | None:
    """Return the value if it is in a working sensor's range; `kind` is `P1` or `P2`."""
    return value if type(value) is str and _counts(kind, value) else None


def identity(record: dict[str, Any]) -> tuple[str | None, str | None, object]:
    """Return what both halves of a measurement have: id, sensor id and timestamp (whatever its form)."""
    sensor = record.get("sensor")
    sensor_id = integer(sensor.get("id")) if type(sensor) is dict else None
    timestamp = record.get("timestamp")
    when = feed_time(timestamp)
    return integer(record.get("id")), sensor_id, (timestamp,) if when is None else when


def sensor_of(element: object) -> int | None:
    """Return the id of an element's sensor; None if it is no record, or has no id that can be told.

    It accepts more than an item does: `3843.0`, or a blank beside the number, also names a sensor.
    """
    if type(element) is Record:
        return element.sensor.id
    sensor = element.get("sensor") if type(element) is dict else None
    given = sensor.get("id") if type(sensor) is dict else None
    number = integer(given) or integer(canonical(given.strip() if type(given) is str else given))
    return None if number is None else int(number)


def text(value: object) -> str | None:
    """Return the value if it is a non-empty text."""
    return value if type(value) is str and value else None


def number_within(limit: int) -> Callable[[object], str | None]:
    """Make a reader of numbers from -limit to limit, such as degrees."""

    def read(value: object) -> str | None:
        number = canonical(value)
        if number is None or -limit < float(number) < limit:  # rounding takes no number over a whole one
            return number
        # Comparing is exact; abs() would round to the context's 28 digits.
        return number if -limit <= Decimal(number) <= limit else None

    return read


def country(value: object) -> str | None:
    """Return the value if it is two capital letters."""
    if type(value) is str and len(value) == 2 and value.isascii() and value.isalpha() and value.isupper():
        return value
    return None


def indoor(value: object) -> str | None:
    """Return `0` or `1`."""
    number = integer(value)
    return number if number in ("0", "1") else None


LOCATION: tuple[tuple[str, Callable[[object], str | None]], ...] = (
    ("latitude", number_within(90)),
    ("longitude", number_within(180)),
    ("altitude", canonical),
    ("country", country),
)
"""The fields of a location and how each is read, in the order of the item's."""


@lru_cache(maxsize=32_768)
def _counts(kind: str, value: str) -> bool:
    return 0 <= Decimal(value) < FAILED_FROM[kind]
