"""The neighbours of a sensor that measured the same: points within 10 km, each with one value.

One rule: what stands on one point (to POINT_DIGITS) is one neighbour, with the median of its values, however
many sensors it has; the sensor that is looked at is none of them.

Points lie in cells of a tenth of a degree, and where these are crowded also in finer ones, so that a search
looks at a hundred points or so, in a village as in a street with 30,000 sensors.

Points are numbers into columns, and a cell of one point is that number: an object each would be one more that
each full garbage collection looks at, in the middle of somebody's lookup.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
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


class _Spots:
    """Points, by the numbers 0, 1, 2 ...: a column for each part of their vectors, and for what is there.

    Attributes:
        numbers: the number of each point that was rounded.
        sensor_ids: the lowest sensor id at each.
    """

    def __init__(self) -> None:
        self.numbers: dict[tuple[float, ...], int] = {}
        self.sensor_ids: list[int] = []
        self._vectors: tuple[list[float], list[float], list[float]] = [], [], []
        self._first: list[float] = []
        self._more: dict[int, list[float]] = {}

    def add(self, each: SensorValue) -> None:
        """Take what a sensor measured."""
        place = _rounded(each.point)
        spot = self.numbers.setdefault(place, len(self._first))
        if spot == len(self._first):
            self.sensor_ids.append(each.sensor_id)
            self._first.append(each.value)
            for column, part in zip(self._vectors, each.point.vector, strict=True):
                column.append(part)
        else:
            insort(self._more.setdefault(spot, [self._first[spot]]), each.value)

    def value(self, spot: int, without: float | None) -> float | None:
        """Return the median of a point's values, but for one of them; None if none is left."""
        return _median(self._more.get(spot) or [self._first[spot]], without)

    def closest(self, vector: Vector, there: Iterable[int]) -> list[tuple[int, int, int]]:
        """Return those of these points that may count: whole metres, sensor id and number.

        That is one more than can count, for the point that is looked at, and all that are as far as the last.
        """
        x, y, z = vector
        xs, ys, zs = self._vectors
        cosines = [(x * xs[spot] + y * ys[spot] + z * zs[spot], spot) for spot in there]  # of the angles
        if len(cosines) > MOST_NEIGHBOURS + 1:
            last = nlargest(MOST_NEIGHBOURS + 1, [cosine for cosine, _ in cosines])[-1]
            edge = last - sqrt(max(0.0, 1 - last * last)) * _EDGE_ANGLE - _EDGE_ANGLE * _EDGE_ANGLE
            cosines = [each for each in cosines if each[0] >= edge]
        return [
            (
                metres((xs[spot] - x) ** 2 + (ys[spot] - y) ** 2 + (zs[spot] - z) ** 2),
                self.sensor_ids[spot],
                spot,
            )
            for _, spot in cosines
        ]


_EDGE_ANGLE = 2 / (1_000 * RADIUS_KM)
"""Two metres, as an angle: what is cut off must not be as far, in whole metres, as what is kept."""


def neighbours_of(measured: Iterable[SensorValue]) -> Slices["Neighbours"]:
    """Gather what sensors measured of one pollutant, by ascending id, to be searched by place."""
    spots = _Spots()
    for count, each in enumerate(measured):
        if count % BUILD_SLICE == 0:
            yield
        spots.add(each)
    levels: list[_Cells] = []
    while len(levels) < MOST_LEVELS and (not levels or levels[-1].most > CROWDED):
        levels.append(_Cells(CELLS_PER_DEGREE * FINER ** len(levels)))
        for count, (place, spot) in enumerate(spots.numbers.items()):
            if count % BUILD_SLICE == 0:
                yield
            levels[-1].add(Point(*place), spot)
    return Neighbours(spots, levels)


class Neighbours:
    """What sensors measured of one pollutant; made by `neighbours_of`."""

    def __init__(self, spots: _Spots, levels: Sequence["_Cells"]) -> None:
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

    def _nearest(self, point: Point, own: float | None, there: Iterable[int], most: int) -> list[Neighbour]:
        """Choose from those points, at most so many metres away."""
        here = self._spots.numbers.get(_rounded(point))
        told = (
            Neighbour(away, sensor_id, value)
            for away, sensor_id, spot in sorted(self._spots.closest(point.vector, there))
            if away <= most and (value := self._spots.value(spot, own if spot == here else None)) is not None
        )
        return list(islice(told, MOST_NEIGHBOURS))


class _Cells:
    """Points by the cell they lie in, so many to a degree.

    Attributes:
        most: how many are in the fullest cell.
    """

    def __init__(self, per_degree: int) -> None:
        self._per_degree = per_degree
        self._columns = 360 * per_degree
        self._only: dict[int, int] = {}
        self._several: dict[int, list[int]] = {}
        self.most = 0

    def add(self, point: Point, spot: int) -> None:
        """Take a point."""
        row, column = self._cell(point)
        cell = row * self._columns + column
        if self._only.setdefault(cell, spot) == spot:
            self.most = max(self.most, 1)
            return
        there = self._several.setdefault(cell, [self._only[cell]])
        there.append(spot)
        self.most = max(self.most, len(there))

    def has_enough(self, point: Point) -> bool:
        """Tell whether the nine cells around a point have all that count, maybe."""
        return sum(map(len, self._around(point))) > MOST_NEIGHBOURS

    def around(self, point: Point) -> Iterable[int]:
        """Give the points of the nine cells around a point."""
        return chain.from_iterable(self._around(point))

    def sure_metres(self, point: Point) -> int:
        """Return a distance within which `around` misses none: to the nearest edge, a meridian."""
        side = radians(1 / self._per_degree)
        return floor(1_000 * RADIUS_KM * asin(cos(radians(point.latitude)) * sin(side))) - 1

    def within(self, point: Point) -> Iterable[int]:
        """Give the points of all cells that lie within WITHIN_KM, at least in part."""
        box = box_around(point, WITHIN_KM)
        first, last = self._cell(Point(box.south, box.west)), self._cell(Point(box.north, box.east))
        columns = range(first[1], last[1] + 1 + (self._columns if box.west > box.east else 0))
        return chain.from_iterable(self._in(range(first[0], last[0] + 1), columns))

    def _around(self, point: Point) -> Iterable[Sequence[int]]:
        row, column = self._cell(point)
        return self._in(range(row - 1, row + 2), range(column - 1, column + 2))

    def _in(self, rows: range, columns: range) -> Iterable[Sequence[int]]:
        only, several = self._only, self._several
        return [
            several.get(cell) or (only[cell],)
            for row in rows
            for column in columns
            if (cell := row * self._columns + column % self._columns) in only
        ]

    def _cell(self, point: Point) -> tuple[int, int]:
        column = floor((point.longitude + 180) * self._per_degree)
        return floor((point.latitude + 90) * self._per_degree), column % self._columns


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
