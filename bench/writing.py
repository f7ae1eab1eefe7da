"""Figure 2: items a second into DynamoDB, written by one core.

One rule: each side is handed what it writes ready made, as it likes it best, and all of it must arrive.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
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
from aqi_service.delivery import GROUPS_AT_ONCE
from aqi_service.storage import READ_LIMIT
from aqi_service.storage.attributes import to_attributes
from aqi_service.storage.aws import WRITE_CONCURRENCY, open_clients
from aqi_service.storage.dynamodb import WRITE_LIMIT, DynamoStore
from bench.cores import apart, measured
from bench.figures import TENTH, Figure, Goal, Side, in_turns
from bench.parsing import items_of
from bench.processes import fresh
from bench.run import Run
from bench.standin_table import digest
from bench.standing import TABLE, WITHOUT, StandIn, standing

REGION = "us-east-1"

Element = TypeVar("Element")
Work = Callable[[Sequence[Item], str], Awaitable[float]]
"""Writes items into the table behind an endpoint; returns the seconds that it took."""


def groups(elements: Sequence[Element], size: int) -> Iterator[Sequence[Element]]:
    """Cut into groups of at most so many."""
    return (elements[start : start + size] for start in range(0, len(elements), size))


async def few_at_once(works: Iterator[Callable[[], Awaitable[Any]]], most: int) -> None:
    """Do all of these, so many at once."""

    async def do() -> None:
        for work in works:
            await work()

    await asyncio.gather(*(do() for _ in range(most)))


async def ours(items: Sequence[Item], _endpoint: str) -> float:
    """Write as a load of the live feed does: groups as `delivery` makes them, as many of them at once."""
    async with open_clients() as clients:
        store = DynamoStore(clients.writes, clients.lookups, TABLE)
        await store.check()
        begun = time.perf_counter()
        puts = (partial(store.put, group, conditional=False) for group in groups(items, READ_LIMIT))
        await few_at_once(puts, GROUPS_AT_ONCE)
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
        await few_at_once((partial(client.batch_write, batch) for batch in batches), WRITE_CONCURRENCY)
        return time.perf_counter() - begun


SIDES: dict[str, Work] = {
    "ours": ours, "batch_writer": batch_writer, "put_item": put_item, "aiodynamo": aiodynamo,
}  # fmt: skip


def write(side: str, port: str, document: str, most: str) -> tuple[float, dict[str, Any]]:
    """Let a side write a document's first items on one core; return the seconds, and what it wrote in sum."""
    standin = StandIn(int(port), 0)
    os.environ.update(standin.environment)
    items = list(islice(items_of(document), int(most)))
    measured()
    seconds = uvloop.run(_seconds(SIDES[side], items, standin.endpoint))
    return seconds, digest((to_attributes(item, "S") for item in items), WITHOUT)


def rate(standin: StandIn, document: Path, most: int, side: str) -> float:
    """Run a side; return items a second. Raises AssertionError if the table has others than it wrote."""
    standin.clear()
    seconds, wanted = fresh("bench.writing:write", side, standin.port, document, most)
    if (counts := standin.counts())["items"] != wanted:
        raise AssertionError(f"{side}: the table has {counts['items']}, not {wanted}")
    return float(wanted["items"] / seconds)


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    most = run.pick(200, 12_000, 100_000)
    document = run.feed(run.pick(0.2, 12, 100))
    with standing() as standin:
        apart(standin.pid)
        work = partial(rate, standin, document)
        found = in_turns(
            run.rounds,
            partial(work, most, "ours"),
            partial(work, most // 10, "batch_writer"),
            partial(work, most, "aiodynamo"),
            partial(work, most // 10, "put_item"),
        )
    mine = Side("ours", found[0])
    for name, values, note, goal in (
        ("aioboto3 batch_writer", found[1], TENTH, 7),
        ("aiodynamo batch_write", found[2], "", 1),
        ("put_item loop, as the report", found[3], TENTH, 40),
    ):
        yield Figure("2 into DynamoDB, one core", "items/s", mine, Side(name, values, note), goal=Goal(goal))


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
