"""The two storage ports over AWS, on a moto server that this process starts when it is first asked for.

One rule: the environment leads to moto while the clients are opened, and is as it was afterwards.

`make conformance` names other servers in CONFORMANCE_S3 and CONFORMANCE_DYNAMODB: they take moto's place.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from aqi_service.storage.aws.clients import Clients, open_clients
from aqi_service.storage.aws.create_bucket import BucketMaker
from aqi_service.storage.aws.create_table import SENSOR_INDEX, create_table
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.s3_archive import S3Archive
from tests.doubles.faults.clients import make_table
from tests.doubles.faults.shim import Shim
from tests.doubles.moto_names import Moto
from tests.doubles.moto_server import moto_endpoint


@asynccontextmanager
async def on_moto(endpoint: str = "") -> AsyncIterator[tuple[Clients, Moto]]:
    """Open clients that lead to moto, or to the shim at `endpoint`, and names that nobody else uses."""
    moto = Moto(endpoint or moto_endpoint())
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (moto.environment | others()).items():
            environment.setenv(name, value)
        async with open_clients() as clients:
            yield clients, moto


def others() -> dict[str, str]:
    """Give the AWS variables that lead to the servers which take moto's place, if any do."""
    names = {
        "CONFORMANCE_S3": "AWS_ENDPOINT_URL_S3",
        "CONFORMANCE_DYNAMODB": "AWS_ENDPOINT_URL_DYNAMODB",
        "CONFORMANCE_CA": "AWS_CA_BUNDLE",
    }
    return {theirs: os.environ[ours] for ours, theirs in names.items() if ours in os.environ}


@asynccontextmanager
async def s3_archive(_folder: Path) -> AsyncIterator[S3Archive]:
    """Open an archive in a bucket that `--create` made.

    It goes through the shim, which dates uploads: moto alone has every one begin in 2010.
    """
    async with Shim(moto_endpoint()) as shim, on_moto(shim.endpoint) as (clients, moto):
        await BucketMaker(clients.s3, moto.bucket, None).make()
        archive = S3Archive(clients.s3, moto.bucket)
        await archive.check()
        yield archive


LOOKS: Any = {"Delay": 0.05, "MaxAttempts": 2400}
"""How long the waiter waits between two looks (seconds), and how many there are: by itself it waits for 20 s
where a table is not there at once, as none is on dynalite."""


async def _active(clients: Clients, table: str) -> None:
    """Wait until a table can be used."""
    await clients.writes.get_waiter("table_exists").wait(TableName=table, WaiterConfig=LOOKS)


async def plain_table(clients: Clients, table: str, kind: Literal["S", "N"]) -> None:
    """Make a table without index and TTL, and wait until it can be used."""
    await make_table(clients.writes, table, kind)
    await _active(clients, table)


@asynccontextmanager
async def dynamo_store(_folder: Path) -> AsyncIterator[DynamoStore]:
    """Open a store in a table that `--create` made."""
    async with on_moto() as (clients, moto):
        await create_table(clients.writes, moto.table)
        store = DynamoStore(clients.writes, clients.lookups, moto.table)
        await store.check()
        yield store


@asynccontextmanager
async def numbered_store(_folder: Path) -> AsyncIterator[DynamoStore]:
    """Open a store in a table like the report's: key of type N, no index, no TTL."""
    async with on_moto() as (clients, moto):
        await plain_table(clients, moto.table, "N")
        store = DynamoStore(clients.writes, clients.lookups, moto.table)
        await store.check()
        yield store


async def indexed_table(clients: Clients, table: str, kind: Literal["S", "N"]) -> None:
    """Make a table with the index by sensor, and wait until it can be used."""
    keys: Any = [("sensor_id", "HASH"), ("measured_at", "RANGE")]
    types: Any = {"id": kind, "sensor_id": "N", "measured_at": "N"}
    await clients.writes.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": types[name]} for name in types],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": SENSOR_INDEX,
                "KeySchema": [{"AttributeName": name, "KeyType": role} for name, role in keys],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    await _active(clients, table)


@asynccontextmanager
async def _indexed(kind: Literal["S", "N"]) -> AsyncIterator[DynamoStore]:
    """Open one through the shim, which gives numbers back as DynamoDB does."""
    async with Shim(moto_endpoint()) as shim, on_moto(shim.endpoint) as (clients, moto):
        await indexed_table(clients, moto.table, kind)
        yield DynamoStore(clients.writes, clients.lookups, moto.table)


def indexed_store(_folder: Path) -> AbstractAsyncContextManager[DynamoStore]:
    """Open a store in a table that has the index by sensor, whatever server it is on."""
    return _indexed("S")


def numbered_indexed_store(_folder: Path) -> AbstractAsyncContextManager[DynamoStore]:
    """Open a store in a table like the report's, to which the index was added."""
    return _indexed("N")
