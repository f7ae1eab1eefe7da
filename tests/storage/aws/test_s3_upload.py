"""A snapshot on its way into S3: its parts, how far it runs ahead, and what is left when it ends early."""

import asyncio
import base64
import zlib
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from aqi_service.errors import ArchiveFailed, MissingResource
from aqi_service.storage.aws import s3_upload
from aqi_service.storage.aws.retry import RetryPolicy
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.aws.s3_bucket import Bucket
from aqi_service.storage.aws.s3_upload import PART_SIZE, PARTS_IN_FLIGHT, S3Upload
from aqi_service.storage.ports import SnapshotInfo
from aqi_service.storage.turns import between_lookups, going_first
from tests.doubles.aws_answers import cut, error, held
from tests.doubles.aws_world import World, fresh, opened, until
from tests.doubles.patience import PATIENCE
from tests.doubles.snapshot_name import NAME
from tests.doubles.wire_fixtures import turns

INFO = SnapshotInfo("https://example.org/data.json", "load-1", '"e"', "Wed, 20 Dec 2023 17:00:00 GMT")


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def keep(archive: S3Archive, body: bytes, step: int = PART_SIZE) -> None:
    async with archive.upload(NAME, INFO) as upload:
        for at in range(0, len(body), step):
            await upload.write(body[at : at + step])
        await upload.complete()


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (0, [0]),
        (1, [1]),
        (PART_SIZE - 1, [PART_SIZE - 1]),
        (PART_SIZE, [PART_SIZE]),
        (PART_SIZE + 1, [PART_SIZE, 1]),
        (2 * PART_SIZE, [PART_SIZE, PART_SIZE]),
        (3 * PART_SIZE, [PART_SIZE] * 3),
    ],
)
@pytest.mark.parametrize("step", [1_000_003, 20 * PART_SIZE])
async def test_every_part_but_the_last_has_the_part_size_and_none_is_empty(
    world: World, size: int, parts: list[int], step: int
) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    await keep(world.archive(), body[:size], step)
    sent = {int(each.query["partNumber"]): len(each.body) for each in world.double.seen("UploadPart")}
    assert sorted(sent.items()) == list(enumerate(parts, start=1))
    stored = await world.s3.get_object(Bucket=world.bucket, Key=NAME)
    assert await stored["Body"].read() == body[:size]
    assert await world.open_uploads() == []


async def test_a_snapshot_says_what_it_is_and_whence(world: World) -> None:
    await keep(world.archive(), b"[]")
    begun = world.double.seen("CreateMultipartUpload")[0].headers
    assert begun["Content-Type"] == "application/json"
    assert begun["x-amz-checksum-algorithm"] == "CRC32"
    assert begun["x-amz-meta-source"] == INFO.source
    assert begun["x-amz-meta-load-id"] == INFO.load_id
    assert "ODbL" in begun["x-amz-meta-licence"]


async def test_parts_carry_a_checksum_and_complete_refuses_a_taken_name(world: World) -> None:
    await keep(world.archive(), b"[]")
    assert "x-amz-checksum-crc32" in world.double.seen("UploadPart")[0].headers
    done = world.double.seen("CompleteMultipartUpload")[0]
    assert done.headers["If-None-Match"] == "*"
    assert b"<ChecksumCRC32>" in done.body


async def test_the_checksum_of_a_part_is_that_of_its_bytes(world: World) -> None:
    await keep(world.archive(), b"[]" + b" " * PART_SIZE)
    for part in world.double.seen("UploadPart"):
        crc = zlib.crc32(part.body).to_bytes(4, "big")
        assert base64.b64decode(part.headers["x-amz-checksum-crc32"]) == crc


async def test_no_request_brings_or_asks_for_a_checksum_where_awss_settings_say_so(
    moto_endpoint: str,
) -> None:
    async with opened(
        moto_endpoint,
        AWS_REQUEST_CHECKSUM_CALCULATION="when_required",
        AWS_RESPONSE_CHECKSUM_VALIDATION="when_required",
    ) as there:
        world = await fresh(there, bucket=True)
        await keep(world.archive(), b"[]" + b" " * PART_SIZE)
        await world.archive().put("manifests/t/x.json", b"{}")
        assert [piece async for piece in world.archive().read(NAME)]
        asked = world.double.requests
        assert {"CreateMultipartUpload", "UploadPart", "PutObject", "GetObject"} <= {
            request.operation for request in asked
        }
    names = {name.lower() for request in asked for name in request.headers}
    assert not {name for name in names if "checksum" in name or name in ("x-amz-trailer", "content-md5")}
    assert not any(b"Checksum" in request.body for request in asked)


async def test_metadata_of_any_length_and_script_fits_what_s3_takes(world: World) -> None:
    info = SnapshotInfo("Köln 100% " * 200, "load-1", "é" * 600, "x" * 600, "f" * 64)
    async with world.archive().upload(NAME, info) as upload:
        await upload.complete()
    headers = world.double.seen("CreateMultipartUpload")[0].headers
    kept = {name: value for name, value in headers.items() if name.lower().startswith("x-amz-meta-")}
    assert all(value.isascii() for value in kept.values())
    assert max(map(len, kept.values())) == 500
    assert sum(len(name.removeprefix("x-amz-meta-")) + len(value) for name, value in kept.items()) <= 2048
    found = await world.archive().info(NAME)
    assert found is not None
    assert found.source.startswith("Köln 100% Köln")


async def test_a_slow_bucket_holds_the_writer_back_after_a_few_parts(world: World) -> None:
    gate, written = asyncio.Event(), 0
    world.double.on("UploadPart", held(gate))

    async def load() -> None:
        nonlocal written
        async with world.archive().upload(NAME, INFO) as upload:
            for _ in range(40):
                await upload.write(b"x" * (PART_SIZE // 4))
                written += PART_SIZE // 4
            await upload.complete()

    task = asyncio.create_task(load())
    await until(lambda: world.double.count("UploadPart") == PARTS_IN_FLIGHT)
    await turns()
    assert written < (PARTS_IN_FLIGHT + 1) * PART_SIZE
    gate.set()
    await task
    assert world.double.journal.peak("UploadPart") == PARTS_IN_FLIGHT
    assert world.double.count("UploadPart") == 10


async def test_an_upload_that_is_left_with_parts_on_their_way_is_aborted(world: World) -> None:
    world.double.on("UploadPart", held(asyncio.Event()))

    async def load() -> None:
        async with world.archive().upload(NAME, INFO) as upload:
            await upload.write(b"x" * 2 * PART_SIZE)
            await until(lambda: world.double.count("UploadPart") == 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await load()
    assert await world.open_uploads() == []
    assert await world.archive().names() == []


class Slow:
    """A client whose part takes some turns of the loop to give up when it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ends: list[str] = []

    async def create_multipart_upload(self, **_: object) -> dict[str, str]:
        return {"UploadId": "u"}

    async def upload_part(self, **_: object) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _turn in range(5):
                await asyncio.sleep(0)
            self.ends.append("part")

    async def abort_multipart_upload(self, **_: object) -> None:
        self.ends.append("upload")


async def test_an_upload_is_aborted_only_when_none_of_its_parts_is_on_its_way_any_more() -> None:
    client: Any = Slow()
    upload = S3Upload(Bucket(client, "b"), NAME, INFO)
    await upload.begin()
    await upload.write(b"x" * PART_SIZE)
    await client.begun.wait()
    await upload.close()
    assert client.ends == ["part", "upload"]


async def test_a_part_goes_out_in_a_moment_without_a_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_upload, "between_lookups", partial(between_lookups, PATIENCE))
    client: Any = Slow()
    upload = S3Upload(Bucket(client, "b"), NAME, INFO)
    await upload.begin()
    with going_first():
        await upload.write(b"x" * PART_SIZE)
        await turns()
        assert not client.begun.is_set()
    await turns()
    assert client.begun.is_set()
    await upload.close()


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
async def test_an_upload_that_is_cancelled_while_s3_is_silent_is_aborted(
    world: World, operation: str
) -> None:
    world.double.on(operation, held(asyncio.Event()))
    task = asyncio.create_task(keep(world.archive(), b"x" * (4 * PART_SIZE)))
    await until(lambda: world.double.count(operation) > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await world.open_uploads() == []


async def test_a_deadline_that_strikes_inside_an_upload_aborts_it(world: World) -> None:
    world.double.on("UploadPart", held(asyncio.Event()))

    async def load() -> None:
        async with asyncio.timeout(None) as deadline, world.archive().upload(NAME, INFO) as upload:
            await upload.write(b"x" * 2 * PART_SIZE)
            await until(lambda: world.double.count("UploadPart") == 2)
            deadline.reschedule(0)
            await upload.complete()

    with pytest.raises(TimeoutError):
        await load()
    assert await world.open_uploads() == []


async def test_a_part_that_fails_for_good_ends_the_upload_and_sends_no_more(world: World) -> None:
    world.double.on("UploadPart", error(400, "InvalidDigest"))
    with pytest.raises(ArchiveFailed, match=f"bucket {world.bucket}.*InvalidDigest"):
        await keep(world.archive(), b"x" * (20 * PART_SIZE))
    assert world.double.count("UploadPart") <= 2 * PARTS_IN_FLIGHT
    assert await world.open_uploads() == []


async def test_a_bucket_that_vanishes_says_so_and_leaves_no_task_behind(world: World) -> None:
    async with world.archive().upload(NAME, INFO) as upload:
        world.double.on("UploadPart", error(404, "NoSuchBucket"))
        with pytest.raises(MissingResource, match="no such bucket"):
            await upload.complete()


async def test_a_bucket_that_does_not_abort_keeps_nobody_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_upload, "ABORT_SECONDS", 0.05)
    world.double.on("AbortMultipartUpload", held(asyncio.Event()))
    with pytest.raises(ZeroDivisionError):
        async with world.archive().upload(NAME, INFO):
            raise ZeroDivisionError
    assert await world.open_uploads() == [NAME]


async def test_an_abort_that_fails_does_not_hide_what_ended_the_upload(world: World) -> None:
    world.double.on("AbortMultipartUpload", cut)
    with pytest.raises(ZeroDivisionError):
        async with world.archive().upload(NAME, INFO):
            raise ZeroDivisionError
    assert len(world.waits) == 4


@pytest.mark.parametrize(
    ("before", "operation"),
    [("CreateMultipartUpload", "UploadPart"), ("UploadPart", "CompleteMultipartUpload")],
)
async def test_what_s3_does_not_read_or_answer_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch, before: str, operation: str
) -> None:
    quick = RetryPolicy(attempts=2, seconds=0.05)  # from when the one before it is answered
    world.double.on(operation, held(asyncio.Event()))
    tries: list[str] = []
    events, answered = world.s3.meta.events, f"after-call.s3.{before}"
    event = f"before-parameter-build.s3.{operation}"
    events.register(answered, lambda **_: monkeypatch.setattr(s3_upload, "SLOW", quick), unique_id=answered)
    events.register(event, lambda event_name, **_: tries.append(event_name), unique_id=event)
    with pytest.raises(ArchiveFailed, match="no answer in time"):
        await keep(world.archive(), b"[]")
    events.unregister(answered, unique_id=answered)
    events.unregister(event, unique_id=event)
    assert tries == [event] * 2
    assert await world.open_uploads() == []
