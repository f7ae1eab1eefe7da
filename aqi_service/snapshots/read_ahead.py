"""Does blocking reads, such as of a file or a pipe, ahead in a thread of its own.

One rule: nobody waits for the end of that thread: a pipe may stall for ever.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from typing import IO, Generic, TypeVar

from aqi_service.errors import FetchFailed

PIECE = 64 * 1024
"""Bytes of one read of a file or pipe."""

PIECES_AHEAD = 4
"""How many pieces are read before the load takes them."""

Piece = TypeVar("Piece")


class _News(Generic[Piece]):
    """A piece, or the reason for none: the end, or an error."""

    __slots__ = ("error", "pieces")

    def __init__(self, *pieces: Piece, error: Exception | None = None) -> None:
        self.pieces, self.error = pieces, error


async def read_ahead(opened: Callable[[], IO[bytes]], what: str) -> AsyncGenerator[bytes, None]:
    """Read a file or pipe in a thread of its own, a few pieces ahead."""

    def pieces() -> Iterator[bytes]:
        with opened() as file:
            while piece := file.read(PIECE):
                yield piece

    async with aclosing(ahead(pieces, what)) as found:
        async for piece in found:
            yield piece


async def ahead(begun: Callable[[], Iterator[Piece]], what: str) -> AsyncGenerator[Piece, None]:
    """Give the pieces of a blocking iterator, which runs in a thread of its own, a few pieces ahead.

    It does not run in the loop's executor, for which the end of the process waits: a pipe may stall for ever.
    An OSError becomes a FetchFailed that says that `what`, or the file that the error names, cannot be read.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[_News[Piece]] = asyncio.Queue()
    room = threading.Semaphore(PIECES_AHEAD)
    left = threading.Event()

    def tell(news: _News[Piece]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(queue.put_nowait, news)

    def pump() -> None:
        error: Exception | None = None
        try:
            pieces = begun()
            while room.acquire() and not left.is_set():
                try:
                    tell(_News(next(pieces)))
                except StopIteration:
                    break
        except Exception as raised:  # whatever it is, the reader is to have it
            error = raised
        tell(_News(error=error))

    threading.Thread(target=pump, name="source", daemon=True).start()
    try:
        while (news := await queue.get()).pieces:
            yield news.pieces[0]
            room.release()
        _raise(news.error, what)
    finally:
        left.set()
        room.release()


def _raise(error: Exception | None, what: str) -> None:
    if isinstance(error, OSError):
        raise FetchFailed(f"{error.filename or what} cannot be read: {error.strerror or error}") from error
    if error:
        raise error
