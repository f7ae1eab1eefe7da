"""Bodies of answers: made in pieces, with an ETag from their content, sent as fast as a peer takes them.

One rule: an ETag changes exactly when the content does; time that passes is no change.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from aqi_service.web.answer_cache import PackedBody

SMALL = 64 * 1024
"""An answer of at most this many bytes is sent in one piece; a larger one waits for its peer."""

SEND_SECONDS = 60.0
"""How many seconds a peer may take for a whole answer."""

_AGE = re.compile(rb'"age_seconds":-?\d+')


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes to send, and their weak ETag."""

    pieces: tuple[bytes, ...]
    tag: str

    @property
    def length(self) -> int:
        """Its length in bytes."""
        return sum(map(len, self.pieces))


async def body_of(pieces: Iterable[bytes]) -> Body:
    """Make a body, with one piece in each turn of the event loop."""
    made, digest = [], hashlib.sha256()
    for piece in pieces:
        digest.update(_AGE.sub(b"", piece))
        made.append(piece)
        await asyncio.sleep(0)
    return Body(tuple(made), f'W/"{digest.hexdigest()[:32]}"')


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Tell whether a peer already has the content, by its If-None-Match (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in known or tag.removeprefix("W/") in known


async def send(request: web.Request, body: Body, headers: dict[str, str]) -> web.StreamResponse:
    """Send a body, or say that it is known; return the response."""
    if brief := without_body(request, body.tag, body.length, headers):
        return brief
    if body.length <= SMALL:
        return web.Response(body=b"".join(body.pieces), headers=headers)
    return await _stream(request, body.length, _each(body.pieces), headers)


async def send_packed(
    request: web.Request, packed: PackedBody, headers: dict[str, str]
) -> web.StreamResponse:
    """Send a body as gzip, or unpacked to a peer that does not accept gzip."""
    headers = headers | {"Vary": "Accept-Encoding"}
    takes_gzip = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    length = len(packed.data) if takes_gzip else packed.length
    if takes_gzip:
        headers |= {"Content-Encoding": "gzip"}
    if brief := without_body(request, packed.tag, length, headers):
        return brief
    return await _stream(request, length, _each((packed.data,)) if takes_gzip else packed.unpacked(), headers)


def accepts_gzip(header: str) -> bool:
    """Tell whether an Accept-Encoding accepts gzip (RFC 9110, 12.5.3)."""
    for each in header.lower().split(","):
        name, _, quality = each.replace(" ", "").partition(";")
        if name in ("gzip", "x-gzip"):
            return not re.fullmatch(r"q=0(\.0*)?", quality)
    return False


def without_body(request: web.Request, tag: str, length: int, headers: dict[str, str]) -> web.Response | None:
    """Return the answer to a peer that knows the content, or wants only the head; None for others."""
    if is_known(tag, request.headers.get("If-None-Match")):
        return web.Response(status=304, headers=without_content(headers))
    if request.method == "HEAD":
        return web.Response(headers=headers | {"Content-Length": str(length)})
    return None


async def _each(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _stream(
    request: web.Request, length: int, pieces: AsyncIterator[bytes], headers: dict[str, str]
) -> web.StreamResponse:
    """Send pieces as fast as the peer takes them; after SEND_SECONDS it is given up."""
    response = web.StreamResponse(headers=headers)
    response.content_length = length
    with suppress(ConnectionError):  # the peer is gone
        await response.prepare(request)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                async for piece in pieces:
                    for start in range(0, len(piece), SMALL):
                        await response.write(piece[start : start + SMALL])
        except TimeoutError:
            if request.transport:
                request.transport.abort()
    return response


def without_content(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of an answer without content."""
    return {
        name: value for name, value in headers.items() if name not in ("Content-Type", "Content-Encoding")
    }
