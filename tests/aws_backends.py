"""The two storage ports over AWS, on a moto server that this process starts when it is first asked for.

One rule: the environment leads to moto while the clients are opened, and is as it was afterwards.
"""

import atexit
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from aqi_service.storage import provision
from aqi_service.storage.aws import Clients, open_clients
from aqi_service.storage.dynamodb import DynamoStore
from aqi_service.storage.s3 import S3Archive
from tests.conftest import Moto


@cache
def moto_endpoint() -> str:
    """Start the server once; it ends with the process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    atexit.register(server.stop)
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@asynccontextmanager
async def on_moto() -> AsyncIterator[tuple[Clients, Moto]]:
    """Open clients that lead to moto, and names that nobody else uses."""
    moto = Moto(moto_endpoint())
    with pytest.MonkeyPatch.context() as environment:
        for name, value in moto.environment.items():
            environment.setenv(name, value)
        async with open_clients() as clients:
            yield clients, moto


@asynccontextmanager
async def s3_archive(_folder: Path) -> AsyncIterator[S3Archive]:
    """Open an archive in a bucket that `--create` made."""
    async with on_moto() as (clients, moto):
        await provision.create_bucket(clients.s3, moto.bucket, None)
        archive = S3Archive(clients.s3, moto.bucket)
        await archive.check()
        yield archive


@asynccontextmanager
async def dynamo_store(_folder: Path) -> AsyncIterator[DynamoStore]:
    """Open a store in a table that `--create` made."""
    async with on_moto() as (clients, moto):
        await provision.create_table(clients.writes, moto.table)
        store = DynamoStore(clients.writes, clients.lookups, moto.table)
        await store.check()
        yield store


@asynccontextmanager
async def numbered_store(_folder: Path) -> AsyncIterator[DynamoStore]:
    """Open a store in a table like the report's: key of type N, no index, no TTL."""
    async with on_moto() as (clients, moto):
        await clients.writes.create_table(
            TableName=moto.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        store = DynamoStore(clients.writes, clients.lookups, moto.table)
        await store.check()
        yield store
