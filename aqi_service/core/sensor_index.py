"""The sensors of a snapshot: the newest record of each, by sensor id, by place and by country.

One rule: an index never changes; it knows which record is a sensor's newest, but not what the answer for that
record is now (the lookup decides that).

Long work comes in slices (core/slices.py). Everything is in columns: with one object for each sensor, each
full garbage collection would take longer, in the middle of somebody's request.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from math import isnan, nan

from aqi_service.core.cells import Cells, CellsBuilder
from aqi_service.core.exclusions import sensor_number
from aqi_service.core.geo import Box, Point, cell_of
from aqi_service.core.items import Item
from aqi_service.core.point_tree import Nearby, PointTree, point_tree
from aqi_service.core.slices import BUILD_SLICE, SLICE, Slices

SAME_COUNTRY: Mapping[str, str] = {"UK": "GB"}
"""Other codes of the feed for a country, with the code of ISO 3166."""


@dataclass(frozen=True, slots=True, eq=False)
class SensorIndex:
    """Sensors in the order of their ids; a position is a sensor's place in that order.

    Attributes:
        sensor_ids: their ids.
        record_ids: the newest record of each; of records of the same time, the one with the higher id.
        indoor: whether each stands indoors.
    """

    sensor_ids: Sequence[int]
    record_ids: Sequence[int]
    indoor: Sequence[int]
    _degrees: tuple[Sequence[float], Sequence[float]]
    _tree: PointTree
    _cells: Cells
    _countries: Mapping[str, Sequence[int]]

    def __len__(self) -> int:
        return len(self.sensor_ids)

    def position(self, sensor_id: int) -> int | None:
        """Return a sensor's position; None if the snapshot does not have it."""
        place = bisect_left(self.sensor_ids, sensor_id)
        return place if place < len(self) and self.sensor_ids[place] == sensor_id else None

    def point(self, position: int) -> Point | None:
        """Return where a sensor stands; None if its record does not say it."""
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
        """Return the positions of the sensors within a distance, edge included, by sensor id."""
        there = bytearray(len(self))
        for some in self._tree.within(middle, kilometres):
            for at in some:
                there[at] = True
            yield
        return (yield from _marked(there))

    def nearest(self, middle: Point, count: int, wanted: Callable[[int], bool]) -> Slices[list[Nearby]]:
        """Return at most `count` nearest wanted sensors, nearest first, then by id.

        `wanted` is called with a position.
        """
        return self._tree.nearest(middle, count, wanted)

    def _slices_of(self, box: Box) -> Iterator[list[int]]:
        """Give the positions in the cells of a box, from at most SLICE positions and cells at a time."""
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
    """Return the marked positions, in order."""
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
        self.placed = array("i")
        self.vectors = array("d"), array("d"), array("d")
        self.cells = CellsBuilder()
        self.countries: dict[str, array[int]] = {}

    def add(self, sensor_id: int, record: "_Newest") -> None:
        """Take the next sensor."""
        position = len(self.sensor_ids)
        _, record_id, latitude, longitude, country, indoor = record
        point = None if isnan(latitude) else Point(latitude, longitude)
        self.sensor_ids.append(sensor_id)
        self.record_ids.append(record_id)
        self.indoor.append(indoor)
        for column, part in zip(
            (*self.degrees, *self.vectors),
            (latitude, longitude, *(point.vector if point else _NOWHERE)),
            strict=True,
        ):
            column.append(part)
        if point:
            self.placed.append(position)
            self.cells.put(cell_of(point), position)
        if country:
            self.countries.setdefault(one_code(country), array("l")).append(position)

    def index(self) -> Slices[SensorIndex]:
        """Return the index of the sensors that were taken."""
        tree = yield from point_tree(self.placed, self.vectors)
        cells = yield from self.cells.done()
        return SensorIndex(
            self.sensor_ids,
            self.record_ids,
            self.indoor,
            self.degrees,
            tree,
            cells,
            self.countries,
        )


_NOWHERE = (nan, nan, nan)


_Newest = tuple[int, int, float, float, str | None, bool]
"""When a record was measured, its id, latitude, longitude, country, and whether indoors: a plain tuple, which
no garbage collection visits twice."""


def build(items: Iterable[Item]) -> Slices[SensorIndex]:
    """Build the index of a snapshot's items, in any order; items without a sensor id are left out."""
    newest: dict[int, _Newest] = {}
    for count, item in enumerate(items):
        if count % BUILD_SLICE == 0:
            yield
        sensor_id = sensor_number(item.sensor_id)
        if sensor_id is None:
            continue
        point = point_of(item) or _NOWHERE[:2]
        record = (item.measured_at or 0, int(item.id), *point, item.country, item.indoor == "1")
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
    """Return the one code that is used here for a country."""
    return SAME_COUNTRY.get(code, code)


def point_of(item: Item) -> Point | None:
    """Return where an item was measured; None unless it has both coordinates."""
    if item.latitude is None or item.longitude is None:
        return None
    return Point(float(item.latitude), float(item.longitude))
