"""A file or a pipe, read ahead in a thread of its own.

One rule: nobody waits for that thread: a pipe may stall for ever.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import IO

from aqi_service.errors import FetchFailed

PIECE = 64 * 1024
"""Bytes of one read of a file or pipe."""

PIECES_AHEAD = 4
"""How many pieces are read before the load takes them."""


async def read_ahead(opened: Callable[[], IO[bytes]], what: str) -> AsyncGenerator[bytes, None]:
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
