"""Make what the page draws below its sensors: coast, borders, names of cities: `python -m tools.ground`.

It needs countries-50m.json of the npm package world-atlas (`npm pack world-atlas@2.0.2`, unpacked), as its
one argument, and says what aqi_service/web/page/SOURCES.md has to say. One rule: the same data give the same
bytes.

The form of ground.bin, all of it varints (7 bits a byte, the lowest first; what may be negative as zigzag):

    number of arcs; of each: number of points
    of each arc: the step east to its first point from the first one before; of each: the steps to its others
    the same of the steps north (a column of like numbers packs better)
    number of rings; of each: number of arcs, then each arc's number (~number: from its end to its start)

Steps are 1/UNITS degrees from 180 W, 90 S. An arc of one ring is coast, of two a border. Arcs end where they
meet the 180th meridian, and rings are cut along it: a line across it would be drawn around the world.

The form of cities.bin, the largest city first: the names, with a line end between them and a NUL behind the
last, all latitudes in 1/100 degrees from 90 S, all longitudes from 180 W; unsigned 16 bits, the low byte
first.
"""

import gzip
import hashlib
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from tools.places import packed
from tools.setup import ROOT

UNITS = 64
"""To a degree: 1.7 km north to south, a sixth of a pen's width on a map of 1:50,000,000."""

LEAST_POPULATION, LEAST_IN_EUROPE = 100_000, 50_000
EUROPE = (35, 72, -25, 45)
"""South, north, west, east of where most sensors stand: there smaller towns are named, too."""

OUT = ROOT / "aqi_service" / "web" / "page"
PLACES = ROOT / "aqi_service" / "data" / "places.tsv.gz"
USAGE = "ground: name countries-50m.json of the npm package world-atlas: npm pack world-atlas@2.0.2"

WHOLE = 360 * UNITS

Point = tuple[int, int]


def varint(number: int) -> bytes:
    """Write a number of 0 or more."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


def zigzag(number: int) -> bytes:
    """Write a number that may be negative."""
    return varint(2 * number if number >= 0 else -2 * number - 1)


def points_of(arc: Iterable[Sequence[int]], transform: dict[str, Sequence[float]]) -> list[Point]:
    """Return an arc's points in steps from 180 W, 90 S, without those that lie on the one before."""
    east = north = 0
    found: list[Point] = []
    for dx, dy in arc:
        east, north = east + dx, north + dy
        lon, lat = (
            at * transform["scale"][axis] + transform["translate"][axis]
            for axis, at in enumerate((east, north))
        )
        point = (round((lon + 180) * UNITS), round((lat + 90) * UNITS))
        if not found or point != found[-1]:
            found.append(point)
    return found


def steps(numbers: Iterable[int]) -> bytes:
    """Write the steps between numbers."""
    return b"".join(zigzag(there - here) for here, there in pairwise(numbers))


def rings_of(geometries: Iterable[dict[str, Any]]) -> Iterator[list[int]]:
    """Give every ring of the countries, as numbers of arcs."""
    for geometry in geometries:
        if geometry["type"] == "Polygon":
            yield from geometry["arcs"]
        elif geometry["type"] == "MultiPolygon":
            for polygon in geometry["arcs"]:
                yield from polygon


def cut(points: Sequence[Point]) -> list[list[Point]]:
    """Return an arc in parts: one ends where it meets the 180th meridian, the next begins across it."""
    parts = [[points[0]]]
    for here, there in pairwise(points):
        way = there[0] - here[0]
        if abs(way) > WHOLE // 2:
            edge, way = (0, way - WHOLE) if way > 0 else (WHOLE, way + WHOLE)
            height = here[1] + round((there[1] - here[1]) * (edge - here[0]) / (way or 1))
            _put(parts[-1], (edge, height))
            parts.append([(WHOLE - edge, height)])
        _put(parts[-1], there)
    return parts


def _put(part: list[Point], point: Point) -> None:
    if part[-1] != point:
        part.append(point)


def rings_cut(
    ring: Iterable[int], parts: Sequence[Sequence[int]], arcs: list[list[Point]]
) -> list[list[int]]:
    """Return a ring as one on each side of the 180th meridian; one around the pole gets the south edge.

    Args:
        ring: numbers of arcs as they were before they were cut.
        parts: of each of these the numbers of its parts.
        arcs: all parts; such an edge is added.
    """
    runs: list[list[int]] = [[]]
    for number in ring:
        mine = parts[number] if number >= 0 else [~part for part in reversed(parts[~number])]
        runs[-1].append(mine[0])
        runs += [[part] for part in mine[1:]]
    if len(runs) == 1:
        return runs
    runs[0] = runs.pop() + runs[0]
    sides: dict[int, list[int]] = {}
    for run in runs:
        begins, ends = _first(arcs, run[0]), _first(arcs, ~run[-1])
        sides.setdefault(begins[0], []).extend(run)
        if begins[0] != ends[0]:
            sides[begins[0]].append(len(arcs))
            arcs.append([(ends[0], 0), (begins[0], 0)])
    return list(sides.values())


def _first(arcs: Sequence[Sequence[Point]], number: int) -> Point:
    return arcs[number][0] if number >= 0 else arcs[~number][-1]


def ground(topology: dict[str, Any]) -> bytes:
    """Write arcs and rings of a TopoJSON of countries."""
    arcs: list[list[Point]] = []
    parts: list[range] = []
    for arc in topology["arcs"]:
        made = cut(points_of(arc, topology["transform"]))
        parts.append(range(len(arcs), len(arcs) + len(made)))
        arcs += made
    whole = rings_of(topology["objects"]["countries"]["geometries"])
    rings = [ring for each in whole for ring in rings_cut(each, parts, arcs)]
    out = [varint(len(arcs)), *(varint(len(points)) for points in arcs)]
    for axis in (0, 1):
        out.append(steps((0, *(points[0][axis] for points in arcs))))
        out += (steps(point[axis] for point in points) for points in arcs)
    out.append(varint(len(rings)))
    for ring in rings:
        out += (varint(len(ring)), *map(zigzag, ring))
    return b"".join(out)


def cities(lines: Iterable[str]) -> bytes:
    """Write the large cities out of the place list; of equal size as they stand there."""
    rows = [line.split("\t") for line in lines]
    large = sorted((row for row in rows if int(row[4]) >= _least(row)), key=lambda row: -int(row[4]))
    names = "\n".join(row[0] for row in large)
    places = [(float(row[column]) + half) * 100 for column, half in ((2, 90), (3, 180)) for row in large]
    return names.encode() + b"\0" + struct.pack(f"<{len(places)}H", *map(round, places))


def _least(row: Sequence[str]) -> int:
    south, north, west, east = EUROPE
    is_in = south <= float(row[2]) <= north and west <= float(row[3]) <= east
    return LEAST_IN_EUROPE if is_in else LEAST_POPULATION


def told(name: str, data: bytes) -> str:
    """Say how large a file is, and its sha256, packed and not."""
    bare = gzip.decompress(data)
    digests = " ".join(hashlib.sha256(each).hexdigest() for each in (data, bare))
    return f"{name}: {len(data):,} bytes, unpacked {len(bare):,}; sha256 of both: {digests}"


def main(argv: Sequence[str]) -> int:
    """Write both files, and say what they are."""
    if len(argv) != 1:
        print(USAGE, file=sys.stderr)
        return 2
    source = Path(argv[0]).read_bytes()
    print(f"{Path(argv[0]).name}: {len(source):,} bytes; sha256 {hashlib.sha256(source).hexdigest()}")
    places = gzip.decompress(PLACES.read_bytes()).decode().splitlines()
    made = {
        "ground.bin.gz": packed(ground(orjson.loads(source))),
        "cities.bin.gz": packed(cities(places)),
    }
    for name, data in made.items():
        (OUT / name).write_bytes(data)
        print(told(name, data))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
