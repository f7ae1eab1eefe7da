"""Figure 16: the nearest sensors to a place, beside SQLite's R*Tree and scipy's cKDTree.

One rule: all three have the same points and are asked the same; each gives the same metres, or the bench
ends. It is of processor time, each in a process of its own, without server and CSV.

SQLite has no search for the nearest: it is asked for a box, by distance in it, which is made wider until it
has enough. By how much is best depends on how the points lie; so it is asked in several ways, and the fastest
counts.
"""

import gzip
import random
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata, util
from statistics import median
from typing import Any

import orjson

from aqi_service.core.geo import FARTHEST_KM, Point, box_around, chord_squared, metres
from aqi_service.core.items import Item
from aqi_service.core.sensor_index import build
from aqi_service.core.slices import run_through
from bench.lib.figures import Figure, Goal, Side
from bench.lib.processes import ROOT, fresh
from bench.lib.run import Run

CAPTURE = ROOT / "aqi_service/data/data_10_08_17_11_23.json.gz"
TOWN_DEGREES = 0.1
"""By how much (sigma) a sensor of the larger network lies beside one of the capture."""

STEPS = ((3.0, 2.0), (10.0, 2.0), (10.0, 4.0), (40.0, 2.0))
"""Ways to ask SQLite: the first box reaches so many km, each next one so much farther."""

AT_LEAST = Goal(1)

Nearest = Callable[[Point], Sequence[int]]
"""Gives the whole metres to the nearest points."""


def spread(size: int) -> list[Point]:
    """Lay points evenly over the continents' latitudes."""
    draw = random.Random(1)
    return [Point(round(draw.uniform(-40, 68), 3), round(draw.uniform(-120, 140), 3)) for _ in range(size)]


def towns(size: int) -> list[Point]:
    """Lay points as the network's sensors lie, in the towns of the capture."""
    draw = random.Random(1)
    with gzip.open(CAPTURE) as file:
        places = [record["location"] for record in orjson.loads(file.read())]
    there = sorted({(float(place["latitude"]), float(place["longitude"])) for place in places})
    return [beside(draw, Point(*draw.choice(there)), TOWN_DEGREES) for _ in range(size)]


def beside(draw: random.Random, point: Point, sigma: float) -> Point:
    """Give a point near another."""
    north, east = draw.gauss(point.latitude, sigma), draw.gauss(point.longitude, sigma)
    return Point(round(max(-90, min(90, north)), 3), round((east + 180) % 360 - 180, 3))


def ours(points: Sequence[Point], count: int) -> Nearest:
    """Search the index of sensors."""
    index = run_through(
        build(
            Item(str(at), latitude=str(point.latitude), longitude=str(point.longitude), sensor_id=str(at))
            for at, point in enumerate(points)
        )
    )

    def nearest(middle: Point) -> Sequence[int]:
        return [near.metres for near in run_through(index.nearest(middle, count, lambda _at: True))]

    return nearest


def rtree(points: Sequence[Point], count: int, first_km: float, wider: float) -> Nearest:
    """Search a table of SQLite's by boxes of degrees, ordered by the chord."""
    table = sqlite3.connect(":memory:")
    table.execute("CREATE VIRTUAL TABLE near USING rtree(id, south, north, west, east, +x, +y, +z)")
    rows = ((at, p.latitude, p.latitude, p.longitude, p.longitude, *p.vector) for at, p in enumerate(points))
    table.executemany("INSERT INTO near VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    asked = (
        "SELECT (x - :x) * (x - :x) + (y - :y) * (y - :y) + (z - :z) * (z - :z) AS squared FROM near "
        "WHERE south <= :north AND north >= :south AND west <= :east AND east >= :west "
        "ORDER BY squared LIMIT :count"
    )

    def nearest(middle: Point) -> Sequence[int]:
        kilometres, vector = first_km, dict(zip("xyz", middle.vector, strict=True))
        while True:
            box = box_around(middle, min(kilometres, FARTHEST_KM))
            west, east = (box.west, box.east) if box.west <= box.east else (-180, 180)
            edges = {"north": box.north, "south": box.south, "east": east, "west": west}
            found = table.execute(asked, {**vector, **edges, "count": count}).fetchall()
            edge = chord_squared(1_000 * kilometres)
            if kilometres >= FARTHEST_KM or (len(found) == count and found[-1][0] <= edge):
                return [metres(squared) for (squared,) in found]
            kilometres *= wider

    weakref.finalize(nearest, table.close)
    return nearest


def kdtree(points: Sequence[Point], count: int) -> Nearest:
    """Search scipy's tree of vectors."""
    from scipy.spatial import cKDTree  # noqa: PLC0415  # it may not be there

    tree = cKDTree([point.vector for point in points])

    def nearest(middle: Point) -> Sequence[int]:
        chords, _ = tree.query(middle.vector, count)
        return [metres(chord * chord) for chord in chords]

    return nearest


SIDES: dict[str, Callable[..., Nearest]] = {"ours": ours, "rtree": rtree, "kdtree": kdtree}
SCENES = {"as the network's": towns, "spread evenly": spread}


def side(name: str, scene: str, size: str, count: str, asked: str, *steps: str) -> dict[str, Any]:
    """Ask one of the three; give searches a second of the processor, and what was found."""
    points, draw = SCENES[scene](int(size)), random.Random(2)
    nearest = SIDES[name](points, int(count), *map(float, steps))
    middles = [beside(draw, draw.choice(points), TOWN_DEGREES / 5) for _ in range(int(asked))]
    found = [list(nearest(middle)) for middle in middles]  # and it is warm
    begun = time.process_time()
    for middle in middles:
        nearest(middle)
    return {"rate": len(middles) / (time.process_time() - begun), "metres": found}


def alike(ours: Sequence[Sequence[int]], theirs: Sequence[Sequence[int]]) -> bool:
    """Tell whether two sides found the same, to a metre, which is what rounding may take."""
    return all(
        len(mine) == len(other) and all(abs(a - b) <= 1 for a, b in zip(mine, other, strict=True))
        for mine, other in zip(ours, theirs, strict=True)
    )


def in_scene(rounds: int, scene: str, size: int, count: int, asked: int) -> dict[str, list[float]]:
    """Ask all sides in turns; give the rates of each by its name, and of SQLite's the fastest."""
    sides = {"ours": ("ours",), **{f"R*Tree {steps}": ("rtree", *steps) for steps in STEPS}}
    if util.find_spec("scipy"):
        sides["cKDTree"] = ("kdtree",)
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        found: list[list[int]] = []
        for name, (function, *steps) in sides.items():
            seen = fresh(f"{__name__}:side", function, scene, size, count, asked, *steps)
            if not alike(found := found or seen["metres"], seen["metres"]):
                raise AssertionError(f"{scene}, {count} nearest: {name} found others than ours")
            rates[name].append(seen["rate"])
    fastest = max((name for name in sides if name.startswith("R*Tree")), key=lambda name: median(rates[name]))
    return {name: rates[name] for name in ("ours", fastest, "cKDTree") if name in rates}


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    size, asked = run.pick(500, 30_000), run.pick(20, 300)
    for scene in SCENES:
        for count in (5, 100):
            mine, theirs, *limit = in_scene(run.rounds, scene, size, count, asked).values()
            yield Figure(
                f"16 {count} nearest of {size:,}, {scene}",
                "/s of the core",
                Side("ours", mine),
                Side(f"SQLite {sqlite3.sqlite_version}, R*Tree", theirs),
                Side(f"scipy {metadata.version('scipy')}, cKDTree", limit[0]) if limit else None,
                AT_LEAST,
            )
