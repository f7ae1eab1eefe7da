"""Cities: GeoNames' larger ones, found by any of their names, by how a name begins, or by a point.

One rule: what a person types, and the names, are both folded (`fold`) before they are compared.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from typing import NamedTuple

from aqi_service.core.cells import Cells
from aqi_service.core.csv_reply import csv_line
from aqi_service.core.geo import Point, cell_of, chord_squared
from aqi_service.core.requests import MOST_PLACES
from aqi_service.core.sensor_index import one_code

NEARBY_KM = 25.0
"""How far a city's name reaches: a point farther away is near no city."""

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
"""Letters that do not split into a plain letter and an accent, and how people type them without such a
key."""

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
    """Write the header line and one row for each place, with CRLF line ends, UTF-8."""
    return PLACE_HEADER + b"".join(csv_line(place, _NUMERIC) for place in places)


def fold(name: str) -> str:
    """Return a name without case, accents and apostrophes, with one space between words.

    Any character that is no letter and no digit separates words. The result is empty if there is no word.
    """
    if name.isascii():
        return _NO_WORD.sub(" ", name.casefold().translate(_SPELT)).strip()
    bare = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold()).translate(_SPELT)
    return " ".join("".join(_plain(bare)).split())


def _plain(text: str) -> Iterator[str]:
    """Give letters, digits, and marks that are no accents; a space for anything else."""
    for letter in text:
        if not unicodedata.combining(letter):
            yield letter if unicodedata.category(letter)[0] in "LMN" else " "


@dataclass(frozen=True, slots=True, eq=False)
class Texts(Sequence[bytes]):
    """Many short texts in one: each as an object of its own would need four times the memory."""

    _joined: bytes
    _ends: Sequence[int]

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, at: int) -> bytes:  # type: ignore[override]  # no slices of it are asked for
        return self._joined[self._ends[at] : self._ends[at + 1]]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Cities in the order of their size, the largest first; a position is a city's place in that order.

    `_names` are all names, folded and sorted; `_ranks` are the positions of their cities, plus OTHER_RANK if
    the name is not the city's first one. `_within` are the cells, with the cities that reach into each.
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
        """Return at most MOST_PLACES cities: those with that name, then those whose name begins with it.

        In both groups, cities whose first name it is come before cities that have it as another name (Dayton
        has been a Venice), and then larger cities before smaller ones. `country` is two capital letters; GB
        and UK are one.
        """
        text = fold(name).encode()
        if not text:
            return []
        first, after = bisect_left(self._names, text), bisect_right(self._names, text)
        end = bisect_left(self._names, text + _AFTER_ALL, after)
        ranks = {rank + _BEGINS for rank in self._ranks[after:end]}.union(self._ranks[first:after])
        best = nsmallest(_TIMES * MOST_PLACES, ranks if country is None else self._there(ranks, country))
        positions = dict.fromkeys(rank % OTHER_RANK for rank in best)
        return [self._place(position) for position in islice(positions, MOST_PLACES)]

    def near(self, point: Point) -> Place | None:
        """Return the city within NEARBY_KM whose middle is nearest; of equally near ones, the larger."""
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
        return (rank for rank in ranks if self._countries[rank % OTHER_RANK] == code)

    def _place(self, position: int) -> Place:
        return Place(*self._cities[position].decode().split("\t"))


_REACH = chord_squared(1_000 * NEARBY_KM)
OTHER_RANK, _BEGINS = 1 << 24, 1 << 25
"""How much higher a rank is for a name that is not the city's first, and for one that only begins with the
text."""

_TIMES = 3
"""A city is among the ranks at most this often: its first name begins with the text, another name does,
another name is it."""
