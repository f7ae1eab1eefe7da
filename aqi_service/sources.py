"""Where a snapshot is read from: the live feed, a URL, a file or stdin.

One rule: whatever the source, a load sees an Incoming: decoded bytes that are whole or end in an error.
"""

import asyncio
import errno
import os
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from aqi_service.core.gunzip import Gunzip
from aqi_service.core.names import parse_name
from aqi_service.errors import FetchFailed
from aqi_service.feed import download, public
from aqi_service.storage import SnapshotInfo

PIECE = 64 * 1024
"""Bytes of one read of a file or pipe."""

PIECES_AHEAD = 4
"""How many pieces are read before the load takes them."""


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


@asynccontextmanager
async def open_source(
    source: str, agent: str, max_bytes: int, known: SnapshotInfo | None = None
) -> AsyncIterator[Incoming]:
    """Open a file path, `-` (stdin) or an http(s) URL.

    `max_bytes` is the largest decoded size. `known` makes the request conditional: what is kept beside the
    newest snapshot, if it is from this source. Raises FetchFailed or CutShort, here or from `chunks`.
    """
    label = public_label(source)
    if _is_url(source):
        headers = _conditions(known) if known and known.source == label else {}
        async with (
            download(source, agent, headers) as answer,
            aclosing(_decoded(answer.chunks, max_bytes)) as chunks,
        ):
            named = parse_name(label.rpartition("/")[2])
            yield Incoming(
                label, chunks, named, answer.etag, answer.last_modified, not_modified=answer.status == 304
            )
    else:
        opened = _stdin if source == "-" else partial(_file, Path(source))
        async with aclosing(_read(opened, label)) as raw, aclosing(_decoded(raw, max_bytes)) as chunks:
            yield Incoming(label, chunks, parse_name(Path(source).name))


def public_label(source: str) -> str:
    """Return the source as it may stand in logs, metadata and reports: no credentials, no query."""
    if source == "-":
        return "stdin"
    return public(source) if _is_url(source) else source


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _conditions(known: SnapshotInfo) -> dict[str, str]:
    sent = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in sent.items() if value}


async def _decoded(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncGenerator[bytes, None]:
    gunzip = Gunzip(max_bytes)
    async for chunk in chunks:
        for piece in gunzip.feed(chunk):
            yield piece
    for piece in gunzip.close():
        yield piece


def _file(path: Path) -> IO[bytes]:
    return path.open("rb", buffering=0)


def _stdin() -> IO[bytes]:
    if sys.stdin is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


async def _read(opened: Callable[[], IO[bytes]], what: str) -> AsyncGenerator[bytes, None]:
    """Read a file or pipe in a thread of its own, a few pieces ahead.

    Not in the loop's executor, which the end of the process waits for: a pipe may stall for ever.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(PIECES_AHEAD)
    left = threading.Event()

    def tell(news: bytes | OSError) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(queue.put_nowait, news)

    def pump() -> None:
        try:
            with opened() as file:
                piece = b"-"
                while piece and room.acquire() and not left.is_set():
                    piece = file.read(PIECE)
                    tell(piece)
        except OSError as error:
            tell(error)

    threading.Thread(target=pump, name="source", daemon=True).start()
    try:
        while news := await queue.get():
            if isinstance(news, OSError):
                raise FetchFailed(f"{what} cannot be read: {news.strerror or news}") from news
            yield news
            room.release()
    finally:
        left.set()
        room.release()
