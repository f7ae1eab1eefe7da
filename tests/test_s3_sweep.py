"""What dead loads leave in a bucket, and the sweep at the next start."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aqi_service.storage import SnapshotInfo
from aqi_service.storage.aws import Clients, open_clients
from aqi_service.storage.holder import holder_name
from aqi_service.storage.s3 import S3Archive
from aqi_service.storage.s3_holders import FOREIGN_SECONDS
from tests.conftest import Moto

NAME, OTHER = "data_20_12_23_18_55.json", "data_20_12_23_19_55.json"
KEY = f"uploads/{NAME}"
INFO = SnapshotInfo("a feed", "load-1")
NOW = 1_703_095_265.0


class World:
    """A bucket, as it is seen from outside."""

    def __init__(self, clients: Clients, bucket: str) -> None:
        self.s3: Any = clients.s3
        self.bucket = bucket
        self.archive = S3Archive(clients.s3, bucket, now=lambda: NOW)

    async def begin(self, key: str = NAME) -> None:
        """Begin an upload that nobody ends."""
        await self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)

    async def hold(self, holder: str, age: float = 0.0, name: str = NAME) -> None:
        """Write who holds an upload."""
        started = f"{int(NOW - age)}"
        body = {"holder": holder, "load_id": "load-0", "started": iso(float(started))}
        await self.s3.put_object(Bucket=self.bucket, Key=f"uploads/{name}", Body=json.dumps(body).encode())

    async def uploads(self) -> list[str]:
        listed = await self.s3.list_multipart_uploads(Bucket=self.bucket)
        return sorted(each["Key"] for each in listed.get("Uploads", []))

    async def keys(self) -> list[str]:
        listed = await self.s3.list_objects_v2(Bucket=self.bucket)
        return sorted(each["Key"] for each in listed.get("Contents", []))


def iso(seconds: float) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415  # only here

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def dead_holder() -> str:
    """Give the name of a process of this machine that has ended."""
    code = "from aqi_service.storage.holder import holder_name; print(holder_name())"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
async def world(moto: Moto) -> AsyncIterator[World]:
    async with open_clients() as clients:
        await clients.s3.create_bucket(Bucket=moto.bucket)
        yield World(clients, moto.bucket)


async def test_an_upload_has_its_holder_while_it_runs_and_none_afterwards(world: World) -> None:
    async with world.archive.upload(NAME, INFO) as upload:
        await upload.write(b"[]")
        answer = await world.s3.get_object(Bucket=world.bucket, Key=KEY)
        async with answer["Body"] as body:
            said = json.loads(await body.read())
        assert said == {"holder": holder_name(), "load_id": "load-1", "started": iso(NOW)}
        assert await world.archive.sweep() == 0  # a live one is left alone
        await upload.complete()
    assert (await world.keys(), await world.uploads()) == ([NAME], [])


async def test_an_upload_that_nobody_holds_is_aborted(world: World) -> None:
    await world.begin()
    assert await world.archive.sweep() == 1
    assert (await world.keys(), await world.uploads()) == ([], [])


async def test_an_upload_of_a_process_that_is_dead_is_aborted_and_its_document_deleted(world: World) -> None:
    await world.hold(dead_holder())
    await world.begin()
    assert await world.archive.sweep() == 1
    assert (await world.keys(), await world.uploads()) == ([], [])


@pytest.mark.parametrize(("age", "aborted"), [(60, 0), (FOREIGN_SECONDS - 60, 0), (FOREIGN_SECONDS + 60, 1)])
async def test_a_holder_on_another_machine_counts_as_live_for_a_day(
    world: World, age: float, aborted: int
) -> None:
    await world.hold("another-host 123", age)
    await world.begin()
    assert await world.archive.sweep() == aborted
    assert len(await world.uploads()) == len(await world.keys()) == 1 - aborted


async def test_what_is_not_ours_is_left_alone(world: World) -> None:
    await world.begin("backup.tar")
    await world.begin("data_of_mine.json")
    await world.s3.put_object(Bucket=world.bucket, Key="uploads/notes.json", Body=b"{}")
    assert await world.archive.sweep() == 0
    assert await world.uploads() == ["backup.tar", "data_of_mine.json"]
    assert await world.keys() == ["uploads/notes.json"]


async def test_only_the_dead_of_two_uploads_is_aborted(world: World) -> None:
    await world.hold(holder_name())
    await world.begin()
    await world.begin(OTHER)
    assert await world.archive.sweep() == 1
    assert await world.uploads() == [NAME]
