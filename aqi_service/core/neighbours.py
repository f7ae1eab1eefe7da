"""The neighbours of a sensor: points within 10 km that measured the same pollutant, each with one value.

One rule: all sensors on one point (to POINT_DIGITS) are one neighbour, with the median of their values; a
sensor is never its own neighbour.
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
"""At most this many of the nearest neighbours count, and they may be this far away."""

POINT_DIGITS = 5
"""Digits after the point of a rounded position, about a metre: equal ones are one point."""


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
    """Points, numbered 0, 1, 2 ...: one column for each part of their vectors, and for their values.

    Attributes:
        numbers: the number of each rounded point.
        sensor_ids: the lowest sensor id at each point; they ascend.
        vectors: the parts of the points' vectors.
    """

    def __init__(self) -> None:
        self.numbers: dict[tuple[float, ...], int] = {}
        self.sensor_ids = array("q")
        self.vectors = array("d"), array("d"), array("d")
        self._first = array("d")
        self._more: dict[int, list[float]] = {}

    def add(self, each: SensorValue) -> None:
        """Take a sensor's value."""
        spot = self.numbers.setdefault(_rounded(each.point), len(self._first))
        if spot == len(self._first):
            self.sensor_ids.append(each.sensor_id)
            self._first.append(each.value)
            for column, part in zip(self.vectors, each.point.vector, strict=True):
                column.append(part)
        else:
            insort(self._more.setdefault(spot, [self._first[spot]]), each.value)

    def value(self, spot: int, without: float | None) -> float | None:
        """Return the median of a point's values without one of them; None if no other is left."""
        return _median(self._more.get(spot) or [self._first[spot]], without)


def neighbours_of(measured: Iterable[SensorValue]) -> Slices["Neighbours"]:
    """Collect sensors' values of one pollutant, by ascending id, for a search by place."""
    spots = _Spots()
    for count, each in enumerate(measured):
        if count % BUILD_SLICE == 0:
            yield
        spots.add(each)
    tree = yield from point_tree(range(len(spots.sensor_ids)), spots.vectors)
    return Neighbours(spots, tree)


class Neighbours:
    """Sensors' values of one pollutant; made by `neighbours_of`."""

    def __init__(self, spots: _Spots, tree: PointTree) -> None:
        self._spots, self._tree = spots, tree

    def nearest(self, point: Point, own: float | None) -> Slices[list[Neighbour]]:
        """Return at most MOST_NEIGHBOURS nearest points within WITHIN_METRES, by distance, then by sensor id.

        `own` is the value of the sensor itself, if it is among the collected ones.
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
    """Return the median of ascending values without one of them; None if no other is left."""
    if without is None:
        return values[0] if len(values) == 1 else median(values)
    left = len(values) - 1
    if not left:
        return None
    place = bisect_left(values, without)

    def value(rank: int) -> float:
        return values[rank + (rank >= place)]

    return (value((left - 1) // 2) + value(left // 2)) / 2
