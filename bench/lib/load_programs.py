"""The programs that a whole load is compared with.

One rule: each reads the feed, archives it, writes its items and prints how many; it does less than ours.

    python -m bench.lib.load_programs report|usual ENDPOINT
"""

import asyncio
import io
import json
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aioboto3
import aiohttp
import orjson

from bench.lib.standin.client import BUCKET, TABLE

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
    location = record["location"]
    aqi, band = index_of(float(values.get("P2", 0)))
    return {
        "id": str(record["id"]),
        "latitude": Decimal(location["latitude"]),
        "longitude": Decimal(location["longitude"]),
        "altitude": Decimal(location["altitude"]),
        "country": location["country"],
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


if __name__ == "__main__":
    print(asyncio.run(SIDES[sys.argv[1]](sys.argv[2])))
