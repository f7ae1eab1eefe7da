"""The sensors of a snapshot: the newest record of each, by sensor id, by place and by country.

One rule: an index never changes; it knows which record is a sensor's newest, and not what a reader is told of
it now (that is the lookup's to say).

What takes long comes in slices (core/slices.py).
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from math import nan
from typing import NamedTuple

from aqi_service.core.decimals import MAX_INTEGER
from aqi_service.core.geo import FARTHEST_KM, Box, Point, box_around, cell_of, metres
from aqi_service.core.items import Item
from aqi_service.core.slices import BUILD_SLICE, SLICE, Slices

FIRST_KM, WIDER = 10.0, 4.0
"""The first circle in which the nearest sensors are searched, and by how much the next is wider."""

SAME_COUNTRY: Mapping[str, str] = {"UK": "GB"}
"""Codes that the feed has for a country beside the one of ISO 3166."""


class Nearby(NamedTuple):
    """How many metres away a sensor is, and its position in the index."""

    metres: int
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class SensorIndex:
    """Sensors in the order of their ids; a position is a sensor's place in that order.

    Attributes:
        sensor_ids: their ids.
        record_ids: the newest record of each; of those of one time, the one with the higher id.
        indoor: whether each stands indoors.
    """

    sensor_ids: Sequence[int]
    record_ids: Sequence[int]
    indoor: Sequence[int]
    _points: Sequence[Point | None]
    _vectors: tuple[Sequence[float], Sequence[float], Sequence[float]]
    _cells: Mapping[int, Sequence[int]]
    _countries: Mapping[str, Sequence[int]]

    def __len__(self) -> int:
        return len(self.sensor_ids)

    def position(self, sensor_id: int) -> int | None:
        """Return a sensor's position; None of one that the snapshot does not have."""
        place = bisect_left(self.sensor_ids, sensor_id)
        return place if place < len(self) and self.sensor_ids[place] == sensor_id else None

    def point(self, position: int) -> Point | None:
        """Return where a sensor stands; None if its record does not say."""
        return self._points[position]

    def in_country(self, code: str) -> Sequence[int]:
        """Return the positions of the sensors of a country (two capital letters); GB and UK are one."""
        return self._countries.get(one_code(code), ())

    def in_box(self, box: Box) -> Slices[list[int]]:
        """Return the positions of the sensors in a box, by sensor id."""
        found, points = list[int](), self._points
        for some in self._slices_of(box):
            found += [at for at in some if (point := points[at]) and box.has(point)]
            yield
        return sorted(found)

    def within(self, middle: Point, kilometres: float) -> Slices[list[Nearby]]:
        """Return the sensors within that distance, edge included, in no order."""
        found = list[Nearby]()
        for some in self._measured(middle, kilometres):
            found += some
            yield
        return found

    def nearest(self, middle: Point, count: int, wanted: Callable[[int], bool]) -> Slices[list[Nearby]]:
        """Return so many of the sensors that are wanted, nearest first, then by id, or all there are.

        `wanted` is asked with a position.
        """
        kilometres = FIRST_KM
        while True:
            found = list[Nearby]()
            for some in self._measured(middle, kilometres):
                found = nsmallest(count, found + [near for near in some if wanted(near.position)])
                yield
            if len(found) == count or kilometres >= FARTHEST_KM:
                return found
            kilometres *= WIDER

    def _measured(self, middle: Point, kilometres: float) -> Iterator[list[Nearby]]:
        """Give the sensors within that distance in slices."""
        x, y, z = middle.vector
        xs, ys, zs = self._vectors
        most = round(kilometres * 1_000)
        for some in self._slices_of(box_around(middle, min(kilometres, FARTHEST_KM))):
            yield [
                Nearby(away, at)
                for at in some
                if (away := metres((xs[at] - x) ** 2 + (ys[at] - y) ** 2 + (zs[at] - z) ** 2)) <= most
            ]

    def _slices_of(self, box: Box) -> Iterator[list[int]]:
        """Give the positions in the cells of a box, at most SLICE at a time."""
        waiting: list[int] = []
        for cell in self._cells_of(box):
            waiting += self._cells[cell]
            while len(waiting) >= SLICE:
                yield waiting[:SLICE]
                del waiting[:SLICE]
        yield waiting

    def _cells_of(self, box: Box) -> Iterator[int]:
        """Give the cells of a box that have sensors, the shorter way."""
        if box.cell_count() <= len(self._cells):
            return filter(self._cells.__contains__, box.cells())
        return filter(box.touches, self._cells)


class _Columns:
    """The columns of an index while it is built."""

    def __init__(self) -> None:
        self.sensor_ids, self.record_ids, self.indoor = array("q"), array("q"), bytearray()
        self.points: list[Point | None] = []
        self.vectors = array("d"), array("d"), array("d")
        self.cells: dict[int, array[int]] = {}
        self.countries: dict[str, array[int]] = {}

    def add(self, sensor_id: int, record: "_Newest") -> None:
        """Take the next sensor."""
        position = len(self.sensor_ids)
        self.sensor_ids.append(sensor_id)
        self.record_ids.append(record.record_id)
        self.indoor.append(record.indoor)
        self.points.append(record.point)
        for column, part in zip(self.vectors, record.point.vector if record.point else _NOWHERE, strict=True):
            column.append(part)
        if record.point:
            self.cells.setdefault(cell_of(record.point), array("l")).append(position)
        if record.country:
            self.countries.setdefault(one_code(record.country), array("l")).append(position)

    def index(self) -> SensorIndex:
        """Return the index of what was taken."""
        return SensorIndex(
            self.sensor_ids,
            self.record_ids,
            self.indoor,
            self.points,
            self.vectors,
            self.cells,
            self.countries,
        )


_NOWHERE = (nan, nan, nan)


class _Newest(NamedTuple):
    measured_at: int
    record_id: int
    point: Point | None
    country: str | None
    indoor: bool


def build(items: Iterable[Item]) -> Slices[SensorIndex]:
    """Build the index of a snapshot's items, in any order; what has no sensor id is left out."""
    newest: dict[int, _Newest] = {}
    for count, item in enumerate(items):
        if count % BUILD_SLICE == 0:
            yield
        sensor_id = _sensor_of(item)
        if sensor_id is None:
            continue
        record = _Newest(
            item.measured_at or 0, int(item.id), point_of(item), item.country, item.indoor == "1"
        )
        there = newest.get(sensor_id)
        if there is None or record[:2] > there[:2]:
            newest[sensor_id] = record
    columns = _Columns()
    for count, sensor_id in enumerate(sorted(newest)):
        if count % BUILD_SLICE == 0:
            yield
        columns.add(sensor_id, newest[sensor_id])
    return columns.index()


def one_code(code: str) -> str:
    """Return the one code that a country has here."""
    return SAME_COUNTRY.get(code, code)


def point_of(item: Item) -> Point | None:
    """Return where an item was measured; None if it does not say both."""
    if item.latitude is None or item.longitude is None:
        return None
    return Point(float(item.latitude), float(item.longitude))


def _sensor_of(item: Item) -> int | None:
    """Return an item's sensor id; None of what is none, as a table may have it that something else filled."""
    text = item.sensor_id or ""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    return number if (number := int(text)) <= MAX_INTEGER else None
