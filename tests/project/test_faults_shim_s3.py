"""The shim between the program's S3 client and moto: checksums, parts, ends of uploads, faults by rule."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from aqi_service.storage.aws.s3_upload import PART_SIZE
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.certificates import stranger
from tests.doubles.faults.clients import World, through
from tests.doubles.faults.s3_rules import Aws
from tests.doubles.faults.shim import Shim
from tests.doubles.faults.upstream import Request, Upstream
from tests.doubles.feed_server import feed_server, head

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "data_02_01_26_03_04.json"
BODY = b"[" + b"x" * PART_SIZE + b"]"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COMPLETE = "CompleteMultipartUpload"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(moto_endpoint: str) -> AsyncIterator[World]:
    async with Shim(moto_endpoint, now=lambda: NOW) as shim, through(shim) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared: World) -> World:
    """The module's shim and clients with an empty bucket of this test's own."""
    found = shared.fresh()
    await found.make_bucket()
    found.shim.renew()
    return found


async def upload(world: World, body: bytes = b"[]", load_id: str = "load-1") -> None:
    async with world.archive.upload(NAME, SnapshotInfo("source", load_id)) as sink:
        await sink.write(body)
        await sink.complete()


async def snapshot(world: World) -> bytes:
    return b"".join([chunk async for chunk in world.archive.read(NAME)])


async def open_uploads(world: World) -> list[Any]:
    """List the uploads under way, without the shim's rules."""
    world.shim.book.clear()
    answer = await world.s3.list_multipart_uploads(Bucket=world.bucket)
    return list(answer.get("Uploads", []))


async def begun(world: World, **options: Any) -> dict[str, str]:
    """Begin an upload of the plain client and return what its calls are to name."""
    answer = await world.s3.create_multipart_upload(Bucket=world.bucket, Key=NAME, **options)
    return {"Bucket": world.bucket, "Key": NAME, "UploadId": answer["UploadId"]}


async def part(world: World, place: dict[str, str], number: int, body: bytes) -> dict[str, Any]:
    answer = await world.s3.upload_part(**place, PartNumber=number, Body=body)
    return {"PartNumber": number, "ETag": answer["ETag"]}


async def test_the_journal_knows_part_upload_key_and_checksum(world: World) -> None:
    await upload(world)
    (record,) = world.journal.of("UploadPart", f"{world.bucket}/data_*")
    assert record.sums == {"crc32"}
    assert not record.trailing
    assert (record.call.part, record.call.key) == (1, NAME)
    assert record.call.upload_id == world.journal.of(COMPLETE)[0].call.upload_id


async def test_over_tls_the_checksum_comes_behind_the_body_and_is_checked(
    moto_endpoint: str, tmp_path: Path
) -> None:
    shim = Shim(moto_endpoint, tls=stranger(tmp_path))
    async with shim, through(shim, AWS_CA_BUNDLE=str(tmp_path / "certificate.pem")) as opened:
        world = opened.fresh()
        await world.make_bucket()
        await upload(world, BODY)
        assert await snapshot(world) == BODY
        assert [record.trailing for record in shim.journal.of("UploadPart")] == [{"crc32"}, {"crc32"}]


@pytest.mark.parametrize("ends", [True, False])
async def test_a_name_that_is_taken_ends_the_upload_or_leaves_it(moto_endpoint: str, ends: bool) -> None:
    aws = Aws(ends_upload=frozenset({412} if ends else ()))
    async with Shim(moto_endpoint, aws=aws) as shim, through(shim) as opened:
        world = opened.fresh()
        await world.make_bucket()
        await upload(world, load_id="another")
        place = await begun(world)
        parts = {"Parts": [await part(world, place, 1, b"[]")]}
        with pytest.raises(ClientError, match="PreconditionFailed"):
            await world.s3.complete_multipart_upload(**place, MultipartUpload=parts, IfNoneMatch="*")
        assert len(await open_uploads(world)) == (not ends)


async def test_a_body_that_nobody_reads_gives_its_connection_back() -> None:
    async with (
        feed_server((head(Content_Length=100), asyncio.Event())) as feed,
        Upstream(f"http://127.0.0.1:{feed.port}") as upstream,
    ):
        given = await upstream.send(Request("GET", "/bucket/key", {}), stream=True)
        assert not isinstance(given.body, bytes)
        assert upstream._session.connector._acquired
        await given.body.aclose()
        assert not upstream._session.connector._acquired
