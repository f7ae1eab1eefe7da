"""Reads the file of cities, which tools/places.py makes, into Places.

One rule: each line is a city: the fields of a Place, then its other names, with tabs between them.
"""

from array import array
from collections.abc import Sequence

from aqi_service.core.cells import CellsBuilder
from aqi_service.core.geo import Point, box_around
from aqi_service.core.parse.gunzip import Gunzip
from aqi_service.core.places import NEARBY_KM, OTHER_RANK, Places, Texts, fold
from aqi_service.core.sensor_index import one_code
from aqi_service.core.slices import Slices

MOST_BYTES = 4 * 1024 * 1024
"""Decoded bytes of a file of places; the bundled one has some 1.3 MB."""

READ_SLICE = 50
"""Cities that are read in one slice: some 300 names."""

OTHER_NAMES = 5
"""From this field of a line on, the fields are other names; those before are a Place's."""

_RANK = 4
"""Bytes of a rank."""

_START = 2
"""Names are sorted in groups with the same first two bytes, since one sort of all would take too long."""


class _Joining:
    """Joins texts into a Texts."""

    def __init__(self) -> None:
        self._joined, self._ends = bytearray(), array("I", [0])

    def add(self, text: bytes) -> None:
        self._joined += text
        self._ends.append(len(self._joined))

    def texts(self) -> Texts:
        return Texts(bytes(self._joined), self._ends)


def read_places(data: bytes) -> Slices[Places]:
    """Read a file that tools/places.py made; a slice takes a millisecond or two.

    Raises FetchFailed, CutShort, SnapshotRejected or ValueError if it is damaged.
    """
    lines = yield from _lines(data)
    order = yield from _by_size(lines)
    cities, countries, entries = _Joining(), list[str](), dict[bytes, list[bytes]]()
    where = _Where()
    for position, at in enumerate(order):
        if position % READ_SLICE == 0:
            yield
        fields = lines[at].split("\t")
        cities.add("\t".join(fields[:OTHER_NAMES]).encode())
        countries.append(one_code(fields[1]))
        where.add(Point(float(fields[2]), float(fields[3])))
        ranks = dict.fromkeys(map(fold, fields[OTHER_NAMES:]), OTHER_RANK + position) | {
            fold(fields[0]): position
        }
        for text, rank in ranks.items():
            entry = text.encode() + b"\0" + rank.to_bytes(_RANK)
            entries.setdefault(entry[:_START], []).append(entry)
    names, sorted_ranks = yield from _sorted(entries)
    within = yield from where.cells.done()
    return Places(cities.texts(), countries, names, sorted_ranks, where.vectors, within)


class _Where:
    """The cities' points and cells, while they are read."""

    def __init__(self) -> None:
        self.vectors = array("d"), array("d"), array("d")
        self.cells = CellsBuilder()

    def add(self, point: Point) -> None:
        """Take the next city."""
        position = len(self.vectors[0])
        for column, part in zip(self.vectors, point.vector, strict=True):
            column.append(part)
        for cell in box_around(point, NEARBY_KM).cells():
            self.cells.put(cell, position)


def _lines(data: bytes) -> Slices[list[str]]:
    """Unpack the file and return its lines."""
    gunzip, pieces = Gunzip(MOST_BYTES), list[bytes]()
    for piece in gunzip.feed(data):
        pieces.append(piece)
        yield
    pieces += gunzip.close()
    text = b"".join(pieces).decode()
    yield
    return text.removesuffix("\n").split("\n")


def _by_size(lines: Sequence[str]) -> Slices[list[int]]:
    """Return the line numbers, the largest city first; cities of equal size keep their order."""
    sizes = array("q")
    for count, line in enumerate(lines):
        if count % (4 * READ_SLICE) == 0:
            yield
        _name, _country, _latitude, _longitude, population, *_others = line.split("\t", OTHER_NAMES)
        sizes.append(-int(population))
    yield
    order = sorted(range(len(lines)), key=sizes.__getitem__)
    yield
    return order


def _sorted(entries: dict[bytes, list[bytes]]) -> Slices[tuple[Texts, Sequence[int]]]:
    """Sort names, each followed by its rank, and separate the two."""
    names, ranks = _Joining(), array("I")
    for start in sorted(entries):
        for entry in sorted(entries.pop(start)):
            names.add(entry[: -_RANK - 1])
            ranks.append(int.from_bytes(entry[-_RANK:]))
        yield
    return names.texts(), ranks
