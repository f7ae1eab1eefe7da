"""What DynamoDB counts and limits: capacity units of an item, and so many of them a second.

One rule: an item costs what AWS would charge for it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

Values = Mapping[str, Mapping[str, Any]]

WRITE_UNIT, READ_UNIT = 1024, 4096


class Tokens:
    """Write units to take: `rate` a second, of which those of one second are kept; None is no limit."""

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._left = rate or 0.0
        self._seen = clock()

    def take(self, units: int) -> bool:
        """Take so many if there are that many (an item larger than a second's units: if all are there)."""
        if self.rate is None:
            return True
        now = self._clock()
        self._left = min(self.rate, self._left + (now - self._seen) * self.rate)
        self._seen = now
        if self._left < min(units, self.rate):
            return False
        self._left -= units
        return True


def units(text: bytes, unit: int) -> int:
    """Count the begun units of a text."""
    return max(1, -(-len(text) // unit))


def write_units(item: Values) -> int:
    """Count an item as AWS does: names, texts as UTF-8, numbers by two digits a byte and one more."""
    size = 0
    for name, value in item.items():
        for kind, text in value.items():
            size += len(name.encode()) + (len(str(text)) // 2 + 2 if kind == "N" else len(str(text).encode()))
    return max(1, -(-size // WRITE_UNIT))
