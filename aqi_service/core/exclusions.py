"""Sensors that are left out: neither stored nor served.

One rule: whoever answers asks the list at that moment, so a new one counts at once; a load goes by the list
that it began with.
"""

import math

from aqi_service.core.decimals import integer
from aqi_service.core.redaction import printable
from aqi_service.errors import ConfigError

NO_SENSORS: frozenset[int] = frozenset()

EXCLUDED = "excluded"
"""Why a record of such a sensor is rejected."""

MOST_SHOWN = 40
"""Characters of a line that are shown where it is no sensor's id."""


class ExcludedSensors:
    """The sensors that are left out now.

    Attributes:
        ids: theirs; another object only when it has other ids, so that it is compared by `is`.
        shortened: when one of them may last have been taken off the list (epoch seconds): a load that began
            before has left that one out.
    """

    __slots__ = ("ids", "shortened")

    def __init__(self, ids: frozenset[int] = NO_SENSORS, read_at: float = -math.inf) -> None:
        """`read_at` is when the list was read first: who was on it before that nobody knows."""
        self.ids = ids
        self.shortened = read_at

    def replace(self, ids: frozenset[int], now: float) -> None:
        """Put another list in the place of this one; `now` is in epoch seconds."""
        if self.ids - ids:
            self.shortened = now
        if ids != self.ids:
            self.ids = ids

    def has(self, sensor_id: str | None) -> bool:
        """Tell whether a sensor is left out; one whose id nobody knows is not."""
        return bool(self.ids) and sensor_number(sensor_id) in self.ids


def sensor_number(text: str | None) -> int | None:
    """Return a sensor's id as a number; None of what is none, as a table that others fill may have it."""
    digits = integer(text)
    return None if digits is None else int(digits)


def read_exclusions(text: str) -> frozenset[int]:
    """Read a list of sensors: an id a line; blank lines, and what follows a #, say nothing.

    Raises ConfigError that names the first line which has anything else.
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
