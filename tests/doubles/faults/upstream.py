"""The emulator behind the shim: requests go on to it as they came, and its answers come back.

One rule: nothing is decided here; headers that belong to one connection are left out, all others stay.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from tests.doubles.faults.answers import Answer, as_json

HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "expect",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of one connection (RFC 9110, 7.6.1), and those that the HTTP library writes itself."""

AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
CONDITIONS = ("If-None-Match", "If-Match")
PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came: path and query exactly so, Host included."""

    method: str
    raw_path: str
    headers: Mapping[str, str]
    body: bytes = b""


class Upstream:
    """A connection for each request, so that none is reset for having been idle.

    Two endpoints with a blank between them are one for S3 and one for DynamoDB.
    """

    def __init__(self, endpoint: str) -> None:
        endpoints = [each.rstrip("/") for each in endpoint.split()]
        self._s3, self._dynamodb = endpoints[0], endpoints[-1]
        self._session: Any = None
        self._one_condition = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=AUTOMATIC,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def send(self, request: Request, *, stream: bool = False) -> Answer:
        """Send a request on; with `stream` the answer's body comes as an iterator, to be read to its end.

        Conditional writes go one after the other: moto looks and writes in two steps, S3 in one.
        """
        if request.method in ("PUT", "POST") and any(name in request.headers for name in CONDITIONS):
            async with self._one_condition:
                return await self._send(request, stream=stream)
        return await self._send(request, stream=stream)

    async def _send(self, request: Request, *, stream: bool) -> Answer:
        answer = await self._session.request(
            request.method,
            URL(self._endpoint_of(request) + request.raw_path, encoded=True),
            headers=kept(request.headers),
            data=io.BytesIO(request.body) if request.body else None,
            allow_redirects=False,
        )
        headers = kept(answer.headers)
        if request.method == "HEAD" or stream:
            headers["Content-Length"] = answer.headers.get("Content-Length", "0")
        return Answer(answer.status, headers, await _begun(answer) if stream else await answer.read())

    def _endpoint_of(self, request: Request) -> str:
        return self._dynamodb if "X-Amz-Target" in request.headers else self._s3

    async def ask_table(self, table: str, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Return a table's description; an empty one if there is no such table."""
        body, _ = as_json({"TableName": table})
        asked = {**headers, "X-Amz-Target": "DynamoDB_20120810.DescribeTable"}
        async with self._session.post(self._dynamodb, headers=kept(asked), data=body) as answer:
            described = await answer.json(content_type=None)
        table_said: Mapping[str, Any] = described.get("Table", {})
        return table_said


def kept(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the headers that go on."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP)


async def _begun(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Return what yields the body, and gives the connection back when it is closed, read or not."""
    pieces = _pieces(answer)
    await anext(pieces)  # what has not begun does nothing when it is closed
    return pieces


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    async with answer:
        yield b""
        async for piece in answer.content.iter_chunked(PIECE):
            yield piece
