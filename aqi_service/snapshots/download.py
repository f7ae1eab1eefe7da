"""HTTP download of a snapshot: an async iterator of bytes that is whole or ends in an error.

One rule: aiohttp's errors stop here; callers see only FetchFailed and CutShort.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from aqi_service.core.redaction import redact
from aqi_service.errors import CutShort, FetchFailed
from aqi_service.snapshots.redirects import Requests, VettingResolver, public_url

CHUNK = 64 * 1024
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
"""How many seconds the answer's headers may take, redirects included."""

READ_SECONDS = 30.0
RATE_WINDOW = 60.0
LEAST_RATE = 1024
"""With fewer bytes a second, on average over RATE_WINDOW of waiting, a download counts as stalled."""

MAX_HEADER = 64 * 1024
"""Most bytes of one header of an answer; a CDN's cookies and policies have had 9 kB."""

_AS_IS = frozenset({"identity", "aws-chunked", ""})
"""Encodings that leave a body as it is: some S3 servers keep the encoding with which an object was sent."""


@dataclass(frozen=True, slots=True)
class Download:
    """An answer of the source.

    Attributes:
        status: 200, or 304 if the archived snapshot is still the newest.
        chunks: the body as it came over the wire (gzip stays gzip).
        etag: its `ETag`, or empty.
        last_modified: its `Last-Modified`, or empty.
        length: its `Content-Length` if the body is not packed, or None.
        clock: the time of the source's clock when the answer came (epoch seconds), or None if not given.
    """

    status: int
    chunks: AsyncIterator[bytes]
    etag: str
    last_modified: str
    length: int | None
    clock: float | None = None


@asynccontextmanager
async def download(
    url: str, agent: str, headers: Mapping[str, str] | None = None, names: AbstractResolver | None = None
) -> AsyncIterator[Download]:
    """Ask for `url` with User-Agent `agent`; `headers` make the request conditional.

    `names` finds addresses of names, by default as the system does. Raises FetchFailed for a status other
    than 200 (or 304 if conditional), and if there is no answer.
    """
    sent = {"User-Agent": agent, "Accept-Encoding": "gzip", **(headers or {})}
    resolver = VettingResolver(names or aiohttp.ThreadedResolver())
    async with _session(resolver, sent) as session:
        with _translated(url):
            async with asyncio.timeout(ANSWER_SECONDS):
                response = await Requests(session, resolver, URL(url)).get()
        async with response, aclosing(_chunks(response, url)) as chunks:
            _check(response, conditional=bool(headers))
            etag, last_modified = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
            length = response.content_length if _encodings(response) <= _AS_IS else None
            clock = _clock(response.headers.get("Date", ""), response.headers.get("Age", "0"))
            yield Download(response.status, chunks, etag, last_modified, length, clock)


def _session(resolver: AbstractResolver, headers: Mapping[str, str]) -> aiohttp.ClientSession:
    """Open a session that sends no cookies, and nothing from `~/.netrc`."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
        auto_decompress=False,
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
    )


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientPayloadError as error:
        raise CutShort(f"{public_url(url)}: the transfer broke off ({_why(error)})") from error
    except (TimeoutError, OSError) as error:
        raise FetchFailed(f"{public_url(url)} does not answer: {_why(error)}") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise FetchFailed(f"{public_url(url)} cannot be read: {_why(error)}") from error


def _why(error: Exception) -> str:
    """Return aiohttp's error on one line, without the parts of URL and answer that it repeats.

    Its TLS setting is left out too, since aiohttp names it even without TLS.
    """
    message = getattr(error, "message", None)
    text = " ".join((message if isinstance(message, str) else str(error)).replace(" ssl:default", "").split())
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        text = text.partition(":")[0]  # behind it stands what the peer sent
    is_of_the_url = "://" in text or (isinstance(error, ValueError) and not isinstance(error, OSError))
    return redact(text)[:200] if text and not is_of_the_url else type(error).__name__


def _check(response: aiohttp.ClientResponse, *, conditional: bool) -> None:
    if response.status != 200 and not (response.status == 304 and conditional):
        raise FetchFailed(
            f"{public_url(str(response.url))} answers {_named(response.status)}",
            _retry_after(response.headers.get("Retry-After", ""), response.headers.get("Date", "")),
        )
    if _encodings(response) - _AS_IS - {"gzip", "x-gzip"}:
        told = ", ".join(response.headers.getall("Content-Encoding"))[:20]
        raise FetchFailed(
            f"{public_url(str(response.url))} answers in an encoding that nobody asked for: {told!r}"
        )


def _encodings(response: aiohttp.ClientResponse) -> set[str]:
    """Return the answer's content encodings, in small letters."""
    told = ",".join(response.headers.getall("Content-Encoding", []))
    return {each.strip().lower() for each in told.split(",")}


def _named(status: int) -> str:
    """Return a status with its standard name, not with the peer's words."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _retry_after(value: str, date: str) -> float | None:
    """Read Retry-After (RFC 9110, 10.2.3): seconds, or an HTTP date counted from the answer's own Date."""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        wait = (parsedate_to_datetime(value) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return None
    return max(0.0, wait)


def _clock(date: str, age: str) -> float | None:
    """Return the source's time: Date plus Age, the seconds that a cache kept the answer (RFC 9111, 4.2.3).

    None if either cannot be read: an answer may have been in a cache for days.
    """
    if not (age.isascii() and age.isdigit()):
        return None
    try:
        said = parsedate_to_datetime(date)
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() + float(age[:9])
    except (ValueError, TypeError, OverflowError):
        return None


async def _chunks(response: aiohttp.ClientResponse, url: str) -> AsyncGenerator[bytes, None]:
    clock = asyncio.get_running_loop().time
    waited, received, asked = 0.0, 0, clock()
    with _translated(url):
        async for chunk in response.content.iter_chunked(CHUNK):
            waited += clock() - asked  # for the source: a table that holds the load up is not its fault
            received += len(chunk)
            if waited >= RATE_WINDOW:
                if received < LEAST_RATE * RATE_WINDOW:
                    raise FetchFailed(f"{public_url(url)} sends under {LEAST_RATE} bytes a second")
                waited, received = 0.0, 0
            yield chunk
            asked = clock()
