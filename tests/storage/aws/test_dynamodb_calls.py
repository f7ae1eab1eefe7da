"""The short way of a call of DynamoDB: all that botocore does for one is done, and answers are the same."""

import asyncio
import gzip
import hashlib
import hmac
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import aioboto3
import orjson
import pytest
from aiobotocore.config import AioConfig
from botocore.exceptions import ChecksumError, ClientError, ProxyConnectionError

from aqi_service.errors import AqiError, NotReady, Unavailable
from aqi_service.storage.aws import http_pool
from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.dynamodb_attributes import put_request
from aqi_service.storage.aws.dynamodb_batches import write_batch
from aqi_service.storage.aws.errors import is_throttled, may_pass, translated
from tests.doubles.certificates import certificate
from tests.doubles.credential_agents import agent, good
from tests.doubles.feed_server import CHUNKED, RESET, FeedServer, Step, answer, chunked, feed_server, head
from tests.doubles.http_proxy import http_proxy
from tests.doubles.storage_items import FULL

Call = Callable[[Any], Awaitable[Any]]
DONE = answer(b"{}")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")


def write(client: Any) -> Awaitable[Any]:
    return write_batch(client, "t", {FULL.id: put_request(FULL, "S")})


async def written(monkeypatch: pytest.MonkeyPatch, *script: Step) -> FeedServer:
    """Write a batch to an endpoint that answers so, and give that."""
    async with feed_server(script) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
        async with open_clients() as clients:
            with translated("table t"):
                await write(clients.writes)
        return endpoint


async def refusal(monkeypatch: pytest.MonkeyPatch, *script: Step) -> AqiError:
    with pytest.raises(AqiError) as caught:
        await written(monkeypatch, *script)
    return caught.value


class TestWhatLeadsThere:
    async def test_a_proxy_of_the_environment_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with feed_server((DONE,)) as endpoint, http_proxy(endpoint.port) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("AWS_ENDPOINT_URL", "http://table.example.org")
            async with open_clients() as clients:
                assert await write(clients.writes) == set()
        assert proxy.asked == ["POST http://table.example.org/ HTTP/1.1"]

    @pytest.mark.parametrize(
        ("variables", "host"),
        [
            ({}, "dynamodb.us-east-1.amazonaws.com"),
            ({"AWS_REGION": "eu-west-2"}, "dynamodb.eu-west-2.amazonaws.com"),
            ({"AWS_USE_FIPS_ENDPOINT": "true"}, "dynamodb-fips.us-east-1.amazonaws.com"),
            ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "dynamodb.us-east-1.api.aws"),
            ({"AWS_ACCOUNT_ID": "123456789012"}, "123456789012.ddb.us-east-1.amazonaws.com"),
        ],
    )
    async def test_the_endpoint_is_the_one_that_awss_settings_ask_for(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], host: str
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        async with http_proxy(0, "a:password") as proxy:  # which it is not given: it only notes who is wanted
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            async with open_clients() as clients:
                with pytest.raises(ProxyConnectionError):
                    await write(clients.writes)
        assert proxy.asked == [f"CONNECT {host}:443 HTTP/1.1"]

    async def test_an_authority_of_the_owners_is_trusted_where_it_is_named_and_no_other(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem := certificate(tmp_path))
        async with feed_server((DONE,), tls=context) as endpoint:
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
            async with open_clients() as clients:
                with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"), translated("table t"):
                    await write(clients.writes)
            assert endpoint.requests == []
            monkeypatch.setenv("AWS_CA_BUNDLE", str(pem))
            async with open_clients() as clients:
                assert await write(clients.writes) == set()


def signature(headers: Mapping[str, str], body: bytes, secret: str) -> str:
    """Sign a request as AWS says that it is to be done (Signature Version 4)."""
    said = headers["authorization"]
    scope = said.partition("Credential=")[2].partition(",")[0].partition("/")[2]
    names = said.partition("SignedHeaders=")[2].partition(",")[0]
    lines = (f"{name}:{headers[name]}" for name in names.split(";"))
    asked = "\n".join(("POST", "/", "", *lines, "", names, hashlib.sha256(body).hexdigest()))
    digest = hashlib.sha256(asked.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{digest}"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


class TestSignature:
    async def test_it_is_the_one_that_aws_makes_of_what_arrives(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        [request] = (await written(monkeypatch, DONE)).requests
        body = b'{"RequestItems":{"t":[%b]}}' % put_request(FULL, "S")
        said = request.headers["authorization"]
        assert said.endswith(f"Signature={signature(request.headers, body, 'wJalrXUtnFEMI')}")
        assert "content-type;host;x-amz-date;x-amz-target" in said

    async def test_a_session_token_is_sent_and_signed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLE")
        [request] = (await written(monkeypatch, DONE)).requests
        assert request.headers["x-amz-security-token"] == "FwoGZXIvYXdzEXAMPLE"
        assert "x-amz-security-token" in request.headers["authorization"].partition("SignedHeaders=")[2]

    async def test_credentials_that_are_about_to_expire_are_renewed_before_a_request(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        first, second = good(timedelta(minutes=1)) | {"AccessKeyId": "ASIAFIRST"}, good()
        with agent(first, second) as found:
            for name, value in found.container.items():
                monkeypatch.setenv(name, value)
            [request] = (await written(monkeypatch, DONE)).requests
        assert len(found.asked) == 2
        assert "Credential=ASIAEXAMPLE/" in request.headers["authorization"]

    async def test_a_clock_that_is_wrong_is_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = {"__type": "x#InvalidSignatureException", "message": "Signature expired: 2026 is now earlier"}
        error = await refusal(monkeypatch, answer(orjson.dumps(said), "400 Bad Request"))
        assert isinstance(error, NotReady)


class TestAnswer:
    async def test_what_is_throttled_is_known_as_such(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slower"}
        error = await refusal(monkeypatch, answer(orjson.dumps(said), "400 Bad Request"))
        assert is_throttled(error)
        assert may_pass(error)

    @pytest.mark.parametrize(
        "steps",
        [
            (RESET,),
            (head(Content_Length=9), b"{}"),
            (head(Content_Length=9), b"{}", RESET),
            (head(**CHUNKED), chunked(b"{}", last=False)),
            (b"220 smtp\r\n\r\n",),
            (answer(b"{}", x_amz_crc32=1),),
            (answer(b"{}", x_amz_crc32="none"),),
            (answer(gzip.compress(b"{}"), Content_Encoding="gzip"),),
            (answer(b"<html>", "503 Service Unavailable"),),
            (answer(b"", "500 Oh"),),
        ],
        ids=[
            "reset", "short", "short and reset", "no last chunk", "no HTTP", "other sum", "no sum", "gzip",
            "html", "500",
        ],
    )  # fmt: skip
    async def test_one_that_is_broken_is_worth_another_try(
        self, monkeypatch: pytest.MonkeyPatch, steps: tuple[Step, ...]
    ) -> None:
        error = await refusal(monkeypatch, *steps)
        assert isinstance(error, Unavailable)
        assert may_pass(error)

    async def test_one_with_another_checksum_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        error = await refusal(monkeypatch, answer(b"{}", x_amz_crc32=1))
        assert isinstance(error.__cause__, ChecksumError)

    async def test_one_with_its_own_checksum_is_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        await written(monkeypatch, answer(b"{}", x_amz_crc32=2745614147))

    async def test_one_without_end_is_given_up_and_its_connection_closed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http_pool, "MAX_ANSWER", 100_000)
        sent = iter(int, 1)
        endless = (b"2710\r\n" + b" " * 10_000 + b"\r\n" for _ in sent)
        error = await refusal(monkeypatch, head(**CHUNKED), endless)  # the test ends: somebody closed
        assert "over 100000 bytes" in str(error)

    async def test_connections_are_used_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        ports = []

        async def served(reader: Any, writer: Any) -> None:
            ports.append(writer.get_extra_info("peername"))
            while (line := await reader.readuntil(b"\r\n\r\n")) and b"POST" in line:
                length = int(line.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                await reader.readexactly(length)
                writer.write(kept)

        async with await asyncio.start_server(served, "127.0.0.1", 0) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            async with open_clients() as clients:
                for _ in range(3):
                    await write(clients.writes)
        assert len(ports) == 1


CALLED: list[tuple[str, dict[str, Any]]] = [
    ("get_item", {"TableName": "t", "Key": {"id": {"S": "1"}}}),
    ("put_item", {"TableName": "t", "Item": {"id": {"S": "1"}}}),
    ("delete_item", {"TableName": "t", "Key": {"id": {"S": "1"}}}),
    ("describe_table", {"TableName": "t"}),
]


@pytest.mark.parametrize("said", [b"<html>sign in</html>", b"", b"[]", b'{"Item":'])
@pytest.mark.parametrize(("call", "asked"), CALLED)
async def test_an_answer_of_something_else_is_none(
    monkeypatch: pytest.MonkeyPatch, call: str, asked: dict[str, Any], said: bytes
) -> None:
    async with feed_server((answer(said),)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
        async with open_clients() as clients:
            with pytest.raises(Unavailable, match="answer is not DynamoDB's"):
                await getattr(clients.lookups, call)(**asked)


TABLE = {"Table": {"TableName": "t", "CreationDateTime": 1700000000.5, "ItemCount": 3}}
GOT = {"Item": {"id": {"S": "1"}, "raw": {"B": "eA=="}, "many": {"NS": ["1", "2"]}}}
CALLS: list[tuple[str, dict[str, Any], Any, str]] = [
    ("describe_table", {"TableName": "t"}, TABLE, "200 OK"),
    ("get_item", {"TableName": "t", "Key": {"id": {"S": "1"}}}, GOT, "200 OK"),
    ("put_item", {"TableName": "t", "Item": {"id": {"S": "1"}}}, {}, "200 OK"),
    ("put_item", {"TableName": "t", "Item": {"id": {"S": "1"}}}, {"__type": "a#B", "Message": "c"}, "400 no"),
    ("put_item", {"TableName": "t", "Item": {"id": {"S": "1"}}}, {"no": "type"}, "500 no"),
]


@pytest.mark.parametrize(("call", "asked", "said", "status"), CALLS)
async def test_the_answer_is_what_botocore_gives(
    monkeypatch: pytest.MonkeyPatch, call: str, asked: dict[str, Any], said: Any, status: str
) -> None:
    async def asking(client: Any) -> Any:
        try:
            given = await getattr(client, call)(**asked)
        except ClientError as error:
            given = {**error.response, "class": type(error).__name__}
        return {name: value for name, value in given.items() if name != "ResponseMetadata"}

    script = (answer(orjson.dumps(said), status, x_amzn_RequestId="r"),)
    async with feed_server(script) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url(""))
        session, once = (
            aioboto3.Session(region_name="us-east-1"),
            AioConfig(retries={"total_max_attempts": 1}),
        )
        async with open_clients() as clients, session.client("dynamodb", config=once) as theirs:
            assert await asking(clients.writes) == await asking(theirs)
