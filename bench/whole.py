"""Figures 3 and 11: a whole load of the live feed into S3 and DynamoDB, from start to exit; its write units.

One rule: each side reads the same feed over HTTP, archives it and writes its items; all of it must arrive.

    python -m bench.whole report|usual PORT    the programs that it is compared with
"""

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aioboto3
import aiohttp
import orjson

from bench.figures import TENTH, Figure, Goal, Side, in_turns
from bench.loading import load
from bench.processes import program
from bench.run import Run
from bench.standing import BUCKET, TABLE, StandIn, standing, verify_object

REGION = "us-east-1"
KEY = "data_23_11_26_15_00.json"


def index_of(pm25: float) -> tuple[int, str]:
    """Score as little as a program can: less than ours, so that nothing is won by it."""
    return (1, "Low") if pm25 < 12 else (4, "Medium")


def item_of(record: dict[str, Any]) -> dict[str, Any] | None:
    """Make an item of a record, as a program would that trusts the feed; None without PM."""
    values = {value["value_type"]: value["value"] for value in record["sensordatavalues"]}
    if "P1" not in values and "P2" not in values:
        return None
    place = record["location"]
    aqi, band = index_of(float(values.get("P2", 0)))
    return {
        "id": str(record["id"]),
        "latitude": Decimal(place["latitude"]),
        "longitude": Decimal(place["longitude"]),
        "altitude": Decimal(place["altitude"]),
        "country": place["country"],
        "timestamp": record["timestamp"],
        "date": record["timestamp"][:10],
        "P2.5": Decimal(values["P2"]),
        "P10": Decimal(values["P1"]),
        "AQI": aqi,
        "AQI_range": band,
    }


async def report(endpoint: str) -> int:
    """Do as the report's program: read all, upload it, then one put_item after the other."""
    return await _side(endpoint, json.loads, _put_each)


async def usual(endpoint: str) -> int:
    """Do what one would write today: orjson, upload_fileobj, batch_writer."""
    return await _side(endpoint, orjson.loads, _put_batches)


async def _side(endpoint: str, loads: Callable[[bytes], Any], put: Callable[[Any, Any], Any]) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{endpoint}/__feed") as response:
        body = await response.read()
    session = aioboto3.Session(region_name=REGION)
    async with session.client("s3") as s3:
        await s3.upload_fileobj(io.BytesIO(body), BUCKET, KEY)
    items = [item for record in loads(body) if (item := item_of(record)) is not None]
    async with session.resource("dynamodb") as resource:
        await put(await resource.Table(TABLE), items)
    return len(items)


async def _put_each(table: Any, items: list[dict[str, Any]]) -> None:
    for item in items:
        await table.put_item(Item=item)


async def _put_batches(table: Any, items: list[dict[str, Any]]) -> None:
    async with table.batch_writer() as writer:
        for item in items:
            await writer.put_item(Item=item)


SIDES = {"report": report, "usual": usual}


def other(standin: StandIn, document: Path, side: str) -> float:
    """Run another program to its end; return its seconds. Raises AssertionError unless all arrived."""
    standin.clear()
    standin.set(feed=str(document))
    ended = program(["-m", "bench.whole", side, standin.endpoint], standin.environment)
    counts = standin.counts()
    verify_object(counts, document)
    if counts["items"]["items"] != int(ended.out):
        raise AssertionError(f"{side}: {counts['items']['items']} items arrived, not {ended.out.decode()}")
    return ended.seconds


def seconds(standin: StandIn, document: Path, folder: Path) -> float:
    """Load into an empty table; return the seconds."""
    return load(standin, document, folder).seconds


def over(
    standin: StandIn, before: Path, after: Path, folder: Path, units: list[tuple[float, float]]
) -> float:
    """Load one document over another; return the seconds of the second load, and add both's write units."""
    load(standin, before, folder)
    first = float(standin.counts()["table"]["write_units"])
    taken = load(standin, after, folder, over=before).seconds
    units.append((first, float(standin.counts()["table"]["write_units"])))
    return taken


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    small, *larger = run.pick((0.1, 0.2), (25,), (25, 250))
    with standing() as standin:
        yield from _beside_others(run, standin, small, goal=2.5, with_report=True)
        for megabytes in larger:
            yield from _beside_others(run, standin, megabytes, goal=4, with_report=False)
        yield from _over_a_filled_table(run, standin, small)


def _beside_others(
    run: Run, standin: StandIn, megabytes: float, goal: float, *, with_report: bool
) -> Iterator[Figure]:
    document, tenth = run.feed(megabytes), run.feed(megabytes / 10)
    mine, theirs, loops = in_turns(
        run.rounds,
        partial(seconds, standin, document, run.folder),
        partial(other, standin, document, "usual"),
        partial(other, standin, tenth, "report") if with_report else lambda: 1.0,
    )
    name = f"3 {megabytes:g} MB, load-only, start to exit"
    peer = Side("orjson.loads, batch_writer, upload_fileobj", [1 / each for each in theirs])
    ours = Side("ours", [1 / each for each in mine])
    yield Figure(name, "loads/s", ours, peer, goal=Goal(goal))
    if with_report:
        loop = Side("json.load, put_item loop", [1 / (10 * each) for each in loops], TENTH)
        yield Figure(name, "loads/s", ours, loop, goal=Goal(12))


def _over_a_filled_table(run: Run, standin: StandIn, megabytes: float) -> Iterator[Figure]:
    before, after = run.feed(megabytes), run.feed(megabytes, 0.05)
    units: list[tuple[float, float]] = []
    mine, theirs = in_turns(
        run.rounds,
        partial(over, standin, before, after, run.folder, units),
        partial(other, standin, after, "usual"),
    )
    yield Figure(
        f"3 {megabytes:g} MB over a table that has 95 % of it",
        "loads/s",
        Side("ours", [1 / each for each in mine]),
        Side("orjson.loads, batch_writer, upload_fileobj", [1 / each for each in theirs]),
        goal=Goal(2.5),
    )
    every, changed = zip(*units, strict=True)
    yield Figure(
        f"11 {megabytes:g} MB, 5 % new or changed",
        "write units",
        Side("ours", changed),
        Side("writing all", every),
        goal=Goal(0.06, at_most=True),
    )


if __name__ == "__main__":
    print(asyncio.run(SIDES[sys.argv[1]](sys.argv[2])))
