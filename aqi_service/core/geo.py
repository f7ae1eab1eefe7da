"""Points on the Earth: the distance between two of them, boxes of degrees, and cells for searching.

One rule: degrees come in and whole metres come out. The Earth is a sphere of its mean radius; its flattening
makes distances wrong by at most 0.6 %.
"""

from collections.abc import Iterator
from math import asin, cos, degrees, floor, pi, radians, sin, sqrt
from typing import NamedTuple

RADIUS_KM = 6371.0088
"""The Earth's mean radius (IUGG, Geodetic Reference System 1980)."""

FARTHEST_KM = pi * RADIUS_KM
"""The distance from a point to the opposite point of the Earth."""

_DIAMETER_METRES = 2_000 * RADIUS_KM
_MARGIN = 1e-9
"""Degrees by which a box around a circle is made larger than needed: more than rounding can take away."""


class Vector(NamedTuple):
    """A point as a vector of length 1 from the Earth's centre."""

    x: float
    y: float
    z: float


class Point(NamedTuple):
    """A point: degrees north (-90 to 90) and degrees east (-180 to 180)."""

    latitude: float
    longitude: float

    @property
    def exists(self) -> bool:
        """Tell whether there is such a point."""
        return abs(self.latitude) <= _QUARTER_TURN and abs(self.longitude) <= _HALF_TURN

    @property
    def vector(self) -> Vector:
        """The point as a vector."""
        north, east = radians(self.latitude), radians(self.longitude)
        return Vector(cos(north) * cos(east), cos(north) * sin(east), sin(north))


def metres(chord_squared: float) -> int:
    """Return the distance of two points in whole metres, given the square of their vectors' difference."""
    return round(_DIAMETER_METRES * asin(min(1.0, sqrt(chord_squared) / 2)))


def chord_squared(metres: float) -> float:
    """Return the square of the difference of two vectors whose points are this many metres apart."""
    return (2 * sin(min(pi / 2, metres / _DIAMETER_METRES))) ** 2


class Box(NamedTuple):
    """The area between two latitudes and two longitudes, edges included.

    If west is greater than east, the box crosses the antimeridian.
    """

    south: float
    west: float
    north: float
    east: float

    def has(self, point: Point) -> bool:
        """Tell whether a point lies in the box; 180 and -180 degrees east are the same meridian."""
        return self.south <= point.latitude <= self.north and (
            self._has_longitude(point.longitude)
            or (abs(point.longitude) == _HALF_TURN and self._has_longitude(-point.longitude))
        )

    def _has_longitude(self, longitude: float) -> bool:
        if self.west <= self.east:
            return self.west <= longitude <= self.east
        return longitude >= self.west or longitude <= self.east

    def cells(self) -> Iterator[int]:
        """Give the cells that the box may touch, each once."""
        for row in self._rows():
            for column in self._columns():
                yield row * _COLUMNS + column % _COLUMNS

    def cell_count(self) -> int:
        """Return how many cells `cells` gives."""
        return len(self._rows()) * len(self._columns())

    def touches(self, cell: int) -> bool:
        """Tell whether `cells` gives that cell."""
        row, column = divmod(cell, _COLUMNS)
        columns = self._columns()
        return row in self._rows() and (column in columns or column + _COLUMNS in columns)

    def _rows(self) -> range:
        return range(_row(self.south), _row(self.north) + 1)

    def _columns(self) -> range:
        """Return the box's columns from west to east; some numbers are beyond the last column."""
        first, last = floor(self.west + _HALF_TURN), floor(self.east + _HALF_TURN)
        if self.west > self.east:
            last += _COLUMNS
        return range(first, min(last, first + _COLUMNS - 1) + 1)


_HALF_TURN, _QUARTER_TURN = 180.0, 90.0
_ROWS, _COLUMNS = 180, 360


def cell_of(point: Point) -> int:
    """Return the number of the one-degree cell that a point lies in."""
    return _row(point.latitude) * _COLUMNS + _column(point.longitude)


def _row(latitude: float) -> int:
    return min(_ROWS - 1, floor(latitude + _QUARTER_TURN))


def _column(longitude: float) -> int:
    return floor(longitude + _HALF_TURN) % _COLUMNS


def box_around(middle: Point, kilometres: float) -> Box:
    """Return a box that contains all points within that distance (at most FARTHEST_KM)."""
    angle = kilometres / RADIUS_KM
    reach = degrees(angle) + _MARGIN
    south, north = middle.latitude - reach, middle.latitude + reach
    if south <= -_QUARTER_TURN or north >= _QUARTER_TURN:  # a pole lies in it, and so all meridians do
        return Box(max(-_QUARTER_TURN, south), -_HALF_TURN, min(_QUARTER_TURN, north), _HALF_TURN)
    width = degrees(asin(min(1.0, sin(angle) / cos(radians(middle.latitude))))) + _MARGIN
    return Box(south, _wrapped(middle.longitude - width), north, _wrapped(middle.longitude + width))


def _wrapped(longitude: float) -> float:
    """Return the same meridian as degrees from -180 to 180."""
    if -_HALF_TURN <= longitude <= _HALF_TURN:
        return longitude
    return (longitude + _HALF_TURN) % 360 - _HALF_TURN
