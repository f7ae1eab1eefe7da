"""Objects of any bucket as sources: listed, read whole across broken connections, or told why not."""

import asyncio
import gzip
import hashlib
import random
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from aqi_service.errors import (
    AccessDenied,
    ConfigError,
    FetchFailed,
    MissingResource,
)
from aqi_service.storage.aws.s3_objects import BREAKS, PROGRESS, READ_SIZE, S3Objects
from aqi_service.storage.ports import ObjectEntry
from tests.doubles.aws_answers import Answer, Cut, Forward, Reply, Request, cut, cut_after, error, held, lost
from tests.doubles.aws_world import World, fresh, until

KEY = "captures/data_20_12_23_18_55.json"
BODY = random.Random(1).randbytes(3 * PROGRESS + 7)  # noqa: S311 (a body that no compression shortens)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    found = await fresh(aws, bucket=True)
    await put(found, KEY, BODY)
    found.double.clear()
    return found


async def put(world: World, key: str, body: bytes, **options: str) -> None:
    await world.s3.put_object(Bucket=world.bucket, Key=key, Body=body, **options)


def objects(world: World) -> S3Objects:
    return S3Objects(world.s3, sleep=world.waits)


def etag(body: bytes) -> str:
    """Give what S3 calls an object that came in one part."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


async def read(world: World, key: str = KEY) -> bytes:
    return b"".join([chunk async for chunk in objects(world).read(world.bucket, key)])


class TestList:
    async def test_it_gives_key_size_etag_and_time_of_all_under_the_prefix_and_nothing_else(
        self, world: World
    ) -> None:
        await put(world, "captures/b.json.gz", b"123")
        await put(world, "captures2/c.json", b"1")
        found = await objects(world).list(world.bucket, "captures/")
        assert [entry[:3] for entry in found] == [
            ("captures/b.json.gz", 3, etag(b"123")),
            (KEY, len(BODY), etag(BODY)),
        ]
        assert all(abs(entry.time - time.time()) < 3600 for entry in found)

    async def test_an_empty_prefix_takes_the_whole_bucket_and_an_unknown_one_nothing(
        self, world: World
    ) -> None:
        assert [entry.key for entry in await objects(world).list(world.bucket, "")] == [KEY]
        assert await objects(world).list(world.bucket, "none/") == []

    async def test_all_pages_are_read(self, world: World) -> None:
        async def small_pages(request: Request, forward: Forward) -> Reply:
            return await forward(replace(request, path=request.path + "&max-keys=2"))

        world.double.on("ListObjectsV2", small_pages)
        keys = [f"many/{number} ü+%20&.json" for number in range(5)]
        for key in keys:
            await put(world, key, b"")
        assert [entry.key for entry in await objects(world).list(world.bucket, "many/")] == keys
        assert world.double.count("ListObjectsV2") == 3

    async def test_a_page_is_asked_for_by_the_mark_of_the_one_before(self, world: World) -> None:
        marks: list[str | None] = []

        async def paged(request: Request, _forward: Forward) -> Reply:
            marks.append(request.query.get("continuation-token"))
            more = "true</IsTruncated><NextContinuationToken>m</NextContinuationToken>"
            entry = f"<Contents><Key>{len(marks)}</Key><Size>1</Size></Contents>"
            text = f"<IsTruncated>{'false</IsTruncated>' if marks[1:] else more}{entry}"
            return web.Response(text=f"<?xml version='1.0'?><ListBucketResult>{text}</ListBucketResult>")

        world.double.on("ListObjectsV2", paged)
        found = await objects(world).list(world.bucket, "")
        assert (found, marks) == ([ObjectEntry("1", 1), ObjectEntry("2", 1)], [None, "m"])

    async def test_a_fault_that_passes_is_waited_out(self, world: World) -> None:
        world.double.on("ListObjectsV2", error(503, "SlowDown"), times=2)
        assert len(await objects(world).list(world.bucket, "")) == 1
        assert len(world.waits) == 2

    async def test_a_bucket_that_does_not_answer_fails_the_fetch(self, world: World) -> None:
        world.double.on("ListObjectsV2", cut)
        with pytest.raises(FetchFailed, match=f"^s3://{world.bucket}/a/: [^\n]*no answer"):
            await objects(world).list(world.bucket, "a/")


class TestRead:
    @pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, PROGRESS])
    async def test_an_object_of_any_size_comes_as_it_is_stored(self, world: World, size: int) -> None:
        await put(world, "x.json", BODY[:size])
        assert await read(world, "x.json") == BODY[:size]
        assert world.waits == []

    async def test_it_comes_in_small_pieces(self, world: World) -> None:
        sizes = [len(chunk) async for chunk in objects(world).read(world.bucket, KEY)]
        assert (max(sizes) <= READ_SIZE, sum(sizes)) == (True, len(BODY))

    async def test_bytes_that_are_called_gzip_are_not_decoded(self, world: World) -> None:
        async def called_gzip(request: Request, forward: Forward) -> Reply:
            response = await forward(request)
            response.headers["Content-Encoding"] = "gzip"
            return response

        packed = gzip.compress(b"[]")
        await put(world, "x.json.gz", packed)
        world.double.on("GetObject", called_gzip)
        assert await read(world, "x.json.gz") == packed

    async def test_a_key_of_any_script_is_read(self, world: World) -> None:
        await put(world, "ä b/+%25&?.json", b"[]")
        assert await read(world, "ä b/+%25&?.json") == b"[]"

    @pytest.mark.parametrize("answer", [cut, lost, error(503, "SlowDown"), error(500, "InternalError")])
    async def test_a_request_that_fails_is_made_again(self, world: World, answer: Answer) -> None:
        world.double.on("GetObject", answer, times=2)
        assert await read(world) == BODY
        assert world.double.count("GetObject") == 3

    async def test_a_broken_connection_is_continued_where_it_broke_in_the_same_version(
        self, world: World
    ) -> None:
        world.double.on("GetObject", cut_after(100_000), times=2)
        assert await read(world) == BODY
        first, second, third = world.double.seen("GetObject")
        assert "Range" not in first.headers
        assert second.headers["Range"] == "bytes=100000-"
        assert third.headers["Range"] == "bytes=200000-"
        assert second.headers["If-Match"] == third.headers["If-Match"] != ""
        assert len(world.waits) == 2
        assert all(0 <= wait <= 0.4 for wait in world.waits)

    @pytest.mark.parametrize("length", [0, 1, 1000])
    async def test_one_that_breaks_again_and_again_fails_the_fetch(self, world: World, length: int) -> None:
        world.double.on("GetObject", cut_after(length))
        with pytest.raises(FetchFailed, match=f"^s3://{world.bucket}/{KEY}: [^\n]*$"):
            await read(world)
        assert world.double.count("GetObject") == BREAKS + 1

    async def test_one_that_brings_much_each_time_is_continued_as_often_as_it_breaks(
        self, world: World
    ) -> None:
        body = BODY * 3
        await put(world, KEY, body)
        world.double.on("GetObject", cut_after(PROGRESS))
        assert await read(world) == body
        assert world.double.count("GetObject") == 1 + len(body) // PROGRESS > BREAKS + 1

    async def test_an_object_that_is_replaced_meanwhile_is_not_mixed(self, world: World) -> None:
        async def replaced(request: Request, forward: Forward) -> Reply:
            response = await forward(request)
            await put(world, KEY, bytes(len(BODY)))
            return Cut(response, 1000)

        world.double.on("GetObject", replaced, times=1)
        with pytest.raises(FetchFailed, match="it was replaced while it was read"):
            await read(world)

    async def test_an_object_that_is_deleted_meanwhile_fails_the_fetch(self, world: World) -> None:
        async def deleted(request: Request, forward: Forward) -> Reply:
            response = await forward(request)
            await world.s3.delete_object(Bucket=world.bucket, Key=KEY)
            return Cut(response, 1000)

        world.double.on("GetObject", deleted, times=1)
        with pytest.raises(FetchFailed, match="there is no such object"):
            await read(world)

    async def test_a_range_that_is_not_honoured_is_not_appended(self, world: World) -> None:
        async def whole(request: Request, forward: Forward) -> Reply:
            headers = request.headers.copy()
            del headers["Range"]
            return await forward(replace(request, headers=headers))

        world.double.on("GetObject", whole)
        world.double.on("GetObject", cut_after(1000), times=1)
        with pytest.raises(FetchFailed, match="another range"):
            await read(world)

    async def test_without_a_version_nothing_is_continued(self, world: World) -> None:
        async def unversioned(request: Request, forward: Forward) -> Reply:
            response = await forward(request)
            del response.headers["ETag"]
            return Cut(response, 1000)

        world.double.on("GetObject", unversioned)
        with pytest.raises(FetchFailed):
            await read(world)
        assert world.double.count("GetObject") == 1

    async def test_a_reading_that_is_left_early_gives_its_connection_back(self, world: World) -> None:
        for _ in range(20):  # more than the client has connections
            chunks: Any = objects(world).read(world.bucket, KEY)
            async with aclosing(chunks):
                assert BODY.startswith(await anext(chunks))
        assert await read(world) == BODY

    async def test_a_reading_that_is_cancelled_while_s3_is_silent_ends(self, world: World) -> None:
        world.double.on("GetObject", held(asyncio.Event()))
        task = asyncio.create_task(read(world))
        await until(lambda: world.double.count("GetObject") == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class TestLook:
    @pytest.mark.parametrize("body", [BODY, b""])
    async def test_what_is_there_is_not_read(self, world: World, body: bytes) -> None:
        await put(world, KEY, body)
        ranges: list[str | None] = []

        async def noted(request: Request, forward: Forward) -> Reply:
            ranges.append(request.headers.get("Range"))
            return await forward(request)

        world.double.on("GetObject", noted)
        seen = await objects(world).look(world.bucket, KEY)
        assert ranges == ["bytes=0-0"]
        assert seen == (ObjectEntry(KEY, len(body), etag(body)) if body else None)

    async def test_what_is_not_there_or_kept_back_is_told_before_anything_is_loaded(
        self, world: World
    ) -> None:
        with pytest.raises(
            MissingResource, match=f"^s3://{world.bucket}/none.json: there is no such object$"
        ):
            await objects(world).look(world.bucket, "none.json")
        with pytest.raises(MissingResource, match=r"-none/x.json: there is no such bucket$"):
            await objects(world).look(f"{world.bucket}-none", "x.json")
        world.double.on("GetObject", error(403, "AccessDenied"))
        with pytest.raises(AccessDenied, match=f"^s3://{world.bucket}/{KEY}: access is denied"):
            await objects(world).look(world.bucket, KEY)

    @pytest.mark.parametrize("answer", [error(503, "SlowDown"), error(403, "InvalidObjectState"), cut])
    async def test_what_may_pass_or_only_keeps_it_from_being_read_is_left_to_the_reading(
        self, world: World, answer: Answer
    ) -> None:
        world.double.on("GetObject", answer)
        assert await objects(world).look(world.bucket, KEY) is None


Told = tuple[type[Exception], str]


def listed(world: World) -> Any:
    return objects(world).list(world.bucket, "captures/")


class TestRefusals:
    @pytest.mark.parametrize("asks", [("GetObject", read), ("ListObjectsV2", listed)])
    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (error(403, "AccessDenied"), (AccessDenied, "these credentials lack s3:GetObject")),
            (error(403, "InvalidAccessKeyId"), (AccessDenied, "does not know these credentials")),
            (error(404, "NoSuchBucket"), (MissingResource, "there is no such bucket")),
            (error(400, "AuthorizationHeaderMalformed"), (ConfigError, "set AWS_REGION")),
            (error(503, "SlowDown"), (FetchFailed, "AWS cannot do it now")),
        ],
    )
    async def test_what_is_refused_is_told_in_one_sentence(
        self, world: World, asks: tuple[str, Callable[[World], Any]], answer: Answer, told: Told
    ) -> None:
        (operation, job), (kind, words) = asks, told
        world.double.on(operation, answer)
        if job is read and words.startswith("these"):
            kind = FetchFailed  # the next object may be had all the same
        with pytest.raises(kind, match=f"^[^\n]*{world.bucket}[^\n]*{words}[^\n]*$") as caught:
            await job(world)
        assert isinstance(caught.value, FetchFailed) == (kind is FetchFailed)
        assert getattr(caught.value, "for_good", False) == (job is read and words.startswith("these"))

    async def test_a_missing_object_is_told_by_moto_too(self, world: World) -> None:
        with pytest.raises(FetchFailed, match=f"^s3://{world.bucket}/none.json: there is no such object$"):
            await read(world, "none.json")
        assert world.waits == []

    async def test_a_missing_bucket_is_told_by_moto_too(self, world: World) -> None:
        absent = replace(world, bucket=f"{world.bucket}-none")
        with pytest.raises(MissingResource, match=f"^s3://{absent.bucket}/{KEY}: there is no such bucket$"):
            await read(absent)
        with pytest.raises(MissingResource, match=r"there is no such bucket$"):
            await listed(absent)

    async def test_an_object_in_glacier_is_to_be_restored_first(self, world: World) -> None:
        await put(world, "cold.json", b"[]", StorageClass="GLACIER")
        with pytest.raises(FetchFailed, match="lies in Glacier: restore it first"):
            await read(world, "cold.json")

    @pytest.mark.parametrize("bucket", ["Not_A_Bucket", "x", "a b"])
    async def test_a_name_that_no_bucket_can_have_is_a_fault_of_the_command_line(
        self, world: World, bucket: str
    ) -> None:
        with pytest.raises(ConfigError, match=bucket):
            await read(replace(world, bucket=bucket))


@pytest.mark.parametrize("encoding", ["aws-chunked", "aws-chunked,gzip"])
async def test_how_an_object_was_once_sent_to_its_server_does_not_count_when_it_is_read(
    world: World, encoding: str
) -> None:
    async def kept(request: Request, forward: Forward) -> Reply:
        reply = await forward(request)
        reply.headers["Content-Encoding"] = encoding
        return reply

    world.double.on("GetObject", kept)
    assert await read(world) == BODY
