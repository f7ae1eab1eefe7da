"""A histogram as Prometheus has it: how many values came up to each edge, and their sum."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Histogram:
    """Values by size: `counts` up to each of the edges and beyond, `total` their sum."""

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
        """Return the counts as Prometheus has them: up to an edge, those below it included."""
        return list(zip((*map(str, self._edges), "+Inf"), map(float, accumulate(self.counts)), strict=True))
