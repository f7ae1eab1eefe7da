"""Answers that are made once for all clients: cached as gzip, and unpacked for clients that do not accept it.

One rule: only one is made at a time, and it is packed off the event loop.
"""

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

GZIP = 16 + zlib.MAX_WBITS
LEVEL = 6

CHUNK = 256 * 1024
"""Bytes that are packed, or unpacked, in one turn of a thread."""


@dataclass(frozen=True, slots=True)
class PackedBody:
    """A body as gzip, its unpacked length, its ETag, and whether it is still valid."""

    data: bytes
    length: int
    tag: str
    holds: Callable[[], bool]

    async def unpacked(self) -> AsyncIterator[bytes]:
        """Give the body without gzip, piece by piece."""
        unpack, data = zlib.decompressobj(GZIP), self.data
        while data and not unpack.eof:
            piece = await asyncio.to_thread(unpack.decompress, data, CHUNK)
            data = unpack.unconsumed_tail
            yield piece


class AnswerCache:
    """Bodies by the key of what they answer."""

    def __init__(self) -> None:
        self._cached: dict[object, PackedBody] = {}
        self._turn = asyncio.Lock()

    async def get(self, key: object, make: Callable[[], Awaitable[PackedBody]]) -> PackedBody:
        """Return the cached body of a key, or make it."""
        async with self._turn:
            cached = self._cached.get(key)
            if cached is None or not cached.holds():
                self._cached.pop(key, None)
                cached = self._cached[key] = await make()
            return cached


async def pack(pieces: Iterable[bytes], holds: Callable[[], bool]) -> PackedBody:
    """Make a body from pieces, each made in its own turn of the event loop."""
    packing, digest = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP), hashlib.sha256()
    out, length = bytearray(), 0
    for chunk in _chunks(pieces):
        if chunk:
            digest.update(chunk)
            length += len(chunk)
            out += await asyncio.to_thread(packing.compress, chunk)
        await asyncio.sleep(0)
    out += await asyncio.to_thread(packing.flush)
    return PackedBody(bytes(out), length, f'W/"{digest.hexdigest()[:32]}"', holds)


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Give pieces joined to CHUNK or more; give None after each piece until there are enough."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) < CHUNK:
            yield b""
        else:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)
