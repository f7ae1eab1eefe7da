"""How much may be read a second by all readers together: a bucket that fills evenly and that reading empties.

One rule: nothing here reads a clock or waits; times are arguments, in seconds of a monotonic clock.

The cost of a page is known only when it has come. So a page may begin whenever anything is in the bucket, and
its cost may leave the bucket in debt. Over any time, the amount read is at most what flowed in, plus the
bucket, plus the pages that were under way together when it became empty.
"""


class ReadBudget:
    """A bucket of one second's units; `spent` is the sum of all units that were read."""

    def __init__(self, units_per_second: float) -> None:
        self.units_per_second = units_per_second
        self.spent = 0.0
        self._left = units_per_second
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Return how many seconds to wait before a page may be read; 0 if it may be read now."""
        self._fill(now)
        if self._left >= _LEAST:
            return 0.0
        return max(_TICK, (_LEAST - self._left) / self.units_per_second)

    def spend(self, units: float, now: float) -> None:
        """Take out the units that were read."""
        self._fill(now)
        self._left -= units
        self.spent += units

    def _fill(self, now: float) -> None:
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._left = min(self.units_per_second, self._left + passed * self.units_per_second)
        self._at = now


_LEAST = 0.5
"""A page may begin only with this many units in the bucket: the cost of the smallest page."""

_TICK = 0.001
"""The shortest wait in seconds: a rounding error must not make the caller ask again immediately."""
