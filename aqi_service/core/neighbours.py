"""The neighbours of a sensor that measured the same: points within 10 km, each with one value.

One rule: what stands on one point (to POINT_DIGITS) is one neighbour, with the median of its values, however
many sensors it has; the sensor that is looked at is none of them.
"""

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from aqi_service.core.geo import Point
from aqi_service.core.point_tree import PointTree, point_tree
from aqi_service.core.slices import BUILD_SLICE, Slices

MOST_NEIGHBOURS, WITHIN_METRES = 20, 10_000
"""How many neighbours count, the nearest, and how far away they may be."""

POINT_DIGITS = 5
"""Digits behind the point to which two positions are one: about a metre."""


class SensorValue(NamedTuple):
    """What a sensor measured, in µg/m³, and where it stands."""

    sensor_id: int
    point: Point
    value: float


class Neighbour(NamedTuple):
    """How many metres away it is, the lowest id of its sensors, and its value in µg/m³."""

    metres: int
    sensor_id: int
    value: float


class _Spots:
    """Points, by the numbers 0, 1, 2 ...: a column for each part of their vectors, and for what is there.

    Attributes:
        numbers: the number of each point that was rounded.
        sensor_ids: the lowest sensor id at each; they ascend.
        vectors: the parts of their vectors.
    """

    def __init__(self) -> None:
        self.numbers: dict[tuple[float, ...], int] = {}
        self.sensor_ids = array("q")
        self.vectors = array("d"), array("d"), array("d")
        self._first = array("d")
        self._more: dict[int, list[float]] = {}

    def add(self, each: SensorValue) -> None:
        """Take what a sensor measured."""
        spot = self.numbers.setdefault(_rounded(each.point), len(self._first))
        if spot == len(self._first):
            self.sensor_ids.append(each.sensor_id)
            self._first.append(each.value)
            for column, part in zip(self.vectors, each.point.vector, strict=True):
                column.append(part)
        else:
            insort(self._more.setdefault(spot, [self._first[spot]]), each.value)

    def value(self, spot: int, without: float | None) -> float | None:
        """Return the median of a point's values, but for one of them; None if none is left."""
        return _median(self._more.get(spot) or [self._first[spot]], without)


def neighbours_of(measured: Iterable[SensorValue]) -> Slices["Neighbours"]:
    """Gather what sensors measured of one pollutant, by ascending id, to be searched by place."""
    spots = _Spots()
    for count, each in enumerate(measured):
        if count % BUILD_SLICE == 0:
            yield
        spots.add(each)
    tree = yield from point_tree(range(len(spots.sensor_ids)), spots.vectors)
    return Neighbours(spots, tree)


class Neighbours:
    """What sensors measured of one pollutant; made by `neighbours_of`."""

    def __init__(self, spots: _Spots, tree: PointTree) -> None:
        self._spots, self._tree = spots, tree

    def nearest(self, point: Point, own: float | None) -> Slices[list[Neighbour]]:
        """Return the nearest, at most MOST_NEIGHBOURS within WITHIN_METRES, by distance, then by sensor id.

        `own` is the value of the sensor that is looked at, if it is among those that were gathered.
        """
        spots = self._spots
        here = spots.numbers.get(_rounded(point), -1)
        others = None if here < 0 else spots.value(here, own)
        near = yield from self._tree.nearest(
            point, MOST_NEIGHBOURS, lambda at: at != here or others is not None, WITHIN_METRES
        )
        return [
            Neighbour(away, spots.sensor_ids[at], value)
            for away, at in near
            if (value := others if at == here else spots.value(at, None)) is not None
        ]


def _rounded(point: Point) -> tuple[float, ...]:
    return round(point.latitude, POINT_DIGITS), round(point.longitude, POINT_DIGITS)


def _median(values: Sequence[float], without: float | None) -> float | None:
    """Return the median of the values, which ascend, but for one of them; None if none is left."""
    if without is None:
        return values[0] if len(values) == 1 else median(values)
    left = len(values) - 1
    if not left:
        return None
    place = bisect_left(values, without)

    def value(rank: int) -> float:
        return values[rank + (rank >= place)]

    return (value((left - 1) // 2) + value(left // 2)) / 2
