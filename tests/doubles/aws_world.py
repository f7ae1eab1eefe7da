"""Bucket and table on moto behind the double, opened as the program opens them, and no waiting for a clock.

One rule: every wait of the code under test goes through `Waits`, which notes it and does not wait.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest_asyncio

from aqi_service.storage.aws.clients import Clients
from aqi_service.storage.aws.create_bucket import BucketMaker
from aqi_service.storage.aws.create_table import create_table
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.s3_archive import S3Archive
from tests.doubles.aws_double import AwsDouble
from tests.doubles.faults.clients import make_table, through
from tests.doubles.moto_names import Moto


class Waits(list[float]):
    """A sleep that only notes for how long it was asked."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


@dataclass(frozen=True)
class World:
    """What a test of the AWS shells needs."""

    double: AwsDouble
    clients: Clients
    bucket: str = ""
    table: str = ""
    waits: Waits = field(default_factory=Waits)
    turns: Waits = field(default_factory=Waits)

    @property
    def s3(self) -> Any:
        return self.clients.s3

    @property
    def dynamodb(self) -> Any:
        return self.clients.writes

    def archive(self, owner: str | None = None) -> S3Archive:
        return S3Archive(self.clients.s3, self.bucket, owner, sleep=self.waits)

    def store(self) -> DynamoStore:
        """Give the table; waits for a turn are noted apart, in `turns`."""
        return DynamoStore(self.clients.writes, self.clients.lookups, self.table, self.waits, self.turns)

    async def open_uploads(self) -> list[str]:
        """Name the multipart uploads that are neither completed nor aborted."""
        answer = await self.s3.list_multipart_uploads(Bucket=self.bucket)
        return [upload["Key"] for upload in answer.get("Uploads", [])]

    async def make_table(self, kind: str = "S", **options: Any) -> None:
        """Make the table as the report's owner did by hand: no index, no TTL."""
        await make_table(self.dynamodb, self.table, kind, **options)


async def until(condition: Callable[[], bool]) -> None:
    """Give the other tasks their turn until the condition holds; the test's own time-out is the limit."""
    while not condition():  # noqa: ASYNC110  # what is waited for happens in another process's terms: sockets
        await asyncio.sleep(0.002)


@asynccontextmanager
async def opened(moto: str, tls: ssl.SSLContext | None = None, **environment: str) -> AsyncIterator[World]:
    """Open clients that lead through a double to the moto server at this URL."""
    async with AwsDouble(moto, tls) as double, through(double, **environment) as behind:
        yield World(double, behind.clients)


async def fresh(world: World, *, bucket: bool = False, table: bool = False) -> World:
    """Give the open clients names of their own and a double without rules; make bucket and table if asked."""
    world.double.clear()
    world.double.ahead = timedelta()
    names = Moto(world.double.endpoint)
    new = World(world.double, world.clients, names.bucket, names.table, Waits())
    if bucket:
        await BucketMaker(new.clients.s3, new.bucket, None, new.waits).make()
    if table:
        await create_table(new.clients.writes, new.table, new.waits)
    new.waits.clear()
    world.double.clear()
    return new


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws(moto_endpoint: str) -> AsyncIterator[World]:
    """Clients that the tests of a file share, on the session's moto server."""
    async with opened(moto_endpoint) as found:
        yield found
