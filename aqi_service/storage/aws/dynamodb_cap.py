"""How many write units a second the owner lets this process use: a token bucket.

One rule: no ten seconds in a row, not even the first, use more than ten times the cap.
"""

from collections.abc import Sequence
from itertools import accumulate

from aqi_service.core.costs import bucket


class WriteCap:
    """Says when a write may go out under a cap of `per_second` write units: arithmetic only.

    The bucket holds what one request uses, and fills a little slower than the cap: bucket and ten seconds of
    filling together are ten times the cap. `now` is in seconds, on any clock.
    """

    def __init__(self, per_second: int) -> None:
        self._holds, self._a_second = bucket(per_second)
        self._units = float(self._holds)  # negative: they are promised, and come in so many seconds
        self._at = float("-inf")

    def fitting(self, units: Sequence[int]) -> int:
        """Return how many of the items, from the first on, fit into one request: at least one."""
        return max(1, sum(total <= self._holds for total in accumulate(units)))

    def due(self, units: int, now: float) -> float:
        """Give a request of this many units its turn; return the seconds until then."""
        self._units = min(self._holds, self._units + (now - self._at) * self._a_second)
        self._at = now
        self._units -= units
        return max(0.0, -self._units / self._a_second)
