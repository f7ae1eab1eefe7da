"""Answers of something else in AWS's place: a page to log in at, a proxy, an address that sends on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aqi_service.core.items import Item
from aqi_service.errors import AqiError, ConfigError, Unavailable
from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.create_table import create_table
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.aws.s3_bucket import Bucket
from aqi_service.storage.aws.s3_objects import S3Objects
from tests.doubles.aws_world import Waits
from tests.doubles.moto_names import Moto

PAGE = b"<html>Please log in</html>"


class Peer:
    """Answers every request alike; keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status, self.body = 200, PAGE
        self.headers: dict[str, str] = {}
        self.has_length = True

    async def reply(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.has_length:
            return web.Response(status=self.status, body=self.body, headers=self.headers)
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        return response


@pytest.fixture
async def peer(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    """Lead to it instead of moto."""
    found = Peer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", found.reply)
    async with TestServer(application) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", str(server.make_url("/")).rstrip("/"))
        yield found


@pytest.fixture
async def store(peer: Peer) -> AsyncIterator[DynamoStore]:
    async with open_clients() as clients:
        found = DynamoStore(clients.writes, clients.lookups, "t", sleep=Waits())
        found._key_kind = "S"  # as if it had been described before
        yield found


@pytest.fixture
async def bucket(peer: Peer) -> AsyncIterator[Bucket]:
    async with open_clients() as clients:
        yield Bucket(clients.s3, "b", sleep=Waits())


async def error_of(work: Any) -> AqiError:
    with pytest.raises(AqiError) as caught:
        await work
    return caught.value


@pytest.mark.parametrize("body", [PAGE, b"", b"[]", b"null"])
async def test_a_page_of_something_else_is_no_item_that_is_not_there_and_no_write_that_was_done(
    peer: Peer, store: DynamoStore, body: bytes
) -> None:
    peer.body = body
    for work in (
        store.get("7"),
        store.get_many(["7"]),
        store.read(["7"]),
        store.put([Item("7")], conditional=True),
        store.put([Item("7")], conditional=False),
        store.identity(),
    ):
        assert type(await error_of(work)) is Unavailable


@pytest.mark.parametrize("body", [b"{}", b'{"Table": {}}', b'{"Table": {"TableStatus": "ACTIVE"}}'])
async def test_what_describes_no_table_is_no_table(peer: Peer, body: bytes) -> None:
    peer.body = body
    async with open_clients() as clients:
        store = DynamoStore(clients.writes, clients.lookups, "t", sleep=Waits())
        for work in (store.check(), create_table(clients.writes, "t", Waits())):
            assert type(await error_of(work)) is Unavailable


@pytest.mark.parametrize("body", [PAGE, b""])
async def test_a_page_of_something_else_is_no_empty_bucket_and_no_document_that_was_written(
    peer: Peer, bucket: Bucket, body: bytes
) -> None:
    peer.body = body
    for work in (bucket.document("k"), bucket.put("k", b"{}"), bucket.call("list_objects_v2")):
        assert type(await error_of(work)) is Unavailable


async def test_an_object_without_its_length_is_not_read(peer: Peer) -> None:
    peer.has_length = False
    async with open_clients() as clients:
        error = await error_of(anext(S3Objects(clients.s3, Waits()).read("b", "k")))
    assert "without its length" in str(error)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, ConfigError, "does not speak as AWS does"),
        (404, Unavailable, "does not speak as AWS does"),
        (302, Unavailable, "does not speak as AWS does"),
        (301, ConfigError, "another region"),
        (403, ConfigError, "denies access"),
        (503, Unavailable, "cannot do it now (503)"),
    ],
)
async def test_a_refusal_without_a_word_of_awss_is_not_read_as_one_of_its_codes(
    peer: Peer, store: DynamoStore, status: int, kind: type[AqiError], words: str
) -> None:
    peer.status = status
    async with open_clients() as clients:
        errors = [
            await error_of(Bucket(clients.s3, "b", sleep=Waits()).call("list_objects_v2")),
            await error_of(store.check()),
        ]
    for error in errors:
        assert isinstance(error, kind)
        assert words in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed_and_the_region_is_asked_for_once(
    peer: Peer, bucket: Bucket, status: int
) -> None:
    peer.status, peer.headers = status, {"Location": "/elsewhere"}
    await error_of(bucket.call("list_objects_v2"))
    await error_of(bucket.put("k", b"x"))
    assert peer.asked.count("HEAD /b") <= 2
    assert set(peer.asked) <= {"GET /b", "HEAD /b", "PUT /b/k"}


async def test_a_bucket_in_another_region_is_found_there(peer: Peer) -> None:
    peer.status, peer.headers = 301, {"x-amz-bucket-region": "eu-west-1"}
    async with open_clients() as clients:
        error = await error_of(S3Archive(clients.s3, "b", sleep=Waits()).check())
    assert type(error) is ConfigError
    assert peer.asked == ["GET /b", "GET /b"]
