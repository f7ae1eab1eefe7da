"""The sensors of a snapshot: the newest record of each, by sensor id, by place and by country.

One rule: an index never changes; it knows which record is a sensor's newest, and not what a reader is told of
it now (that is the lookup's to say).

What takes long comes in slices (core/slices.py). All is in columns: an object a sensor would be one more that
each full garbage collection looks at, in the middle of somebody's request.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import compress
from math import isnan, nan
from typing import NamedTuple

from aqi_service.core.cells import Cells, CellsBuilder
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
    _degrees: tuple[Sequence[float], Sequence[float]]
    _vectors: tuple[Sequence[float], Sequence[float], Sequence[float]]
    _cells: Cells
    _countries: Mapping[str, Sequence[int]]

    def __len__(self) -> int:
        return len(self.sensor_ids)

    def position(self, sensor_id: int) -> int | None:
        """Return a sensor's position; None of one that the snapshot does not have."""
        place = bisect_left(self.sensor_ids, sensor_id)
        return place if place < len(self) and self.sensor_ids[place] == sensor_id else None

    def point(self, position: int) -> Point | None:
        """Return where a sensor stands; None if its record does not say."""
        latitudes, longitudes = self._degrees
        return None if isnan(latitudes[position]) else Point(latitudes[position], longitudes[position])

    def in_country(self, code: str) -> Sequence[int]:
        """Return the positions of the sensors of a country (two capital letters); GB and UK are one."""
        return self._countries.get(one_code(code), ())

    def in_box(self, box: Box) -> Slices[list[int]]:
        """Return the positions of the sensors in a box, by sensor id."""
        there, (latitudes, longitudes) = bytearray(len(self)), self._degrees
        for some in self._slices_of(box):
            for at in some:
                there[at] = box.has(Point(latitudes[at], longitudes[at]))
            yield
        return (yield from _marked(there))

    def within(self, middle: Point, kilometres: float) -> Slices[list[int]]:
        """Return the positions of the sensors within that distance, edge included, by sensor id."""
        there = bytearray(len(self))
        for some in self._measured(middle, kilometres):
            for near in some:
                there[near.position] = True
            yield
        return (yield from _marked(there))

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
        """Give the positions in the cells of a box, at most SLICE at a time, and of as many cells."""
        waiting, places = list[int](), self._cells.places
        cells: Iterable[int] = places if box.cell_count() > len(places) else box.cells()  # the shorter way
        is_there = box.touches if cells is places else places.__contains__
        for count, cell in enumerate(cells):
            if count % SLICE == SLICE - 1:
                yield []
            if is_there(cell):
                waiting += self._cells.positions(cell)
            while len(waiting) >= SLICE:
                yield waiting[:SLICE]
                del waiting[:SLICE]
        yield waiting


def _marked(there: bytearray) -> Slices[list[int]]:
    """Return the positions that are marked, in their order."""
    found = list[int]()
    for start in range(0, len(there), SLICE):
        found += compress(range(start, start + SLICE), there[start : start + SLICE])
        yield
    return found


class _Columns:
    """The columns of an index while it is built."""

    def __init__(self) -> None:
        self.sensor_ids, self.record_ids, self.indoor = array("q"), array("q"), bytearray()
        self.degrees = array("d"), array("d")
        self.vectors = array("d"), array("d"), array("d")
        self.cells = CellsBuilder()
        self.countries: dict[str, array[int]] = {}

    def add(self, sensor_id: int, record: "_Newest") -> None:
        """Take the next sensor."""
        position = len(self.sensor_ids)
        self.sensor_ids.append(sensor_id)
        self.record_ids.append(record.record_id)
        self.indoor.append(record.indoor)
        point = record.point
        for columns, parts in (
            (self.degrees, point or _NOWHERE[:2]),
            (self.vectors, point.vector if point else _NOWHERE),
        ):
            for column, part in zip(columns, parts, strict=True):
                column.append(part)
        if record.point:
            self.cells.put(cell_of(record.point), position)
        if record.country:
            self.countries.setdefault(one_code(record.country), array("l")).append(position)

    def index(self) -> Slices[SensorIndex]:
        """Return the index of what was taken."""
        cells = yield from self.cells.done()
        return SensorIndex(
            self.sensor_ids,
            self.record_ids,
            self.indoor,
            self.degrees,
            self.vectors,
            cells,
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
    return (yield from columns.index())


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
