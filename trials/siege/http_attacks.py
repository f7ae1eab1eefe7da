"""A crowd at the HTTP port, beside the storm at the other one: each peer attacks again and again.

One rule: whatever the server does with a peer is right; what it costs the process is measured elsewhere.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from random import Random

HEAD = b"GET /metrics HTTP/1.1\r\nHost: a\r\n"
PIECE = 64 * 1024
MOST_PIECES = 64
"""Pieces that an attack sends at most: 4 MiB."""

LONG = 5.0
"""Seconds after which a peer has attacked for long enough."""

Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Random], Awaitable[None]]


async def malformed_chunks(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Random) -> None:
    """Announce chunks and send none."""
    await _pour(writer, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n")


async def a_huge_chunk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Random) -> None:
    """Send a chunk without end."""
    await _pour(writer, HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", b"x")


async def a_long_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Random) -> None:
    """Send a body without end."""
    await _pour(writer, HEAD + b"Content-Length: 99999999999\r\n\r\n", b"x")


async def a_head_without_end(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Random) -> None:
    """Send headers and headers."""
    await _pour(writer, HEAD, b"X: y\r\n")


async def noise(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: Random) -> None:
    """Send what is no HTTP."""
    await _pour(writer, chance.randbytes(200), chance.randbytes(100))


async def pipelined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: Random) -> None:
    """Ask for metrics on and on, and perhaps read none."""
    if chance.random() < 0.5:
        writer.write((HEAD + b"\r\n") * 50)
        await reader.read(PIECE)
    await _pour(writer, b"", HEAD + b"\r\n")


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Random) -> None:
    """Begin, and wait to be sent away."""
    writer.write(HEAD)
    await reader.read()


ATTACKS: dict[Attack, int] = {
    malformed_chunks: 30,
    a_huge_chunk: 10,
    a_long_body: 10,
    a_head_without_end: 15,
    noise: 10,
    pipelined: 20,
    says_nothing: 5,
}
"""And their weight."""


async def _pour(writer: asyncio.StreamWriter, start: bytes, piece: bytes) -> None:
    writer.write(start)
    for _ in range(MOST_PIECES):
        writer.write(piece * (PIECE // len(piece)))
        await writer.drain()


@dataclass
class Crowd:
    """Peers that attack; `ends` counts their attacks."""

    port: int
    ends: int = 0

    @contextlib.asynccontextmanager
    async def attacking(self, number: int, seed: int) -> AsyncIterator[None]:
        """Have so many attack beside what happens inside."""
        chances = (Random(f"{seed} {each}") for each in range(number))  # noqa: S311 - must be replayable
        tasks = [asyncio.create_task(self._peer(chance)) for chance in chances]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _peer(self, chance: Random) -> None:
        while True:
            [attack] = chance.choices(list(ATTACKS), list(ATTACKS.values()))
            with contextlib.suppress(OSError):  # sent away; a TimeoutError is one as well
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    async with asyncio.timeout(LONG):
                        await attack(reader, writer, chance)
                finally:
                    writer.transport.abort()
            self.ends += 1
            await asyncio.sleep(0)
