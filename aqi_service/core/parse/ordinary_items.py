"""Makes items directly from ordinary records: without a dict, a Decimal or a half of a measurement.

One rule: an item made here equals the one of the careful way; a record that may give a warning, be half of a
measurement or be rejected is left to that way.

The result of a text is remembered, in bounded memory: a day has 1,440 minutes, and most concentrations recur.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from itertools import repeat
from typing import Any, Final, Literal, TypeVar

from aqi_service.core.decimals import canonical
from aqi_service.core.items import Item, item_of
from aqi_service.core.parse.fields import country
from aqi_service.core.parse.ordinary import Record
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.scales import FAILED_FROM, NOT_MASS
from aqi_service.core.scoring import PollutantTable, score_rounded
from aqi_service.core.times import DAY, EARLIEST, day_of, feed_time

MOST_REMEMBERED = 16_384
"""At most this many texts of one kind are remembered; then all are forgotten, which needs no note of their
age."""

_PLACES = r"(?:\.[0-9]{1,18}+)?"
_PLACE = (
    rf"-?+(?:[1-8][0-9]|[0-9]){_PLACES},"
    rf"-?+(?:1[0-7][0-9]|[1-9][0-9]|[0-9]){_PLACES},"
    rf"(?:-?+(?:0|[1-9][0-9]{{0,5}}+){_PLACES})?\n"
)
_ONE = re.compile(_PLACE)
_ALL = re.compile(rf"(?:{_PLACE})*")
"""Degrees within 90 and 180, and metres if there are any: one line for each record. No digit and no sign is
given back (`+`): a second try with fewer would double the time.
"""

_MINUTE = len("2023-12-20 17:00:")
_SECONDS = {f"{second:02}": second for second in range(60)}
_INDOOR = {None: None, 0: "0", 1: "1"}


class _Careful(Enum):
    CAREFUL = "careful"


CAREFUL: Final = _Careful.CAREFUL
"""Stands for a record that goes the careful way."""

Made = Item | None | Literal[_Careful.CAREFUL]
"""The result of a record; None if it has no PM values."""

_Picked = tuple[int, Record, object, object]
"""A position, a record with a P1 or P2, and these two values (None if missing)."""

_Concentration = tuple[str, float, int, tuple[str, str, str]]
"""A value's canonical text, a float for comparing, its own index, and the fields of the item if it
decides."""

Key = TypeVar("Key")
Known = TypeVar("Known")


class Memo(dict[Key, Known]):
    """Remembers the results of `read` by key; KeyError for a key that is not ordinary."""

    def __init__(self, read: Callable[[Key], Known]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, key: Key) -> Known:
        known = self._read(key)
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        self[key] = known
        return known


class OrdinaryItems:
    """Makes items from ordinary records by the rules."""

    def __init__(self, rules: ScoringRules) -> None:
        self._snapshot_at, self._ttl, self._excluded = rules.snapshot_at, rules.ttl, rules.excluded
        self._scale_name, self._is_worst = rules.scale.name, rules.scale.worst
        fine, coarse = rules.scale.tables  # of equal indices the first decides
        self._fine = Memo[object, _Concentration](partial(_concentration, fine))
        self._coarse = Memo[object, _Concentration](partial(_concentration, coarse))
        self._minutes = Memo[str, tuple[int, str]](partial(_minute, rules.snapshot_at + DAY))
        self._countries = Memo[str | None, str | None](partial(_optional, country))
        self._types = Memo[str | None, str](_sensor_type)

    def make(self, elements: Sequence[Any]) -> list[Made]:
        """Make an item from each element that is an ordinary record with P1 and P2 both in range."""
        excluded = self._excluded
        made: list[Made] = []
        picked: list[_Picked] = []
        for element in elements:
            if type(element) is not Record or (excluded and element.sensor.id in excluded):
                made.append(CAREFUL)
                continue
            p1: object = None  # where there is none; CAREFUL where there are several
            p2: object = None
            for value in element.sensordatavalues:
                kind = value.value_type
                if kind == "P1":
                    p1 = value.value if p1 is None else CAREFUL
                elif kind == "P2":
                    p2 = value.value if p2 is None else CAREFUL
            if p1 is not None or p2 is not None:
                picked.append((len(made), element, p1, p2))
            made.append(None)
        for (index, record, p1, p2), is_plain in zip(picked, _have_numbers(picked), strict=False):
            made[index] = self._item(record, p1, p2) if is_plain else CAREFUL
        return made

    def _item(self, record: Record, p1: object, p2: object) -> Made:
        location, sensor, timestamp = record.location, record.sensor, record.timestamp
        try:
            minute, day = self._minutes[timestamp[:_MINUTE]]
            measured_at = minute + _SECONDS[timestamp[_MINUTE:]]
            pm25, number25, aqi25, decided = self._fine[p2]
            pm10, number10, aqi10, other = self._coarse[p1]
            country_code = self._countries[location.country]
            sensor_type = self._types[sensor.sensor_type.name]
        except KeyError:
            return CAREFUL
        if number25 >= number10 and pm25 != pm10:
            return CAREFUL  # more PM2.5 than PM10 is a warning
        aqi, band, pollutant = other if (aqi10 > aqi25 if self._is_worst else aqi10 < aqi25) else decided
        latitude: Any = location.latitude
        longitude: Any = location.longitude
        altitude = location.altitude or None
        fields = (
            f"{record.id}",
            latitude if latitude[-1] != "0" else _trimmed(latitude),
            longitude if longitude[-1] != "0" else _trimmed(longitude),
            altitude if not altitude or altitude[-1] != "0" else _trimmed(altitude),
            country_code,
            timestamp,
            day,
            pm25,
            pm10,
            aqi,
            band,
            f"{sensor.id}",
            sensor_type,
            _INDOOR[location.indoor],
            measured_at,
            self._snapshot_at,
            self._scale_name,
            pollutant,
            None if self._ttl is None else measured_at + self._ttl,
            None,  # hours_p25
            None,  # hours_p10
        )
        return item_of(fields)


def _have_numbers(picked: Sequence[_Picked]) -> Iterable[bool]:
    """Tell for each record whether its location's numbers are plain and in range; mostly all are."""
    places = [record.location for _, record, _, _ in picked]
    lines = [f"{each.latitude},{each.longitude},{each.altitude or ''}\n" for each in places]
    text = "".join(lines)
    if text.count("\n") == len(lines) and _ALL.fullmatch(text):
        return repeat(True)
    return [_ONE.fullmatch(line) is not None for line in lines]


def _trimmed(text: str) -> str:
    """Write a number of a location without surplus zeros."""
    number = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if number == "-0" else number


def _concentration(table: PollutantTable, value: object) -> _Concentration:
    number = canonical(value) if type(value) is str else None
    if number is None or not 0 <= (exact := Decimal(number)) < FAILED_FROM[table.reads]:
        raise KeyError(value)
    decided = _decided(table, table.rounding(exact))
    if decided is None:
        raise KeyError(value)
    return number, float(number), *decided


@lru_cache(maxsize=4096)
def _decided(table: PollutantTable, rounded: Decimal) -> tuple[int, tuple[str, str, str]] | None:
    scored = score_rounded(table, rounded)
    return scored and (scored.aqi, (str(scored.aqi), scored.band, scored.pollutant))


def _minute(latest: int, text: str) -> tuple[int, str]:
    """Return the beginning of a minute (`2023-12-20 17:00:`), and its day, if the whole minute is usable."""
    begins = feed_time(f"{text}00")
    if begins is None or not EARLIEST <= begins <= latest - 59:
        raise KeyError(text)
    return begins, day_of(begins)


def _optional(read: Callable[[object], str | None], text: str | None) -> str | None:
    """Return the value of a text that may be missing or empty."""
    usable = read(text) if text else None
    if text and usable is None:
        raise KeyError(text)
    return usable


def _sensor_type(name: str | None) -> str:
    if not name or name in NOT_MASS:
        raise KeyError(name)
    return name
