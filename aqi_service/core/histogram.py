"""A histogram in Prometheus' form: how many values lie up to each edge, and their sum."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Histogram:
    """Counts of values by size: `counts` has one count for each edge and one beyond; `total` is the sum."""

    __slots__ = ("_edges", "counts", "total")

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = edges
        self.counts = [0] * (len(edges) + 1)
        self.total = 0.0

    def note(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self._edges, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return the counts in Prometheus' form: each edge also counts the values below it."""
        return list(zip((*map(str, self._edges), "+Inf"), map(float, accumulate(self.counts)), strict=True))
