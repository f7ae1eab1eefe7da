"""Figure 19: a day of the network's daily CSVs into means, beside DuckDB; and the memory of 20,000 files.

One rule: both sides read the same files, and their means are compared; what is counted is processor time.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import orjson

from aqi_service.core.selection import Selection
from aqi_service.snapshots.select import choose
from aqi_service.snapshots.sources import FetchOptions
from aqi_service.storage.backend import SnapshotLocations
from aqi_service.storage.dry import DryArchive
from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.processes import fresh, program
from bench.lib.run import Run

DAY = "2023-12-20"
HEADER = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n"
CLOCK = 1_704_000_000.0
CENT = Decimal("0.01")

Means = dict[str, list[str]]
"""Of each sensor P2.5 and P10, µg/m³ to two decimals."""

MEANS = """
WITH hourly AS (
  SELECT sensor_id, hour(timestamp) AS hour,
         avg(P1) FILTER (P1 >= 0 AND P1 < 1999) AS pm10, avg(P2) FILTER (P2 >= 0 AND P2 < 999) AS pm25
  FROM read_csv('{folder}/*.csv', delim = ';', header = true, nullstr = '',
                types = {{'P1': 'DOUBLE', 'P2': 'DOUBLE', 'timestamp': 'TIMESTAMP'}})
  GROUP BY ALL)
SELECT sensor_id, avg(pm25), avg(pm10) FROM hourly GROUP BY sensor_id
HAVING count(pm25) >= 18 AND count(pm10) >= 18
"""
"""What the service does, in SQL: the mean of the hourly means, of sensors with 18 hours."""


def write_day(folder: Path, sensors: int, rows: int) -> Path:
    """Write a day of files, each with so many rows, evenly over the day."""
    folder.mkdir()
    chance = random.Random(19)  # the same files each time
    for sensor in range(1, sensors + 1):
        begin = f"{sensor};SDS011;{sensor // 2};48.{sensor % 1000:03};9.{sensor % 1000:03};{DAY}T"
        lines = []
        for second in range(0, 86_400, 86_400 // rows):
            clock = f"{second // 3600:02}:{second % 3600 // 60:02}:{second % 60:02}"
            values = f"{chance.randrange(6_000) / 100};;;{chance.randrange(3_000) / 100};;"
            lines.append(f"{begin}{clock};{values}\n")
        (folder / f"{DAY}_sds011_sensor_{sensor}.csv").write_text(HEADER + "".join(lines), encoding="utf-8")
    return folder


async def _document(folder: str) -> bytes:
    places = SnapshotLocations(DryArchive())
    [day] = await choose([folder], places, Selection(), 0, CLOCK)
    if day.prepare is None:
        raise AssertionError("a day lists its files when it is its turn")
    async with (await day.prepare()).open(FetchOptions("bench", 1 << 40)) as incoming:
        return b"".join([chunk async for chunk in incoming.chunks])


def ours(folder: str) -> tuple[float, Means]:
    """Read a folder's day into means, as a load does."""
    begun = time.process_time()
    document = asyncio.run(_document(folder))
    seconds = time.process_time() - begun
    means = {}
    for record in orjson.loads(document):
        values = {each["value_type"]: each["value"] for each in record["sensordatavalues"]}
        means[str(record["sensor"]["id"])] = [values["P2"], values["P1"]]
    return seconds, means


def peer(folder: str) -> tuple[float, Means]:
    """Do the same in DuckDB."""
    import duckdb  # noqa: PLC0415  # of the extra `bench`, which the tests do without

    begun = time.process_time()
    found = duckdb.sql(MEANS.format(folder=folder)).fetchall()
    seconds = time.process_time() - begun
    return seconds, {str(sensor): [f"{pm25:.4f}", f"{pm10:.4f}"] for sensor, pm25, pm10 in found}


def rate(side: str, folder: Path, rows: int, seen: dict[str, Means]) -> float:
    """Run a side; return thousands of rows a second. Its means are kept in `seen`, to be compared."""
    seconds, means = fresh(f"{__name__}:{side}", folder)
    seen[side] = means
    if seen.get("ours", means).keys() != seen.get("peer", means).keys():
        raise AssertionError("the two found other sensors")
    for sensor, values in seen.get("ours", means).items():
        for mine, theirs in zip(values, seen.get("peer", means)[sensor], strict=True):
            if abs(Decimal(mine) - Decimal(theirs)) > CENT:
                raise AssertionError(f"sensor {sensor}: {mine}, and DuckDB has {theirs}")
    return float(rows / seconds / 1000)


def peak(folder: str, files: str) -> float:
    """Load a day into a folder; return the peak memory in MB.

    In a fresh process: one that has measured other figures is larger than a load.
    """
    local = f"{folder}-{time.monotonic_ns()}"
    ended = program(["-m", "aqi_service", "--load-only", "--local", local, folder])
    report = orjson.loads(ended.out)
    if (report["files"], report["stored"]) != (int(files), int(files)):
        raise AssertionError(f"not all was loaded: {report}")
    return ended.peak


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    sensors, rows = run.pick((5, 48), (500, 576))
    day, seen = write_day(run.folder / "day", sensors, rows), dict[str, Means]()
    mine, theirs = in_turns(
        run.rounds,
        partial(rate, "ours", day, sensors * rows, seen),
        partial(rate, "peer", day, sensors * rows, seen),
    )
    name = f"19 {sensors:,} daily files of {rows} rows, into means"
    yield Figure(name, "k rows/s", Side("ours", mine), Side("DuckDB, read_csv", theirs))
    files = run.pick(20, 20_000)
    many = write_day(run.folder / "many", files, 24)
    most, goal = Side("ours", [fresh(f"{__name__}:peak", many, files)]), Goal(150, at_most=True)
    yield Figure(f"19 {files:,} daily files, peak memory of a load", "MB", most, goal=goal)
