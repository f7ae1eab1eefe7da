"""What holds for all connections to AWS: where they lead, and how long a header may be."""

from typing import Any

import pytest

from aqi_service.errors import Unavailable
from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.errors import translated
from aqi_service.storage.aws.http_pool import MAX_HEADER
from tests.doubles.feed_server import answer, feed_server

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
