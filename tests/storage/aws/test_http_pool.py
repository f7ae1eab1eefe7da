"""What holds for all connections to AWS: where they lead, and how long a header may be."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aqi_service.core.load_metrics import load_metrics
from aqi_service.errors import Unavailable
from aqi_service.storage.aws import http_pool
from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.cloudwatch import open_cloudwatch
from aqi_service.storage.aws.errors import translated
from aqi_service.storage.aws.http_pool import MAX_HEADER
from tests.doubles.feed_server import CHUNKED, answer, feed_server, head

CALLS = {
    "s3": lambda clients: clients.s3.get_object(Bucket="a-bucket", Key="a-key"),
    "writes": lambda clients: clients.writes.describe_table(TableName="t"),
    "lookups": lambda clients: clients.lookups.get_item(TableName="t", Key={"id": {"S": "1"}}),
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("name", CALLS)
async def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch, name: str, status: str) -> None:
    async with feed_server((answer(b"{}"),)) as elsewhere:
        async with feed_server((answer(status=status, Location=elsewhere.url("/")),)) as endpoint:
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
            async with open_clients() as clients:
                with pytest.raises(Unavailable) as caught, translated("AWS"):
                    await CALLS[name](clients)
        assert elsewhere.requests == []
        assert len(endpoint.requests) == 1
    assert f"the endpoint leads to {elsewhere.url('/')}" in str(caught.value)


async def test_a_redirect_of_s3_s_own_to_another_region_is_botocore_s_to_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved = answer(status="307 Temporary", Location="https://b/", x_amz_bucket_region="eu-west-1")
    async with feed_server((moved,)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
        async with open_clients() as clients:
            with pytest.raises(Unavailable, match=r"\(307\)"), translated("bucket"):
                await clients.s3.head_bucket(Bucket="a-bucket")


@pytest.mark.parametrize("name", CALLS)
async def test_an_answer_with_a_header_as_long_as_a_feed_s_is_read(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    longest: Any = answer(b"{}", Policy="x" * (MAX_HEADER - 1000))
    async with feed_server((longest,)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
        async with open_clients() as clients:
            await CALLS[name](clients)


async def _list() -> None:
    async with open_clients() as clients:
        await clients.s3.list_objects_v2(Bucket="a-bucket")


async def _get() -> None:
    async with open_clients() as clients:
        await clients.s3.get_object(Bucket="a-bucket", Key="a-key")


async def _put() -> None:
    async with open_cloudwatch("aqi") as sink:
        await sink.put(load_metrics(None, None, 0.0))


@pytest.mark.parametrize(
    ("call", "status"), [(_list, "200 OK"), (_list, "500 No"), (_get, "403 No"), (_put, "200 OK")]
)
async def test_an_answer_without_an_end_is_given_up_unless_it_is_an_object(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[], Awaitable[None]], status: str
) -> None:
    monkeypatch.setattr(http_pool, "MAX_ANSWER", 100_000)
    endless = (b"2710\r\n" + b" " * 10_000 + b"\r\n" for _ in iter(int, 1))
    async with feed_server((head(status, **CHUNKED), endless)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
        with pytest.raises(Unavailable, match="over 100000 bytes"), translated("AWS"):
            await call()


async def test_an_object_may_be_longer_than_any_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_pool, "MAX_ANSWER", 100_000)
    async with feed_server((answer(b"x" * 200_000),)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
        async with open_clients() as clients:
            body = (await clients.s3.get_object(Bucket="a-bucket", Key="a-key"))["Body"]
            assert len(b"".join([chunk async for chunk in body.iter_chunks(65536)])) == 200_000
