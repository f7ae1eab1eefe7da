"""Where a snapshot is read from: the live feed, a URL, a file or stdin.

One rule: whatever the source, a load sees an Incoming: decoded bytes that are whole or end in an error.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aqi_service.core.gunzip import Gunzip
from aqi_service.core.names import parse_name
from aqi_service.errors import FetchFailed
from aqi_service.feed import download, public

READ_SIZE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Incoming:
    """A snapshot on its way in.

    Attributes:
        label: where it comes from, without credentials or query.
        chunks: the JSON text, decoded.
        named: its name and time (epoch seconds) if the source is named like a snapshot.
        etag: of an HTTP source.
        last_modified: of an HTTP source.
        not_modified: True when the source says that nothing is newer than what the condition named.
    """

    label: str
    chunks: AsyncIterator[bytes]
    named: tuple[str, int] | None = None
    etag: str = ""
    last_modified: str = ""
    not_modified: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """The validators of what is archived already, sent with a request for something newer."""

    source: str
    etag: str
    last_modified: str


@asynccontextmanager
async def open_source(
    source: str, agent: str, max_bytes: int, condition: Condition | None = None
) -> AsyncIterator[Incoming]:
    """Open a file path, `-` (stdin) or an http(s) URL.

    `max_bytes` is the largest decoded size. Raises FetchFailed or CutShort, here or from `chunks`.
    """
    if source.startswith(("http://", "https://")):
        headers = _headers(condition) if condition and condition.source == public(source) else {}
        async with download(source, agent, headers) as answer:
            yield Incoming(
                public(source),
                _decoded(answer.chunks, max_bytes),
                parse_name(public(source).rpartition("/")[2]),
                answer.etag,
                answer.last_modified,
                answer.status == 304,
            )
    elif source == "-":
        yield Incoming(public_label(source), _decoded(_piped(sys.stdin.buffer), max_bytes))
    else:
        path = Path(source)
        with _opened(path) as file:
            yield Incoming(source, _decoded(_read(file), max_bytes), parse_name(path.name))


def public_label(source: str) -> str:
    """Return the source as it may stand in logs, metadata and reports: no credentials, no query."""
    if source == "-":
        return "stdin"
    return public(source) if "://" in source else source


def _headers(condition: Condition) -> dict[str, str]:
    sent = {"If-None-Match": condition.etag, "If-Modified-Since": condition.last_modified}
    return {name: value for name, value in sent.items() if value}


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise FetchFailed(f"{path} cannot be read: {error.strerror or error}") from error


async def _decoded(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    gunzip = Gunzip(max_bytes)
    async for chunk in chunks:
        for piece in gunzip.feed(chunk):
            yield piece
    for piece in gunzip.close():
        yield piece


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            chunk = await asyncio.to_thread(file.read, READ_SIZE)
        except OSError as error:
            raise FetchFailed(f"{file.name} cannot be read: {error.strerror or error}") from error
        if not chunk:
            return
        for piece in _pieces(chunk):
            yield piece


def _pieces(chunk: bytes, size: int = 64 * 1024) -> Iterator[bytes]:
    """Cut what was read at once into pieces between which the event loop gets its turn."""
    for start in range(0, len(chunk), size):
        yield chunk[start : start + size]


async def _piped(stream: IO[bytes]) -> AsyncIterator[bytes]:
    """Read a pipe or terminal in a thread that does not keep the process alive when it is told to stop."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=4)

    def pump() -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = stream.read(64 * 1024)
            except OSError:
                chunk = b""  # what is missing shows: the document is not closed
            asyncio.run_coroutine_threadsafe(queue.put(chunk), loop).result()

    threading.Thread(target=pump, name="stdin", daemon=True).start()
    while chunk := await queue.get():
        yield chunk
