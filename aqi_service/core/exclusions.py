"""Sensors that are left out: neither stored nor served.

One rule: each answer asks the list at that moment, so a new list counts immediately; a load keeps the list
with which it began.
"""

import math

from aqi_service.core.decimals import integer
from aqi_service.core.redaction import printable
from aqi_service.errors import ConfigError

NO_SENSORS: frozenset[int] = frozenset()

EXCLUDED = "excluded"
"""Why a record of such a sensor is rejected."""

MOST_SHOWN = 40
"""Characters that are shown of a line that is no sensor's id."""


class ExcludedSensors:
    """The sensors that are left out at present.

    Attributes:
        ids: their ids; it is a new object only if the ids changed, so `is` compares it.
        shortened: when an id may last have been removed from the list (epoch seconds): a load that began
            before has left that sensor out.
    """

    __slots__ = ("ids", "shortened")

    def __init__(self, ids: frozenset[int] = NO_SENSORS, read_at: float = -math.inf) -> None:
        """`read_at` is when the list was first read: what was on it before is not known."""
        self.ids = ids
        self.shortened = read_at

    def replace(self, ids: frozenset[int], now: float) -> None:
        """Replace the list; `now` is in epoch seconds."""
        if self.ids - ids:
            self.shortened = now
        if ids != self.ids:
            self.ids = ids

    def has(self, sensor_id: str | None) -> bool:
        """Tell whether a sensor is left out; a sensor without a known id is not."""
        return bool(self.ids) and sensor_number(sensor_id) in self.ids


def sensor_number(text: str | None) -> int | None:
    """Return a sensor's id as a number; None if it is none: a table that others fill may hold anything."""
    digits = integer(text)
    return None if digits is None else int(digits)


def read_exclusions(text: str) -> frozenset[int]:
    """Read a list of sensors, one id a line; blank lines, and text after a #, are ignored.

    Raises ConfigError that names the first line with anything else.
    """
    found = set[int]()
    for count, line in enumerate(text.split("\n"), 1):
        word = line.partition("#")[0].strip()
        number = sensor_number(word)
        if number is not None:
            found.add(number)
        elif word:
            raise ConfigError(
                f"line {count} is no sensor's id, which is digits alone: {printable(word)[:MOST_SHOWN]!r}"
            )
    return frozenset(found) or NO_SENSORS
