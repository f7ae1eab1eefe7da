"""Cities: GeoNames' larger ones, found by any of their names, by how a name begins, or by what lies near.

One rule: what a person types is compared as `fold` has it, and so are the names that it is compared with.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from typing import NamedTuple

from aqi_service.core.cells import Cells, CellsBuilder
from aqi_service.core.csv_reply import csv_line
from aqi_service.core.geo import Point, box_around, cell_of, chord_squared
from aqi_service.core.parse.gunzip import Gunzip
from aqi_service.core.requests import MOST_PLACES
from aqi_service.core.sensor_index import one_code
from aqi_service.core.slices import Slices

MOST_BYTES = 4 * 1024 * 1024
"""Decoded bytes of a file of places; the bundled one has some 1.3 MB."""

READ_SLICE = 50
"""Cities that are read in a slice: some 300 names."""

OTHER_NAMES = 5
"""The first field of a line that has another name of its city; those before it are a Place's."""

NEARBY_KM = 25.0
"""How far a city's name reaches: whoever is farther away is near none of them."""

_APOSTROPHES = "'`\u2018\u2019\u02b9\u02bb\u02bc\u02be\u02bf"
_SPELT = str.maketrans(
    {
        **dict(zip("øłđðħŧŋıəɓɗƙ", "olddhtniebdk", strict=True)),
        **dict.fromkeys(_APOSTROPHES, ""),
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)
"""A letter that does not come apart into a plain one and an accent, as it is typed without such a key."""

_NO_WORD = re.compile(r"[^0-9a-z]+")
_AFTER_ALL = b"\xff"
"""No UTF-8 has this byte."""


class Place(NamedTuple):
    """A city: its name in GeoNames, two capital letters, degrees and inhabitants as canonical decimals."""

    name: str
    country: str
    latitude: str
    longitude: str
    population: str


PLACE_HEADER = (",".join(Place._fields) + "\r\n").encode()
_NUMERIC = (False, False, True, True, True)


def place_rows(places: Iterable[Place]) -> bytes:
    """Write header line and a row a place, CRLF line ends, UTF-8."""
    return PLACE_HEADER + b"".join(csv_line(place, _NUMERIC) for place in places)


def fold(name: str) -> str:
    """Return a name without case, accents and apostrophes, its words with one space between them.

    What is neither letter nor digit parts words. Empty if there is none.
    """
    if name.isascii():
        return _NO_WORD.sub(" ", name.casefold().translate(_SPELT)).strip()
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold()).translate(_SPELT)
    return " ".join("".join(_plain(bare)).split())


def _plain(text: str) -> Iterator[str]:
    """Give the letters, digits, and signs that are no accents; a space for all else."""
    for letter in text:
        if not unicodedata.combining(letter):
            yield letter if unicodedata.category(letter)[0] in "LMN" else " "


@dataclass(frozen=True, slots=True, eq=False)
class Texts(Sequence[bytes]):
    """Many short texts in one, as each in an object of its own would take four times the memory."""

    _joined: bytes
    _ends: Sequence[int]

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, at: int) -> bytes:  # type: ignore[override]  # no slices of it are asked for
        return self._joined[self._ends[at] : self._ends[at + 1]]


class _Joining:
    """Joins texts into a Texts."""

    def __init__(self) -> None:
        self._joined, self._ends = bytearray(), array("I", [0])

    def add(self, text: bytes) -> None:
        self._joined += text
        self._ends.append(len(self._joined))

    def texts(self) -> Texts:
        return Texts(bytes(self._joined), self._ends)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Cities in the order of their size, the largest first; a position is a city's place in that order.

    `_names` are all their names, folded and sorted; `_ranks` are the positions of those whose they are, to
    which _OTHER is added where it is not the city's first name. `_within` are the cells with the cities that
    reach into each.
    """

    _cities: Texts
    _countries: Sequence[str]
    _names: Texts
    _ranks: Sequence[int]
    _vectors: tuple[Sequence[float], Sequence[float], Sequence[float]]
    _within: Cells

    def __len__(self) -> int:
        return len(self._cities)

    def find(self, name: str, country: str | None = None) -> list[Place]:
        """Return at most MOST_PLACES cities with that name, then those with one that begins so.

        Of each the cities whose first name it is before those that are called so as well (Dayton has been a
        Venice), and of these the larger first. `country` is two capital letters; GB and UK are one.
        """
        text = fold(name).encode()
        if not text:
            return []
        first, after = bisect_left(self._names, text), bisect_right(self._names, text)
        end = bisect_left(self._names, text + _AFTER_ALL, after)
        ranks = {rank + _BEGINS for rank in self._ranks[after:end]}.union(self._ranks[first:after])
        best = nsmallest(_TIMES * MOST_PLACES, ranks if country is None else self._there(ranks, country))
        positions = dict.fromkeys(rank % _OTHER for rank in best)
        return [self._place(position) for position in islice(positions, MOST_PLACES)]

    def near(self, point: Point) -> Place | None:
        """Return the city whose middle is nearest, of those within NEARBY_KM; of equal ones the larger."""
        x, y, z = point.vector
        xs, ys, zs = self._vectors
        best, nearest = _REACH, None
        for at in self._within.positions(cell_of(point)):
            away = (xs[at] - x) ** 2 + (ys[at] - y) ** 2 + (zs[at] - z) ** 2
            if away < best:
                best, nearest = away, at
        return None if nearest is None else self._place(nearest)

    def _there(self, ranks: Iterable[int], country: str) -> Iterator[int]:
        """Give the ranks of cities in that country."""
        code = one_code(country)
        return (rank for rank in ranks if self._countries[rank % _OTHER] == code)

    def _place(self, position: int) -> Place:
        return Place(*self._cities[position].decode().split("\t"))


_REACH = chord_squared(1_000 * NEARBY_KM)
_OTHER, _BEGINS = 1 << 24, 1 << 25
"""What a rank is higher by for a name that is not a city's first one, and for one that only begins so."""

_TIMES = 3
"""How often a city is among ranks at most: its first name begins so, another one does, and another is it."""

_RANK = 4
"""Bytes of a rank."""

_START = 2
"""Names are sorted among those that begin with the same two bytes, as one sort of all would take too long."""


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
        ranks = dict.fromkeys(map(fold, fields[OTHER_NAMES:]), _OTHER + position) | {
            fold(fields[0]): position
        }
        for text, rank in ranks.items():
            entry = text.encode() + b"\0" + rank.to_bytes(_RANK)
            entries.setdefault(entry[:_START], []).append(entry)
    names, sorted_ranks = yield from _sorted(entries)
    within = yield from where.cells.done()
    return Places(cities.texts(), countries, names, sorted_ranks, where.vectors, within)


class _Where:
    """Where cities are, while they are read."""

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
    """Return which line has the largest city, the next, and so on; those of equal size as they stand."""
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
    """Sort names, each with its rank behind it, and part the two."""
    names, ranks = _Joining(), array("I")
    for start in sorted(entries):
        for entry in sorted(entries.pop(start)):
            names.add(entry[: -_RANK - 1])
            ranks.append(int.from_bytes(entry[-_RANK:]))
        yield
    return names.texts(), ranks
