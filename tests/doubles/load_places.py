"""Where the tests of the write path load into: a folder, and AWS as moto plays it, looked at from outside.

One rule: what a load left is read here by other means than the ports: files, SQL, S3 calls, moto's memory.
"""

import gzip
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from aqi_service.core.items import ATTRIBUTES
from aqi_service.storage.aws.clients import Clients, open_clients
from aqi_service.storage.aws.create_bucket import BucketMaker
from aqi_service.storage.aws.create_table import create_table
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.local.archive import LocalArchive
from aqi_service.storage.local.store import FILE, LocalStore
from aqi_service.storage.ports import Storage
from tests.doubles.load_helpers import TABLE
from tests.doubles.moto_names import Moto

Table = dict[str, dict[str, Any]]
"""Items by id, each as its attributes: text, and int for times."""

KINDS = {attribute.name: attribute.kind for attribute in ATTRIBUTES}
TIMES = {"measured_at", "snapshot_at", "expires_at"}


class Place(Protocol):
    """Open storage, and what is really in it."""

    storage: Storage
    table: str

    async def documents(self) -> dict[str, bytes]:
        """Give everything that the archive holds, by key; a snapshot unpacked."""

    async def under_way(self) -> list[str]:
        """Name what is left of uploads that were neither completed nor aborted."""

    async def items(self) -> Table:
        """Give everything that the table holds."""


@dataclass
class LocalPlace:
    """A folder."""

    storage: Storage
    folder: Path
    table: str = TABLE

    async def documents(self) -> dict[str, bytes]:
        found = {}
        for path in self.folder.rglob("*"):
            key = path.relative_to(self.folder).as_posix().removeprefix("snapshots/")
            if path.is_file() and not key.startswith((FILE, ".")) and not key.endswith(".meta.json"):
                body = path.read_bytes()
                found[key.removesuffix(".gz")] = gzip.decompress(body) if key.endswith(".gz") else body
        return found

    async def under_way(self) -> list[str]:
        return [str(path) for path in self.folder.rglob("*.partial")]

    async def items(self) -> Table:
        names = [attribute.name for attribute in ATTRIBUTES]
        fields = ", ".join(attribute.field for attribute in ATTRIBUTES)
        with sqlite3.connect(self.folder / FILE) as connection:
            rows = connection.execute(f"SELECT {fields} FROM items").fetchall()  # noqa: S608 (our own names)
        connection.close()
        tables = [dict(zip(names, (str(row[0]), *row[1:]), strict=True)) for row in rows]
        return {item["id"]: {k: v for k, v in item.items() if v is not None} for item in tables}


@dataclass
class AwsPlace:
    """A bucket and a table."""

    storage: Storage
    clients: Clients
    bucket: str
    table: str

    async def documents(self) -> dict[str, bytes]:
        listed = await self.clients.s3.list_objects_v2(Bucket=self.bucket)
        found = {}
        for entry in listed.get("Contents", []):
            with suppress(self.clients.s3.exceptions.NoSuchKey):  # a killed process's last request came late
                answer = await self.clients.s3.get_object(Bucket=self.bucket, Key=entry["Key"])
                async with answer["Body"] as body:
                    found[entry["Key"]] = await body.read()
        return found

    async def under_way(self) -> list[str]:
        listed = await self.clients.s3.list_multipart_uploads(Bucket=self.bucket)
        return [upload["Key"] for upload in listed.get("Uploads", [])]

    async def items(self) -> Table:
        # Out of moto's memory, with the types as they were sent; thousands of items take it seconds to send.
        stored = dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].get_table(self.table).all_items()
        found: Table = {}
        for item in stored:
            assert {name: value.type for name, value in item.attrs.items()}.items() <= KINDS.items()
            values: dict[str, Any] = {name: value.value for name, value in item.attrs.items()}
            values |= {name: int(values[name]) for name in TIMES & values.keys()}
            found[values["id"]] = values
        return found


class ScannedPlace(AwsPlace):
    """A bucket and a table of another server than moto: items are read by a scan."""

    async def items(self) -> Table:
        found: Table = {}
        pages = self.clients.writes.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        async for page in pages:
            for attributes in page["Items"]:
                assert {
                    name: next(iter(value)) for name, value in attributes.items()
                }.items() <= KINDS.items()
                values: dict[str, Any] = {name: next(iter(v.values())) for name, v in attributes.items()}
                found[values["id"]] = values | {name: int(values[name]) for name in TIMES & values.keys()}
        return found


@asynccontextmanager
async def local_place(folder: Path, **how: Any) -> AsyncIterator[LocalPlace]:
    """Open a folder; `how` is for its table."""
    archive, store = LocalArchive(folder, min_free=0), LocalStore(folder, **how)
    try:
        await archive.check()
        await store.check()
        yield LocalPlace(Storage(archive, store), folder)
    finally:
        await archive.close()
        await store.close()


@asynccontextmanager
async def aws_place(moto: Moto) -> AsyncIterator[AwsPlace]:
    """Open a bucket and a table of their own."""
    async with open_clients() as clients:
        yield await new_aws_place(moto, clients)


async def new_aws_place(moto: Moto, clients: Clients) -> AwsPlace:
    """Make a bucket and a table."""
    await BucketMaker(clients.s3, moto.bucket, None).make()
    await create_table(clients.writes, moto.table)
    store = DynamoStore(clients.writes, clients.lookups, moto.table)
    return AwsPlace(Storage(S3Archive(clients.s3, moto.bucket), store), clients, moto.bucket, moto.table)


Opener = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Place]]
PLACES: dict[str, Opener] = {
    "local": lambda request: local_place(request.getfixturevalue("tmp_path") / "place"),
    "aws": lambda request: aws_place(request.getfixturevalue("moto")),
}


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Each place in turn, empty."""
    async with PLACES[request.param](request) as opened:
        yield opened
