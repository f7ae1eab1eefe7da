"""How much may be read a second, over all who ask: a bucket that fills evenly and that reading empties.

One rule: nothing here reads a clock or waits; times are arguments, in seconds of a clock that nobody sets.

What a page costs is known when it has come. So one may begin whenever anything is in the bucket, and what it
cost may leave the bucket in debt: over any time, what is read is at most what flowed in, the bucket, and
the pages that were under way together when it ran dry.
"""


class ReadBudget:
    """A bucket of one second's units; `spent` is all that was read, in units."""

    def __init__(self, units_per_second: float) -> None:
        self.units_per_second = units_per_second
        self.spent = 0.0
        self._left = units_per_second
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Return how many seconds to wait before a page may be read; 0 if one may be now."""
        self._fill(now)
        if self._left >= _LEAST:
            return 0.0
        return max(_TICK, (_LEAST - self._left) / self.units_per_second)

    def spend(self, units: float, now: float) -> None:
        """Take out what was read."""
        self._fill(now)
        self._left -= units
        self.spent += units

    def _fill(self, now: float) -> None:
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._left = min(self.units_per_second, self._left + passed * self.units_per_second)
        self._at = now


_LEAST = 0.5
"""Units that must be there for a page to begin: what the smallest costs."""

_TICK = 0.001
"""Seconds that are waited at least: what is lost in rounding is no reason to ask again at once."""
