"""The shim hands a request on as it came, byte for byte, and an answer as the emulator gave it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import pytest

from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import answer, chunked
from tests.doubles.wire_fixtures import Peer, scripted

NOISE = Random(3).randbytes(70_000)  # noqa: S311  # must be replayable
TARGET = "DynamoDB_20120810.PutItem"


@dataclass
class Emulator:
    """A server that keeps what it is asked, raw, and says one thing."""

    says: bytes = answer(b"done", ETag='"e"', x_amz_thing="a, b")
    asked: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def talk(self, peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await peer.reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
        self.asked.append((head, body))
        described = b'{"Table":{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}}'
        await peer.send(answer(described) if b"DescribeTable" in head else self.says)


@asynccontextmanager
async def behind(emulator: Emulator) -> AsyncIterator[Shim]:
    async with scripted(emulator.talk) as port, Shim(f"http://127.0.0.1:{port}") as shim:
        yield shim


async def said(shim: Shim, request: bytes) -> bytes:
    """Send a request; give what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(shim.endpoint.rpartition(":")[2]))
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()


def asking(line: str, body: bytes, *more: str) -> bytes:
    lines = [line, "Host: the.host", "Connection: close", f"Content-Length: {len(body)}", *more, "", ""]
    return "\r\n".join(lines).encode() + body


def headers(head: bytes) -> list[bytes]:
    """Give the header lines that are not of one connection alone, in order."""
    lines = head.strip().split(b"\r\n")[1:]
    return [line for line in lines if line.split(b":")[0].lower() not in (b"connection", b"content-length")]


@pytest.mark.parametrize(
    "line",
    [
        "PUT /bucket/a%2Fb%20c+d//e?partNumber=1&uploadId=x%2By HTTP/1.1",
        "PUT /bucket/%E2%82%AC/./..%2f HTTP/1.1",
        "GET /bucket?list-type=2&prefix=data_&continuation-token=a%3D%3D HTTP/1.1",
    ],
)
async def test_path_query_headers_and_body_reach_the_emulator_as_they_came(line: str) -> None:
    emulator = Emulator()
    more = ("X-Amz-Date: 20231220T180105Z", "x-amz-meta-a: 1", "x-amz-meta-a: 2", "Content-Type: a/b")
    async with behind(emulator) as shim:
        await said(shim, asking(line, NOISE, *more))
    [(head, body)] = emulator.asked
    assert head.split(b"\r\n")[0].decode() == line
    assert headers(head) == [b"Host: the.host", *(each.encode() for each in more)]
    assert body == NOISE


async def test_a_body_in_chunks_reaches_the_emulator_whole() -> None:
    emulator = Emulator()
    begun = b"PUT /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with behind(emulator) as shim:
        await said(shim, begun + chunked(NOISE[:10], NOISE[10:]))
    assert [body for _, body in emulator.asked] == [NOISE]


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        (b'{ "TableName":"t",\n"Item":{"id":{"S":"\\u00e9\xc3\xa9"},"p":{"N":"1.5"}} }', None),
        (b'{"TableName":"t","Item":{"id":{"S":"1"},"p":{"N":"1.50"}}}', "1.5"),
    ],
    ids=["as it came", "with a number that AWS writes otherwise"],
)
async def test_the_json_of_a_request_is_rewritten_only_where_aws_understands_it_otherwise(
    sent: bytes, number: str | None
) -> None:
    emulator = Emulator(answer(b"{}"))
    async with behind(emulator) as shim:
        await said(shim, asking("POST / HTTP/1.1", sent, f"X-Amz-Target: {TARGET}"))
    [body] = [body for head, body in emulator.asked if TARGET.encode() in head]
    if number is None:
        assert body == sent
    else:
        assert json.loads(body)["Item"]["p"] == {"N": number}


async def test_the_answer_comes_back_with_its_status_headers_and_bytes() -> None:
    says = answer(NOISE, "206 Partial Content", Content_Range="bytes 5-9/10", ETag='"e"', Content_Type="a/b")
    async with behind(Emulator(says)) as shim:
        got = await said(shim, asking("GET /b/k HTTP/1.1", b"", "Range: bytes=5-"))
        [record] = shim.journal.of("GetObject")
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 ")
    there = {line.lower() for line in head.split(b"\r\n")}
    assert {b"content-range: bytes 5-9/10", b'etag: "e"', b"content-type: a/b"} <= there
    assert (body, record.call.range) == (NOISE, "bytes=5-")


async def test_a_request_with_a_signature_is_known_by_its_access_key() -> None:
    signed = (
        "Authorization: AWS4-HMAC-SHA256 Credential=first/20231220/us-east-1/s3/aws4_request, Signature=0"
    )
    async with behind(Emulator()) as shim:
        await said(shim, asking("GET /b/k HTTP/1.1", b"", signed))
        await said(shim, asking("GET /b/k HTTP/1.1", b""))
        assert [record.call.sender for record in shim.journal.records] == ["first", ""]
        assert len(shim.journal.of("GetObject", sender="first")) == 1
