"""Ways to write items into DynamoDB: ours, and those that other programs use.

One rule: each is handed what it writes ready made, as it likes it best.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import aioboto3
import aiohttp
import uvloop
from aiodynamo.client import Client
from aiodynamo.credentials import Key, StaticCredentials
from aiodynamo.http.aiohttp import AIOHTTP
from aiodynamo.models import BatchWriteRequest
from yarl import URL

from aqi_service.core.items import ATTRIBUTES, Item
from aqi_service.load.table_writer import CONCURRENT_GROUPS
from aqi_service.storage.aws.clients import WRITE_CONCURRENCY, open_clients
from aqi_service.storage.aws.dynamodb_attributes import to_attributes
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.dynamodb_writes import WRITE_LIMIT
from aqi_service.storage.ports import READ_LIMIT
from bench.lib.cores import pin_to_first_core
from bench.lib.items import items_of
from bench.lib.standin.client import TABLE, WITHOUT, StandIn
from bench.lib.standin.digest import digest

REGION = "us-east-1"
Element = TypeVar("Element")
Work = Callable[[Sequence[Item], str], Awaitable[float]]
"""Writes items into the table behind an endpoint; returns the seconds that it took."""


def groups(elements: Sequence[Element], size: int) -> Iterator[Sequence[Element]]:
    """Cut into groups of at most so many."""
    return (elements[start : start + size] for start in range(0, len(elements), size))


async def run_concurrently(works: Iterator[Callable[[], Awaitable[Any]]], most: int) -> None:
    """Do all of these, at most so many concurrently."""

    async def do() -> None:
        for work in works:
            await work()

    await asyncio.gather(*(do() for _ in range(most)))


async def ours(items: Sequence[Item], _endpoint: str) -> float:
    """Write as a load of the live feed does: groups as `TableWriter` makes them, as many together."""
    async with open_clients() as clients:
        store = DynamoStore(clients.writes, clients.lookups, TABLE)
        await store.check()
        begun = time.perf_counter()
        puts = (partial(store.put, group, conditional=False) for group in groups(items, READ_LIMIT))
        await run_concurrently(puts, CONCURRENT_GROUPS)
        return time.perf_counter() - begun


async def batch_writer(items: Sequence[Item], endpoint: str) -> float:
    """Write through aioboto3's batch_writer."""
    made = [_decimals(item) for item in items]
    async with _table(endpoint) as table:
        begun = time.perf_counter()
        async with table.batch_writer() as writer:
            for each in made:
                await writer.put_item(Item=each)
        return time.perf_counter() - begun


async def put_item(items: Sequence[Item], endpoint: str) -> float:
    """Write one item after the other, as the report's program does."""
    made = [_decimals(item) for item in items]
    async with _table(endpoint) as table:
        begun = time.perf_counter()
        for each in made:
            await table.put_item(Item=each)
        return time.perf_counter() - begun


async def aiodynamo(items: Sequence[Item], endpoint: str) -> float:
    """Write batches with aiodynamo, as many at once as we do."""
    made = [_decimals(item) for item in items]
    async with aiohttp.ClientSession() as session:
        credentials = StaticCredentials(Key("bench", "bench"))
        client = Client(AIOHTTP(session), credentials, REGION, URL(endpoint), numeric_type=Decimal)
        begun = time.perf_counter()
        batches = ({TABLE: BatchWriteRequest(items_to_put=list(g))} for g in groups(made, WRITE_LIMIT))
        await run_concurrently((partial(client.batch_write, batch) for batch in batches), WRITE_CONCURRENCY)
        return time.perf_counter() - begun


SIDES: dict[str, Work] = {
    "ours": ours, "batch_writer": batch_writer, "put_item": put_item, "aiodynamo": aiodynamo,
}  # fmt: skip


def write(side: str, port: str, document: str, most: str) -> tuple[float, dict[str, Any]]:
    """Let a side write a document's first items on one core; return the seconds, and what it wrote in sum."""
    standin = StandIn(int(port), 0)
    os.environ.update(standin.environment)
    items = list(islice(items_of(document), int(most)))
    pin_to_first_core()
    seconds = uvloop.run(_seconds(SIDES[side], items, standin.endpoint))
    return seconds, digest((to_attributes(item, "S") for item in items), WITHOUT)


async def _seconds(work: Work, items: Sequence[Item], endpoint: str) -> float:
    return await work(items, endpoint)


@asynccontextmanager
async def _table(endpoint: str) -> AsyncIterator[Any]:
    async with aioboto3.Session(region_name=REGION).resource("dynamodb", endpoint_url=endpoint) as resource:
        yield await resource.Table(TABLE)


def _decimals(item: Item) -> dict[str, Any]:
    """Give an item as boto3 takes it."""
    values = ((name, kind, value) for (_, name, kind), value in zip(ATTRIBUTES, item, strict=True))
    return {
        name: Decimal(value) if kind == "N" else value for name, kind, value in values if value is not None
    }
