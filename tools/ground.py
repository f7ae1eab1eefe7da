"""Make what the page draws below its sensors: coast, borders, names of cities: `python -m tools.ground`.

It needs countries-50m.json of the npm package world-atlas (`npm pack world-atlas@2.0.2`, unpacked), as its
one argument, and says what aqi_service/web/page/SOURCES.md has to say. One rule: the same data give the same
bytes.

The form of ground.bin, all of it varints (7 bits a byte, the lowest first; what may be negative as zigzag):

    number of arcs; of each: number of points, then of each point the steps east and north, from 0, 0
    number of rings; of each: number of arcs, then each arc's number (~number: from its end to its start)

Steps are 1/UNITS degrees from 180 W, 90 S. An arc of one ring is coast, of two a border.

The form of cities.bin, the largest city first: the names, with a line end between them and a NUL behind the
last, all latitudes in 1/100 degrees from 90 S, all longitudes from 180 W; unsigned 16 bits, the low byte
first.
"""

import gzip
import hashlib
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from tools.places import packed
from tools.setup import ROOT

UNITS = 64
"""To a degree: 1.7 km north to south, a sixth of a pen's width on a map of 1:50,000,000."""

LEAST_POPULATION = 100_000

OUT = ROOT / "aqi_service" / "web" / "page"
PLACES = ROOT / "aqi_service" / "data" / "places.tsv.gz"
USAGE = "ground: name countries-50m.json of the npm package world-atlas: npm pack world-atlas@2.0.2"

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


def arc_bytes(points: Sequence[Point]) -> Iterator[bytes]:
    """Write an arc."""
    yield varint(len(points))
    east = north = 0
    for x, y in points:
        yield zigzag(x - east) + zigzag(y - north)
        east, north = x, y


def rings_of(geometries: Iterable[dict[str, Any]]) -> Iterator[list[int]]:
    """Give every ring of the countries, as numbers of arcs."""
    for geometry in geometries:
        if geometry["type"] == "Polygon":
            yield from geometry["arcs"]
        elif geometry["type"] == "MultiPolygon":
            for polygon in geometry["arcs"]:
                yield from polygon


def ground(topology: dict[str, Any]) -> bytes:
    """Write arcs and rings of a TopoJSON of countries."""
    arcs = [points_of(arc, topology["transform"]) for arc in topology["arcs"]]
    rings = list(rings_of(topology["objects"]["countries"]["geometries"]))
    out = [varint(len(arcs))]
    for points in arcs:
        out += arc_bytes(points)
    out.append(varint(len(rings)))
    for ring in rings:
        out += (varint(len(ring)), *map(zigzag, ring))
    return b"".join(out)


def cities(lines: Iterable[str]) -> bytes:
    """Write the large cities out of the place list; of equal size as they stand there."""
    rows = [line.split("\t") for line in lines]
    large = sorted((row for row in rows if int(row[4]) >= LEAST_POPULATION), key=lambda row: -int(row[4]))
    names = "\n".join(row[0] for row in large)
    places = [(float(row[column]) + half) * 100 for column, half in ((2, 90), (3, 180)) for row in large]
    return names.encode() + b"\0" + struct.pack(f"<{len(places)}H", *map(round, places))


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
