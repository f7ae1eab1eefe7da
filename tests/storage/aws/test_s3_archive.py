"""The archive over S3: what it says of a bucket it cannot use, what it reads, and whose bucket it asks."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from aqi_service.errors import (
    AccessDenied,
    ArchiveFailed,
    ConfigError,
    MissingResource,
    NotReady,
    Unavailable,
)
from aqi_service.storage.aws import s3_bucket
from aqi_service.storage.aws.retry import RetryPolicy
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.aws.s3_bucket import CHANGE_BASE, CHANGE_CAP, CHANGES
from aqi_service.storage.aws.s3_upload import PART_SIZE
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, body, cut, cut_inside, error, held
from tests.doubles.aws_world import World, fresh, until
from tests.doubles.snapshot_name import INFO, NAME

OWNER = "123456789012"  # moto's own account


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def keep(archive: S3Archive, content: bytes = b"[]", name: str = NAME) -> None:
    async with archive.upload(name, INFO) as upload:
        await upload.write(content)
        await upload.complete()


async def bytes_of(archive: S3Archive, name: str = NAME, offset: int = 0) -> bytes:
    return b"".join([piece async for piece in archive.read(name, offset)])


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (404, "NoSuchBucket", MissingResource, "no such bucket: --create makes it, --bucket names another"),
        (403, "AccessDenied", AccessDenied, "bucket names are global, so it may be another account's"),
        (403, "InvalidAccessKeyId", AccessDenied, "does not know these credentials"),
        (403, "SignatureDoesNotMatch", AccessDenied, "does not know these credentials"),
        (400, "ExpiredToken", AccessDenied, "they have expired: renew them, or use --local DIR"),
        (403, "RequestTimeTooSkewed", NotReady, "until this machine's clock is set"),
        (301, "PermanentRedirect", ConfigError, "another region: set AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", ConfigError, "another region: set AWS_REGION"),
        (400, "InvalidBucketName", ConfigError, "AWS does not allow this bucket name"),
        (503, "SlowDown", Unavailable, "AWS cannot do it now"),
    ],
)
async def test_a_bucket_that_cannot_be_used_is_told_in_one_sentence(
    world: World, status: int, code: str, kind: type[Exception], words: str
) -> None:
    world.double.on("ListObjectsV2", error(status, code))
    with pytest.raises(kind, match=f"^bucket {world.bucket}: [^\n]*{words}[^\n]*$") as caught:
        await world.archive().check()
    assert isinstance(caught.value, ConfigError) == (kind not in (Unavailable, NotReady))


async def test_a_bucket_that_is_not_there_is_told_by_moto_too(aws: World) -> None:
    with pytest.raises(MissingResource, match="no such bucket"):
        await (await fresh(aws)).archive().check()


@pytest.mark.parametrize("name", ["a", "Not_A_Bucket", "x" * 64, "a b", "with/slash", "arn:aws:s3:::x"])
async def test_a_name_that_no_bucket_can_have_is_a_fault_of_the_configuration(
    world: World, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"^bucket "):
        await replace(world, bucket=name).archive().check()


async def test_a_bucket_in_another_region_names_it_once_and_is_not_followed_in_a_circle(
    world: World,
) -> None:
    redirect = error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1")
    for operation in ("ListObjectsV2", "HeadBucket", "HeadObject"):
        world.double.on(operation, redirect)
    with pytest.raises(ConfigError, match="it is in another region: set AWS_REGION"):
        await world.archive().check()
    with pytest.raises(ConfigError, match="it is in another region: set AWS_REGION"):
        await world.archive().info(NAME)
    assert len(world.double.requests) <= 6


async def test_a_bucket_that_does_not_answer_is_unavailable(world: World) -> None:
    world.double.on("ListObjectsV2", cut)
    with pytest.raises(Unavailable, match="no answer"):
        await world.archive().check()


async def test_all_pages_of_names_are_read_and_only_names_of_snapshots_count(world: World) -> None:
    async def small_pages(request: Request, forward: Forward) -> Reply:
        return await forward(replace(request, path=request.path + "&max-keys=2"))

    world.double.on("ListObjectsV2", small_pages)
    names = [f"data_{day:02}_12_23_18_55.json" for day in range(1, 8)]
    names.append("data_07_12_23_18_55-2.json")
    strange = ["data_20_12_23.csv", "data_99_99_23_18_55.json", "other.json", "data_/x.json"]
    for key in [*names, *strange, "data_08_12_23_18_55.json.gz", "data_08_12_23_18_55-0.json"]:
        await world.s3.put_object(Bucket=world.bucket, Key=key, Body=b"[]")
    assert sorted(await world.archive().names()) == sorted(names)
    assert world.double.count("ListObjectsV2") == 7


async def test_a_check_asks_for_one_name_of_the_owners_bucket_and_waits_out_what_passes(world: World) -> None:
    world.double.on("ListObjectsV2", error(503, "SlowDown"), times=1)
    await world.archive(OWNER).check()
    _, asked = world.double.requests
    assert asked.headers["x-amz-expected-bucket-owner"] == OWNER
    assert (asked.query["prefix"], asked.query["max-keys"]) == ("data_", "1")
    assert len(world.waits) == 1


async def test_names_are_looked_for_under_their_prefix_and_in_no_folder(world: World) -> None:
    for key in (NAME, "data_20_12_23.csv", f"{NAME}.gz"):
        await world.s3.put_object(Bucket=world.bucket, Key=key, Body=b"[]")
    assert await world.archive().names() == [NAME]
    asked = world.double.seen("ListObjectsV2")[0].query
    assert (asked["prefix"], asked["delimiter"]) == ("data_", "/")


async def test_a_list_that_says_that_more_follows_but_not_where_ends(world: World) -> None:
    cut_short = "<?xml version='1.0'?><ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"
    world.double.on("ListObjectsV2", body(cut_short), times=3)
    assert await world.archive().names() == []
    assert world.double.count("ListObjectsV2") == 1


@pytest.mark.parametrize(
    ("key", "kind"), [("a/x.json", "application/json"), ("a/x.ndjson", "application/x-ndjson")]
)
async def test_a_document_says_of_which_kind_it_is(world: World, key: str, kind: str) -> None:
    await world.archive().put(key, b"{}")
    assert world.double.seen("PutObject")[0].headers["Content-Type"] == kind


@pytest.mark.parametrize(
    "answer",
    [
        error(409, "ConditionalRequestConflict"),
        error(412, "PreconditionFailed"),
        error(404, "NoSuchKey"),
    ],
)
async def test_a_change_that_another_comes_before_is_made_of_what_is_there_then(
    world: World, answer: Answer
) -> None:
    archive = world.archive()
    await archive.change("a.json", lambda there: b"1")
    world.double.on("PutObject", answer, times=1)
    await archive.change("a.json", lambda there: (there or b"") + b"2")
    assert await archive.get("a.json") == b"12"
    first, second, third = world.double.seen("PutObject")
    assert first.headers["If-None-Match"] == "*"
    assert second.headers["If-Match"] == third.headers["If-Match"] != ""


async def test_every_request_names_the_owner_that_the_bucket_must_have(world: World) -> None:
    archive = world.archive(OWNER)
    await archive.check()
    await archive.names()
    await keep(archive, b"x" * (PART_SIZE + 1))
    async with archive.upload("data_20_12_23_18_56.json", INFO):
        pass
    await archive.info(NAME)
    await bytes_of(archive)
    await archive.put("manifests/t/x.json", b"{}")
    await archive.get("manifests/t/x.json")
    await archive.sweep()
    asked = {request.operation for request in world.double.requests}
    assert asked == {
        *("ListObjectsV2", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
        *("AbortMultipartUpload", "HeadObject", "GetObject", "PutObject"),
        "ListMultipartUploads",
    }
    owners = {request.headers.get("x-amz-expected-bucket-owner") for request in world.double.requests}
    assert owners == {OWNER}


async def test_without_an_owner_none_is_named(world: World) -> None:
    await keep(world.archive())
    assert not any("x-amz-expected-bucket-owner" in request.headers for request in world.double.requests)


async def test_reading_from_the_end_or_behind_it_gives_nothing(world: World) -> None:
    await keep(world.archive(), b"[]")
    assert await bytes_of(world.archive(), offset=2) == b""
    assert await bytes_of(world.archive(), offset=99) == b""


async def test_an_empty_snapshot_reads_as_nothing(world: World) -> None:
    await keep(world.archive(), b"")
    assert await bytes_of(world.archive()) == b""


async def test_a_snapshot_that_breaks_off_while_it_is_read_is_an_error(world: World) -> None:
    await keep(world.archive(), b"x" * 1_000_000)
    world.double.on("GetObject", cut_inside)
    with pytest.raises(Unavailable, match=f"^bucket {world.bucket}: no answer"):
        await bytes_of(world.archive())


async def test_a_document_that_breaks_off_is_read_again(world: World) -> None:
    await world.archive().put("manifests/t/x.json", b"x" * 1_000_000)
    world.double.on("GetObject", cut_inside, times=2)
    assert await world.archive().get("manifests/t/x.json") == b"x" * 1_000_000


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(403, "AccessDenied"), AccessDenied),
        (error(404, "NoSuchBucket"), MissingResource),
        (error(500, "X"), Unavailable),
    ],
)
@pytest.mark.parametrize(
    ("operation", "job"),
    [
        ("ListObjectsV2", lambda archive: archive.names()),
        ("GetObject", bytes_of),
        ("GetObject", lambda archive: archive.get("a")),
        ("PutObject", lambda archive: archive.put("a", b"{}")),
        ("CreateMultipartUpload", keep),
    ],
)
async def test_every_method_tells_refusal_absence_and_failure_apart(
    world: World,
    operation: str,
    job: Callable[[S3Archive], Awaitable[object]],
    answer: Answer,
    kind: type[Exception],
) -> None:
    world.double.on(operation, answer)
    with pytest.raises(kind):
        await job(world.archive())


@pytest.mark.parametrize(("status", "kind"), [(403, AccessDenied), (400, AccessDenied), (503, Unavailable)])
async def test_a_head_without_a_reason_is_judged_by_its_status(
    world: World, status: int, kind: type[Exception]
) -> None:
    world.double.on("HeadObject", body("", status))
    with pytest.raises(kind):
        await world.archive().info(NAME)


async def test_an_object_that_something_else_uploaded_has_no_more_than_its_name(world: World) -> None:
    await world.s3.put_object(Bucket=world.bucket, Key=NAME, Body=b"[]")
    assert await world.archive().info(NAME) == SnapshotInfo("", "")
    assert await world.archive().names() == [NAME]


async def test_a_read_that_is_cancelled_leaves_the_archive_usable(world: World) -> None:
    await keep(world.archive())
    world.double.on("GetObject", held(asyncio.Event()), times=20)
    tasks = [asyncio.create_task(bytes_of(world.archive())) for _ in range(20)]
    await until(lambda: world.double.count("GetObject") >= 8)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    world.double.clear()
    assert await bytes_of(world.archive()) == b"[]"


async def test_a_document_that_is_put_again_after_a_lost_answer_is_there_once(world: World) -> None:
    world.double.on("PutObject", cut, times=2)
    await world.archive().put("manifests/t/x.json", b"{}")
    assert await world.archive().get("manifests/t/x.json") == b"{}"


async def test_a_document_that_s3_does_not_read_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_bucket, "SLOW", RetryPolicy(attempts=2, seconds=0.05))
    world.double.on("PutObject", held(asyncio.Event()))
    with pytest.raises(Unavailable, match=f"^bucket {world.bucket}: no answer in time"):
        await world.archive().put("manifests/t/x.json", b"{}")
    assert world.double.count("PutObject") == 2


async def test_a_missing_snapshot_is_named(world: World) -> None:
    with pytest.raises(ArchiveFailed, match=f"bucket {world.bucket}: there is no snapshot {NAME}"):
        await bytes_of(world.archive())


async def test_whoever_was_second_with_a_document_waits_a_random_while_and_comes_through(
    world: World,
) -> None:
    """As 32 shards of a backfill that note themselves in one document."""
    archive = world.archive()
    world.double.on("PutObject", error(412, "PreconditionFailed"), times=CHANGES - 1)
    await archive.change("a.json", lambda there: (there or b"") + b"1")
    assert await archive.get("a.json") == b"1"
    assert len(world.waits) == CHANGES - 1
    edges = [min(CHANGE_CAP, CHANGE_BASE * 2**n) for n in range(CHANGES - 1)]
    assert all(0 <= waited <= edge for waited, edge in zip(world.waits, edges, strict=True))
    assert len(set(world.waits)) > CHANGES // 2


async def test_a_document_that_others_change_each_time_is_given_up(world: World) -> None:
    world.double.on("PutObject", error(409, "ConditionalRequestConflict"))
    with pytest.raises(Unavailable, match=r"others change a\.json all the time"):
        await world.archive().change("a.json", lambda _: b"1")
