"""Exported files as objects: complete or absent, in the place of an older one, whatever S3 answers."""

import io
from contextlib import ExitStack
from typing import BinaryIO

import pytest
import pytest_asyncio

from aqi_service.errors import AccessDenied, ExportFailed, MissingResource
from aqi_service.storage.aws.s3_export import MOST_IN_MEMORY, S3Target
from aqi_service.storage.aws.s3_upload import PART_SIZE
from tests.doubles.aws_answers import cut, error, lost
from tests.doubles.aws_world import World, fresh
from tests.doubles.exports import on_this_thread

NAME = "snapshot_date=2023-12-20/data_20_12_23_17_00.parquet"
KEY = f"air/{NAME}"
LARGE = b"x" * (PART_SIZE + 1)
"""What takes more than one request."""

BEGIN = ("PutObject", "CreateMultipartUpload")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


def place(world: World) -> S3Target:
    return S3Target(world.s3, world.bucket, "air/", world.waits)


async def publish(world: World, body: bytes) -> None:
    await place(world).publish(io.BytesIO(body), NAME, on_this_thread)


async def kept(world: World) -> bytes | None:
    """Give what is there, once it is sure that nothing is under way."""
    assert await world.open_uploads() == []
    listed = (await world.s3.list_objects_v2(Bucket=world.bucket)).get("Contents", [])
    if not listed:
        return None
    assert [each["Key"] for each in listed] == [KEY]
    body: bytes = await (await world.s3.get_object(Bucket=world.bucket, Key=KEY))["Body"].read()
    return body


@pytest.mark.parametrize(
    ("size", "asked"),
    [
        *((size, ["PutObject"]) for size in (10, PART_SIZE)),
        *((size, ["CreateMultipartUpload"]) for size in (PART_SIZE + 1, 2 * PART_SIZE + 1)),
    ],
)
async def test_a_file_is_an_object_below_the_prefix_and_says_its_licence(
    world: World, size: int, asked: list[str]
) -> None:
    await publish(world, b"x" * size)
    assert await kept(world) == b"x" * size
    assert [each for each in BEGIN if world.double.seen(each)] == asked
    begun = world.double.seen(asked[0])[0].headers
    assert begun["Content-Type"] == "application/vnd.apache.parquet"
    assert "ODbL" in begun["x-amz-meta-licence"]


async def test_a_file_takes_the_place_of_an_older_one(world: World) -> None:
    for body in (b"old", b"new"):
        await publish(world, body)
    assert await kept(world) == b"new"


@pytest.mark.parametrize(
    ("operation", "new"),
    [("PutObject", b"new"), ("CreateMultipartUpload", LARGE), ("UploadPart", LARGE),
     ("CompleteMultipartUpload", LARGE)],
)  # fmt: skip
@pytest.mark.parametrize("before", [None, b"old"])
async def test_what_s3_does_not_take_leaves_what_was_there(
    world: World, operation: str, new: bytes, before: bytes | None
) -> None:
    if before:
        await publish(world, before)
    world.double.on(operation, error(403, "AccessDenied"))
    with pytest.raises(AccessDenied, match=rf"^s3://{world.bucket}/air/: .*lack s3:PutObject"):
        await publish(world, new)
    world.double.clear()
    assert await kept(world) == before


async def test_what_passes_is_waited_out_and_a_lost_answer_does_no_harm(world: World) -> None:
    world.double.on("UploadPart", cut, times=1)
    world.double.on("CompleteMultipartUpload", lost, times=1)
    await publish(world, LARGE)
    assert await kept(world) == LARGE
    for trouble in (cut, lost, error(503, "SlowDown")):
        world.double.on("PutObject", trouble, times=1)
        await publish(world, str(trouble).encode())
        assert await kept(world) == str(trouble).encode()


async def test_an_older_object_is_not_taken_for_the_new_one(world: World) -> None:
    await publish(world, b"old")
    world.double.on("CompleteMultipartUpload", error(404, "NoSuchUpload"))
    with pytest.raises(ExportFailed):
        await publish(world, LARGE)
    world.double.clear()
    assert await kept(world) == b"old"


async def test_a_bucket_that_answers_nothing_useful_ends_the_export_for_now(world: World) -> None:
    world.double.on("CompleteMultipartUpload", error(409, "OperationAborted"))
    with pytest.raises(ExportFailed, match=rf"^The export cannot be written to s3://{world.bucket}/air/: "):
        await publish(world, LARGE)
    world.double.clear()
    assert await kept(world) is None


async def test_a_bucket_that_is_not_there_is_for_a_person_to_mend(world: World) -> None:
    nowhere = S3Target(world.s3, f"no-{world.bucket}", "air/", world.waits)
    with pytest.raises(MissingResource, match=rf"^s3://no-{world.bucket}/air/: there is no such bucket$"):
        await nowhere.publish(io.BytesIO(b"x"), NAME, on_this_thread)


async def test_a_file_waits_in_memory_and_a_large_one_on_the_disk(world: World) -> None:
    with ExitStack() as held:
        file: BinaryIO = place(world).draft(held)
        file.write(b"x" * MOST_IN_MEMORY)
        assert not getattr(file, "_rolled")  # noqa: B009 (what the standard library calls it)
        file.write(b"x")
        assert getattr(file, "_rolled")  # noqa: B009
    assert file.closed
