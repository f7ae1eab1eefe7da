"""The neighbours of a sensor that measured the same: points within 10 km, each with one value.

One rule: what stands on one point (to POINT_DIGITS) is one neighbour, with the median of its values, however
many sensors it has; the sensor that is looked at is none of them.

Points lie in cells of a tenth of a degree, and where these are crowded also in finer ones, so that a search
looks at a hundred points or so, in a village as in a street with 30,000 sensors.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from heapq import nlargest
from itertools import chain, islice
from math import asin, cos, floor, radians, sin, sqrt
from statistics import median
from typing import NamedTuple

from aqi_service.core.geo import RADIUS_KM, Point, Vector, box_around, metres
from aqi_service.core.slices import BUILD_SLICE, Slices

MOST_NEIGHBOURS, WITHIN_KM = 20, 10.0
"""How many neighbours count, the nearest, and how far away they may be."""

POINT_DIGITS = 5
"""Digits behind the point to which two positions are one: about a metre."""

CELLS_PER_DEGREE, FINER, MOST_LEVELS = 10, 2, 13
"""The widest cells; how many of the next ones lie in one along each side; the last have less than 3 m."""

CROWDED = 12
"""More points than that in one cell, and there are finer ones."""


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


class _Spot(NamedTuple):
    """One point: the vector's parts, the lowest sensor id there, and the values in ascending order."""

    x: float
    y: float
    z: float
    sensor_id: int
    values: list[float]


def neighbours_of(measured: Iterable[SensorValue]) -> Slices["Neighbours"]:
    """Gather what sensors measured of one pollutant, to be searched by place."""
    spots: dict[Point, _Spot] = {}
    for count, each in enumerate(measured):
        if count % BUILD_SLICE == 0:
            yield
        point = _rounded(each.point)
        if (spot := spots.get(point)) is None:
            spot = spots[point] = _Spot(*each.point.vector, each.sensor_id, [])
        insort(spot.values, each.value)
    levels: list[_Cells] = []
    while len(levels) < MOST_LEVELS and (not levels or levels[-1].is_crowded):
        levels.append(_Cells(CELLS_PER_DEGREE * FINER ** len(levels)))
        for count, (point, spot) in enumerate(spots.items()):
            if count % BUILD_SLICE == 0:
                yield
            levels[-1].add(point, spot)
    return Neighbours(spots, levels)


class Neighbours:
    """What sensors measured of one pollutant; made by `neighbours_of`."""

    def __init__(self, spots: Mapping[Point, _Spot], levels: list["_Cells"]) -> None:
        self._spots, self._levels = spots, levels

    def nearest(self, point: Point, own: float | None) -> list[Neighbour]:
        """Return the nearest, at most MOST_NEIGHBOURS within WITHIN_KM, by distance, then by sensor id.

        `own` is the value of the sensor that is looked at, if it is among those that were gathered.
        """
        for cells in reversed(self._levels[1:]):
            if cells.has_enough(point):
                found = self._nearest(point, own, cells.around(point), cells.sure_metres(point))
                if len(found) == MOST_NEIGHBOURS:
                    return found
        return self._nearest(point, own, self._levels[0].within(point), round(WITHIN_KM * 1_000))

    def _nearest(self, point: Point, own: float | None, there: Iterable[_Spot], most: int) -> list[Neighbour]:
        """Choose from those points, at most so many metres away."""
        vector, here = point.vector, self._spots.get(_rounded(point))
        told = (
            Neighbour(away, spot.sensor_id, value)
            for away, _, spot in sorted(_closest(vector, there))
            if away <= most and (value := _median(spot.values, own if spot is here else None)) is not None
        )
        return list(islice(told, MOST_NEIGHBOURS))


def _closest(vector: Vector, there: Iterable[_Spot]) -> list[tuple[int, int, _Spot]]:
    """Return the points that may count, each with its whole metres and sensor id.

    That is one more than can count, for the point that is looked at, and all that are as far as the last.
    """
    x, y, z = vector
    cosines = [(x * spot[0] + y * spot[1] + z * spot[2], spot) for spot in there]  # of the angles between
    if len(cosines) > MOST_NEIGHBOURS + 1:
        last = nlargest(MOST_NEIGHBOURS + 1, [cosine for cosine, _ in cosines])[-1]
        edge = last - sqrt(max(0.0, 1 - last * last)) * _EDGE_ANGLE - _EDGE_ANGLE * _EDGE_ANGLE
        cosines = [each for each in cosines if each[0] >= edge]
    return [
        (metres((spot.x - x) ** 2 + (spot.y - y) ** 2 + (spot.z - z) ** 2), spot.sensor_id, spot)
        for _, spot in cosines
    ]


_EDGE_ANGLE = 2 / (1_000 * RADIUS_KM)
"""Two metres, as an angle: what is cut off must not be as far, in whole metres, as what is kept."""


class _Cells:
    """Points by the cell they lie in, so many to a degree."""

    def __init__(self, per_degree: int) -> None:
        self._per_degree = per_degree
        self._columns = 360 * per_degree
        self._points: dict[int, list[_Spot]] = {}

    @property
    def is_crowded(self) -> bool:
        """Tell whether one of them has too many."""
        return max(map(len, self._points.values()), default=0) > CROWDED

    def add(self, point: Point, spot: _Spot) -> None:
        """Take a point."""
        row, column = self._cell(point)
        self._points.setdefault(row * self._columns + column, []).append(spot)

    def has_enough(self, point: Point) -> bool:
        """Tell whether the nine cells around a point have all that count, maybe."""
        return sum(map(len, self._around(point))) > MOST_NEIGHBOURS

    def around(self, point: Point) -> Iterable[_Spot]:
        """Give the points of the nine cells around a point."""
        return chain.from_iterable(self._around(point))

    def sure_metres(self, point: Point) -> int:
        """Return a distance within which `around` misses none: to the nearest edge, a meridian."""
        side = radians(1 / self._per_degree)
        return floor(1_000 * RADIUS_KM * asin(cos(radians(point.latitude)) * sin(side))) - 1

    def within(self, point: Point) -> Iterable[_Spot]:
        """Give the points of all cells that lie within WITHIN_KM, at least in part."""
        box = box_around(point, WITHIN_KM)
        first, last = self._cell(Point(box.south, box.west)), self._cell(Point(box.north, box.east))
        columns = range(first[1], last[1] + 1 + (self._columns if box.west > box.east else 0))
        return chain.from_iterable(self._in(range(first[0], last[0] + 1), columns))

    def _around(self, point: Point) -> Iterable[list[_Spot]]:
        row, column = self._cell(point)
        return self._in(range(row - 1, row + 2), range(column - 1, column + 2))

    def _in(self, rows: range, columns: range) -> Iterable[list[_Spot]]:
        return [
            there
            for row in rows
            for column in columns
            if (there := self._points.get(row * self._columns + column % self._columns))
        ]

    def _cell(self, point: Point) -> tuple[int, int]:
        column = floor((point.longitude + 180) * self._per_degree)
        return floor((point.latitude + 90) * self._per_degree), column % self._columns


def _rounded(point: Point) -> Point:
    return Point(round(point.latitude, POINT_DIGITS), round(point.longitude, POINT_DIGITS))


def _median(values: list[float], without: float | None) -> float | None:
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
