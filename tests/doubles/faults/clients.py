"""The program's own AWS clients behind a shim, with a bucket and a table of a test's own.

One rule: the environment is changed while the clients are opened, and is as it was afterwards.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from aqi_service.storage.aws.clients import Clients, open_clients
from aqi_service.storage.aws.dynamodb_batches import answer_of
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.retry import Sleep
from aqi_service.storage.aws.s3_archive import S3Archive
from tests.doubles.faults.effects import Effect
from tests.doubles.faults.journal import Journal, Record
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim


async def at_once(seconds: float) -> None:
    """Sleep for no time: hand it to a store or an archive as its `sleep`."""
    del seconds
    await asyncio.sleep(0)


async def make_table(client: Any, table: str, kind: str = "S", *, key: str = "id", **options: Any) -> None:
    """Make a table as the report's owner did by hand, empty: no index, no TTL."""
    await client.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        **({"BillingMode": "PAY_PER_REQUEST"} | options),
    )


@dataclass(frozen=True)
class World:
    """A shim and the clients behind it; `fresh` gives names that no other test uses."""

    shim: Shim
    clients: Clients
    bucket: str = ""
    table: str = ""

    @property
    def s3(self) -> Any:
        return self.clients.s3

    @property
    def dynamodb(self) -> Any:
        return self.clients.writes

    @property
    def journal(self) -> Journal:
        return self.shim.journal

    @property
    def archive(self) -> S3Archive:
        return S3Archive(self.clients.s3, self.bucket, sleep=at_once)

    @property
    def store(self) -> DynamoStore:
        return self.store_with(at_once)

    def store_with(self, sleep: Sleep) -> DynamoStore:
        """Return a store whose waits are this sleep."""
        return DynamoStore(self.clients.writes, self.clients.lookups, self.table, sleep=sleep)

    def fail(self, operation: str, does: Effect, **when: Any) -> None:
        """Add a rule."""
        self.shim.book.add(Rule(operation, does, **when))

    def fresh(self) -> "World":
        """Return it with names of its own, and the shim without rules and with an empty journal."""
        end = uuid.uuid4().hex[:12]
        self.shim.renew()
        return World(self.shim, self.clients, f"bucket-{end}", f"table-{end}")

    async def batch(self, operation: str, asked: object) -> dict[str, Any]:
        """Make a batch call that asks this of the table; return its answer."""
        wanted = {self.table: orjson.dumps(asked)}
        return answer_of(await getattr(self.dynamodb, operation)(RequestItems=wanted))

    async def make_table(self, key: str = "id") -> None:
        """Make the table, empty."""
        await make_table(self.dynamodb, self.table, key=key)

    async def make_bucket(self) -> None:
        """Make the bucket, empty."""
        await self.s3.create_bucket(Bucket=self.bucket)


@asynccontextmanager
async def through(shim: Shim, **environment: str) -> AsyncIterator[World]:
    """Open the clients so that they lead through a shim that runs."""
    settings = {
        "AWS_ENDPOINT_URL": shim.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (settings | environment).items():
            patch.setenv(name, value)
        async with open_clients() as clients:
            yield World(shim, clients)


async def ended(record: Record) -> None:
    """Wait until the shim has done with a request whose client has left."""
    while record.ended is None:  # noqa: ASYNC110  # what is waited for is another task's connection
        await asyncio.sleep(0.002)
