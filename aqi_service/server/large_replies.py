"""Replies that may have many rows: only few are in memory at a time, even if peers read slowly.

One rule: a slot is held from before a reply is made until the system has taken all of it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aqi_service.errors import Busy

SLOTS = 16
"""Large replies under way at the same time, for all peers: at most 64 MiB (16 of MAX_REPLY)."""

HTTP_SLOTS = 6
"""The same over HTTP, where JSON with the same rows is larger: at most some 60 MB."""

PATIENCE_SECONDS = 5.0
"""How many seconds a request waits for a slot."""


class LargeReplies:
    """The slots of a server."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._free = asyncio.Semaphore(slots)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot inside the block; raises Busy if none becomes free in time."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise Busy("too many large replies are under way; try again later, or ask for less") from None
        try:
            yield
        finally:
            self._free.release()
