"""Points on the Earth in a tree, which finds the nearest to a point, or all within a distance.

One rule: a tree never changes. It gives exactly what a look at every point would give; whole metres decide,
then the lower position.

A k-d tree (Bentley 1975, doi 10.1145/361002.361007) over vectors from the Earth's centre, so poles and
antimeridian are places like any other. A node stands before its contents: first the points below its split,
then the others. Everything is in columns, since each full garbage collection would visit one object for each
point.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from aqi_service.core.geo import Point, Vector, chord_squared, metres
from aqi_service.core.slices import SLICE, Slices

LEAF = 20
"""At most this many points are compared one after the other."""

SAMPLE = 32
"""A sample of this many points, or up to twice as many, decides where to split."""

Columns = tuple[Sequence[float], Sequence[float], Sequence[float]]
"""The three parts of vectors, one column each."""


class Nearby(NamedTuple):
    """How many metres away a point is, and its position."""

    metres: int
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class PointTree:
    """Points by their positions; made by `point_tree`.

    Attributes:
        _axes: the part of the vector by which each node splits.
        _splits: the value at which it splits.
        _others: the node of the points that are not below that value; 0 for a leaf.
        _firsts: the place of each node's first point; after the last node, the end of all points.
        _positions: the positions of the points, by place.
        _vectors: the vectors of the points, by place.
    """

    _axes: Sequence[int]
    _splits: Sequence[float]
    _others: Sequence[int]
    _firsts: Sequence[int]
    _positions: Sequence[int]
    _vectors: Columns

    def nearest(
        self, middle: Point, count: int, wanted: Callable[[int], bool], most: float = inf
    ) -> Slices[list[Nearby]]:
        """Return at most `count` nearest wanted points, nearest first, then by position.

        `wanted` is called with a position; no point farther away than `most` metres is returned.
        """
        x, y, z = middle.vector
        reach, best = _Reach(chord_squared(most + 1) if most < inf else inf), list[tuple[int, int]]()
        for there in self._sliced(middle.vector, reach):
            if there is None:
                yield
                continue
            best += [
                (away, at)
                for other_x, other_y, other_z, at in there
                if (squared := (other_x - x) ** 2 + (other_y - y) ** 2 + (other_z - z) ** 2) <= reach.squared
                and wanted(at)
                and (away := metres(squared)) <= most
            ]
            best = sorted(best)[:count]
            if len(best) == count:
                reach.squared = chord_squared(best[-1][0] + 1)
        return [Nearby(*each) for each in best]

    def within(self, middle: Point, kilometres: float) -> Iterator[list[int]]:
        """Give the positions of the points within a distance, edge included, in slices."""
        x, y, z = middle.vector
        most, found = round(kilometres * 1_000), list[int]()
        for there in self._sliced(middle.vector, _Reach(chord_squared(most + 1))):
            if there is None:
                yield found
                found = []
                continue
            found += [
                at
                for other_x, other_y, other_z, at in there
                if metres((other_x - x) ** 2 + (other_y - y) ** 2 + (other_z - z) ** 2) <= most
            ]
        yield found

    def _sliced(self, here: Vector, reach: "_Reach") -> Iterator["_Points | None"]:
        """Give the points of each leaf in reach, and None after at most SLICE points."""
        looked_at = 0
        xs, ys, zs = self._vectors
        for first, end in self._leaves(here, reach):
            looked_at += end - first
            if looked_at > SLICE:
                yield None
                looked_at = end - first
            yield zip(xs[first:end], ys[first:end], zs[first:end], self._positions[first:end], strict=True)

    def _leaves(self, here: Vector, reach: "_Reach") -> Iterator[tuple[int, int]]:
        """Give first place and end of each leaf in reach, near leaves first; the reach may get shorter."""
        axes, splits, others, firsts = self._axes, self._splits, self._others, self._firsts
        waiting = [(0.0, 0)]
        while waiting:
            gap, node = waiting.pop()
            if gap > reach.squared:
                continue
            while other := others[node]:
                away = here[axes[node]] - splits[node]
                node, far = (node + 1, other) if away < 0 else (other, node + 1)
                waiting.append((away * away, far))
            yield firsts[node], firsts[node + 1]


_Points = Iterator[tuple[float, float, float, int]]
"""Vectors' parts, and positions."""


@dataclass(slots=True)
class _Reach:
    """How far a search reaches, as the square of a chord."""

    squared: float


def point_tree(positions: Sequence[int], vectors: Columns) -> Slices[PointTree]:
    """Put points into a tree; `vectors` has the parts of each position's vector."""
    axes, splits, others, firsts = bytearray(), array("d"), array("i"), array("i")
    placed, placed_vectors = array("i"), (array("d"), array("d"), array("d"))
    waiting: list[tuple[Sequence[int], int | None]] = [(positions, None)]
    looked_at = 0
    while waiting:
        some, above = waiting.pop()
        if above is not None:
            others[above] = len(axes)
        axis, split = _choice(some, vectors) if len(some) > LEAF else (0, 0.0)
        axes.append(axis)
        splits.append(split)
        others.append(0)
        firsts.append(len(placed))
        if len(some) > LEAF:
            below, rest = yield from _halves(some, vectors[axis], split)
            waiting += ((rest, len(axes) - 1), (below, None))
        else:
            placed.extend(some)
            for column, part in zip(vectors, placed_vectors, strict=True):
                part.extend([column[at] for at in some])
        looked_at += len(some)
        if looked_at >= SLICE:
            yield
            looked_at = 0
    firsts.append(len(placed))
    return PointTree(axes, splits, others, firsts, placed, placed_vectors)


def _choice(some: Sequence[int], vectors: Columns) -> tuple[int, float]:
    """Return the axis along which a sample of the points spreads the widest, and the middle there."""
    sample = some[:: len(some) // SAMPLE or 1]
    spreads = list[tuple[float, int, float]]()
    for axis, column in enumerate(vectors):
        values = sorted([column[at] for at in sample])
        spreads.append((values[-1] - values[0], axis, values[len(values) // 2]))
    _, axis, middle = max(spreads)
    return axis, middle


def _halves(
    some: Sequence[int], column: Sequence[float], split: float
) -> Slices[tuple[Sequence[int], Sequence[int]]]:
    """Divide points into those not above the split and those not below it; neither part is empty."""
    below, equal, over = list[int](), list[int](), list[int]()
    for start in range(0, len(some), SLICE):
        part = some[start : start + SLICE]
        below += [at for at in part if column[at] < split]
        equal += [at for at in part if column[at] == split]
        over += [at for at in part if column[at] > split]
        if len(some) > SLICE:
            yield
    half = min(max(len(some) // 2 - len(below), 0), len(equal))
    return below + equal[:half], equal[half:] + over
