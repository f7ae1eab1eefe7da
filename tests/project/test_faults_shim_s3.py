"""The shim between the program's S3 client and moto: checksums, parts, ends of uploads, faults by rule."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import BotoCoreError, ClientError

from aqi_service.errors import ArchiveFailed, ConfigError, Unavailable
from aqi_service.storage.aws.s3_upload import PART_SIZE
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.certificates import stranger
from tests.doubles.faults import effects
from tests.doubles.faults.clients import World, through
from tests.doubles.faults.effects import Cut, Effect, Hollow, Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.s3_rules import Aws
from tests.doubles.faults.shim import Shim

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "data_02_01_26_03_04.json"
INFO = SnapshotInfo("https://example.org/data.json", "load-1")
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


async def test_without_rules_an_archive_behaves_as_on_the_emulator(world: World) -> None:
    await upload(world, BODY)
    await world.archive.put("manifests/a b+c.json", b"{}")
    assert await snapshot(world) == BODY
    assert await world.archive.get("manifests/a b+c.json") == b"{}"
    assert await world.archive.get("manifests/none.json") is None
    assert (await world.archive.info(NAME)) is not None
    assert list(await world.archive.names()) == [NAME]
    assert world.journal.operations() == {
        "CreateMultipartUpload": 1,
        "UploadPart": 2,
        COMPLETE: 1,
        "PutObject": 1,
        "GetObject": 3,
        "HeadObject": 1,
        "ListObjectsV2": 1,
    }


async def test_the_journal_knows_part_upload_key_and_checksum(world: World) -> None:
    await upload(world)
    (record,) = world.journal.of("UploadPart", f"{world.bucket}/data_*")
    assert record.sums == {"crc32"}
    assert not record.trailing
    assert (record.call.part, record.call.key) == (1, NAME)
    assert record.call.upload_id == world.journal.of(COMPLETE)[0].call.upload_id


@pytest.mark.parametrize(
    "given",
    [{"ChecksumCRC32": "AAAAAA=="}, {"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}],
    ids=["CRC-32", "MD5"],
)
async def test_a_body_with_another_checksum_is_refused_where_moto_takes_it(
    world: World, given: dict[str, str]
) -> None:
    with pytest.raises(ClientError, match="BadDigest"):
        await world.s3.put_object(Bucket=world.bucket, Key="k", Body=b"x", **given)
    assert await world.archive.get("k") is None


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


async def test_a_part_that_is_too_small_is_refused_at_complete(world: World) -> None:
    place = await begun(world)
    parts = {"Parts": [await part(world, place, 1, b"x"), await part(world, place, 2, b"y")]}
    with pytest.raises(ClientError, match="EntityTooSmall"):
        await world.s3.complete_multipart_upload(**place, MultipartUpload=parts)
    assert world.journal.applied(COMPLETE) == 0


async def test_complete_without_the_parts_checksums_is_refused(world: World) -> None:
    place = await begun(world, ChecksumAlgorithm="CRC32")
    parts = {"Parts": [await part(world, place, 1, b"x")]}
    with pytest.raises(ClientError, match="must include the checksum for each part"):
        await world.s3.complete_multipart_upload(**place, MultipartUpload=parts)


async def test_uploads_under_way_have_the_time_of_their_beginning(world: World) -> None:
    await begun(world)
    (found,) = await open_uploads(world)
    assert found["Initiated"] == NOW


async def test_a_key_that_is_too_long_is_refused(world: World) -> None:
    with pytest.raises(ClientError, match="KeyTooLongError"):
        await world.s3.put_object(Bucket=world.bucket, Key="x" * 1025, Body=b"")


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


async def test_a_conflict_at_complete_ends_the_upload(world: World) -> None:
    world.fail(COMPLETE, Refuse("ConditionalRequestConflict"))
    with pytest.raises(ArchiveFailed, match="ConditionalRequestConflict"):
        await upload(world)
    assert await open_uploads(world) == []
    assert await world.archive.names() == []


async def test_an_archive_gives_way_to_another_loads_snapshot_and_leaves_no_upload(world: World) -> None:
    await upload(world, load_id="another")
    with pytest.raises(ArchiveFailed, match="another load's snapshot"):
        await upload(world)
    assert await open_uploads(world) == []


OPERATIONS = ["CreateMultipartUpload", "UploadPart", COMPLETE]
PASSING = {
    "SlowDown": effects.SLOW_DOWN,
    "500": effects.INTERNAL_ERROR,
    "429": effects.TOO_MANY,
    "reset before": effects.RESET_BEFORE,
    "reset after": effects.RESET_AFTER,
    "lost answer": effects.LOST_ANSWER,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("effect", PASSING.values(), ids=PASSING)
async def test_a_fault_that_passes_costs_an_archive_nothing(
    world: World, operation: str, effect: Effect
) -> None:
    world.fail(operation, effect, times=1)
    await upload(world)
    assert world.shim.book.fired() == 1
    assert world.journal.count(operation) >= 2
    assert await snapshot(world) == b"[]"


@pytest.mark.parametrize("forgets", [True, False])
async def test_a_complete_whose_answer_was_lost_is_done_whatever_its_repetition_is_told(
    moto_endpoint: str, forgets: bool
) -> None:
    shim = Shim(
        moto_endpoint, [Rule(COMPLETE, effects.LOST_ANSWER, times=1)], aws=Aws(forgets_completed=forgets)
    )
    async with shim, through(shim) as opened:
        world = World(opened.shim, opened.clients, f"lost-{forgets}".lower())
        await world.make_bucket()
        await upload(world)
        assert [record.code for record in shim.journal.of(COMPLETE)] == [
            "",
            "NoSuchUpload" if forgets else "",
        ]
        assert await snapshot(world) == b"[]"


@pytest.mark.parametrize("effect", [effects.EMPTY_200, effects.ERROR_200], ids=["empty", "error inside"])
async def test_a_200_that_completed_nothing_fails_the_archive(world: World, effect: Hollow) -> None:
    world.fail(COMPLETE, effect)
    with pytest.raises(ArchiveFailed):
        await upload(world)
    assert {record.status for record in world.journal.of(COMPLETE)} == {200}
    assert await open_uploads(world) == []
    assert await world.archive.names() == []


@pytest.mark.parametrize("code", ["", "InternalError"])
async def test_a_hollow_200_behind_which_the_work_was_done_is_a_success(world: World, code: str) -> None:
    world.fail(COMPLETE, Hollow(code, applied=True), times=1)
    await upload(world)
    assert await snapshot(world) == b"[]"


async def test_a_reading_that_is_cut_goes_on_where_it_broke_off(world: World) -> None:
    await upload(world, BODY)
    world.fail("GetObject", Cut(100_000), times=2)
    assert await snapshot(world) == BODY


async def test_a_reading_that_is_cut_again_and_again_is_an_error_of_the_archive(world: World) -> None:
    await upload(world, BODY)
    world.fail("GetObject", Cut(100_000))
    found = b""

    async def read() -> None:
        nonlocal found
        async for chunk in world.archive.read(NAME):
            found += chunk

    with pytest.raises(Unavailable):
        await read()
    assert BODY.startswith(found)
    assert 100_000 <= len(found) <= 500_000 < len(BODY)
    assert not any(record.answered for record in world.journal.of("GetObject", f"{world.bucket}/data_*"))


async def test_a_head_has_the_length_and_no_body_and_a_refused_one_only_its_status(world: World) -> None:
    await world.archive.put("k", b"12345")
    assert (await world.s3.head_object(Bucket=world.bucket, Key="k"))["ContentLength"] == 5
    world.fail("HeadObject", effects.SLOW_DOWN)
    with pytest.raises(ClientError, match="503"):
        await world.s3.head_object(Bucket=world.bucket, Key="k")


async def test_a_bucket_in_another_region_is_told_by_its_redirect(world: World) -> None:
    world.fail("s3:*", Refuse("PermanentRedirect"))
    with pytest.raises(ConfigError, match="another region"):
        await world.archive.check()


async def test_a_rule_for_one_key_leaves_the_others_alone(world: World) -> None:
    world.fail("PutObject", effects.RESET_BEFORE, resource="*/manifests/*")
    await world.archive.put("rejects/a", b"x")
    with pytest.raises(BotoCoreError):
        await world.s3.put_object(Bucket=world.bucket, Key="manifests/a", Body=b"x")
