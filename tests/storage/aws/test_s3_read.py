"""A snapshot read from S3: from an offset, across broken connections, and never of two versions."""

import io
import random
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from aqi_service.errors import ArchiveFailed, FetchFailed, Unavailable
from aqi_service.storage.aws import s3_objects
from aqi_service.storage.aws.retry import CALL
from aqi_service.storage.aws.s3_objects import S3Objects
from tests.doubles.aws_answers import Cut, Forward, Reply, Request, cut_after
from tests.doubles.aws_world import Waits, World, fresh
from tests.doubles.snapshot_name import NAME

BODY = random.Random(1).randbytes(300_000)  # noqa: S311 (a body that no compression shortens)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def put(world: World, key: str, body: bytes) -> None:
    await world.s3.put_object(Bucket=world.bucket, Key=key, Body=body)


async def read_archive(world: World, offset: int = 0) -> bytes:
    return b"".join([chunk async for chunk in world.archive().read(NAME, offset)])


def ranges(world: World) -> list[str]:
    return [request.headers.get("Range", "") for request in world.double.seen("GetObject")]


@pytest.mark.parametrize("offset", [0, 1, 99_999, len(BODY) - 1])
async def test_a_snapshot_is_continued_where_its_connection_broke(world: World, offset: int) -> None:
    await put(world, NAME, BODY)
    world.double.on("GetObject", cut_after(100_000), times=2)
    assert await read_archive(world, offset) == BODY[offset:]
    assert ranges(world)[0] == (f"bytes={offset}-" if offset else "")
    assert ranges(world)[1:2] == ([f"bytes={offset + 100_000}-"] if len(BODY) - offset > 100_000 else [])


async def test_a_suffixed_snapshot_is_read_as_any_other(world: World) -> None:
    await put(world, "data_20_12_23_18_55-2.json", b"[2]")
    archive = world.archive()
    assert b"".join([c async for c in archive.read("data_20_12_23_18_55-2.json", 1)]) == b"2]"


async def test_a_snapshot_that_is_replaced_meanwhile_fails(world: World) -> None:
    async def replaced(request: Request, forward: Forward) -> Reply:
        response = await forward(request)
        await put(world, NAME, bytes(len(BODY)))
        return Cut(response, 1000)

    await put(world, NAME, BODY)
    world.double.on("GetObject", replaced, times=1)
    with pytest.raises(ArchiveFailed, match=f"{NAME} was replaced while it was read"):
        await read_archive(world)


async def test_an_offset_that_s3_does_not_honour_gives_no_bytes_of_elsewhere(world: World) -> None:
    async def whole(_request: Request, _forward: Forward) -> web.Response:
        return web.Response(body=BODY, headers={"ETag": '"x"'})

    world.double.on("GetObject", whole)
    found: list[bytes] = []

    async def collect() -> None:
        async for chunk in world.archive().read(NAME, 5):
            found.append(chunk)  # noqa: PERF401  # what came before the error counts

    with pytest.raises(Unavailable, match="another range"):
        await collect()
    assert found == []


class ShortBody(io.BytesIO):
    """A stream as the client gives it."""

    async def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]  # it is asynchronous
        return super().read(size)

    async def __aenter__(self) -> "ShortBody":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class Short:
    """A client whose answers end in order, after at most 3 of the bytes that they announce."""

    def __init__(self, body: bytes, brings: int = 3) -> None:
        self._body, self._brings = body, brings
        self.asked: list[str] = []

    async def get_object(self, **asked: str) -> dict[str, Any]:
        self.asked.append(asked.get("Range", "bytes=0-"))
        at = int(self.asked[-1].removeprefix("bytes=").removesuffix("-"))
        return {
            "Body": ShortBody(self._body[at : at + self._brings]),
            "ContentLength": len(self._body) - at,
            "ContentRange": f"bytes {at}-{len(self._body) - 1}/{len(self._body)}",
            "ETag": '"x"',
        }


async def test_a_body_that_ends_in_order_before_its_length_is_continued() -> None:
    client: Any = Short(b"0123456789")
    chunks = [chunk async for chunk in S3Objects(client, sleep=Waits()).read("b", "k.json")]
    assert chunks == [b"012", b"345", b"678", b"9"]
    assert client.asked == ["bytes=0-", "bytes=3-", "bytes=6-", "bytes=9-"]


async def test_a_body_that_stays_shorter_than_its_length_fails_the_fetch() -> None:
    client: Any = Short(b"0123456789", brings=0)
    with pytest.raises(FetchFailed, match=r"^s3://b/k.json: .* broke off at byte 0 of 10$"):
        [chunk async for chunk in S3Objects(client, sleep=Waits()).read("b", "k.json")]


@pytest.mark.parametrize(("much", "edges"), [(4, [1, 2, 4]), (3, [1, 1, 1])])
async def test_the_pause_after_a_break_doubles_unless_much_came_before_it(
    monkeypatch: pytest.MonkeyPatch, much: int, edges: list[int]
) -> None:
    monkeypatch.setattr(s3_objects, "PROGRESS", much)
    monkeypatch.setattr(s3_objects, "random", lambda: 0.75)
    client: Any = Short(b"0123456789")
    waits = Waits()
    assert [chunk async for chunk in S3Objects(client, sleep=waits).read("b", "k.json")][-1] == b"9"
    assert waits == pytest.approx([0.75 * CALL.base * edge for edge in edges])
