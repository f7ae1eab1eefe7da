"""A client that looks records up all the time, at one daemon and another, and knows what may be answered.

One rule: an answer is a row of a generation that was published by then, no older than one that the same
daemon answered before, or says that there is none, or that the table cannot be read now. (Another daemon may
still see the snapshot before: it learns of one when that is finished, up to a minute later.)
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from aqi_service.core.frames import HEADER, decode_header, encode
from trials.chaos.outcome import Generation, line

WITHIN = 20.0
"""Simulated seconds after which an answer will not come."""

NOT_FOUND = b"Item not found"


@dataclass
class Asker:
    """Asks, and keeps what is wrong with the answers.

    Attributes:
        ports: where daemons serve now.
        published: the newest generation of the hour.
    """

    chance: Random
    generations: Sequence[Generation]
    ports: Callable[[], list[int]]
    published: Callable[[], int]
    answers: int = 0
    found: int = 0
    complaints: list[str] = field(default_factory=list)
    _known: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    _ids: list[str] = field(default_factory=list)
    _newest: dict[tuple[int, str], int] = field(default_factory=dict)
    _found: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for number, generation in reversed(list(enumerate(self.generations))):
            for row in generation.reading.rows:
                self._known[line(row)] = (number, row["measured_at"])
        self._ids = sorted({row["id"] for each in self.generations for row in each.reading.rows})

    async def ask_for_ever(self, pause: float) -> None:
        """Ask a few ids at a time."""
        while True:
            await asyncio.sleep(pause * self.chance.uniform(0.2, 1.8))
            ids = self.chance.sample(self._ids, self.chance.randrange(1, 9))
            roll = self.chance.random()
            if ports := self.ports():
                await self._ask(ports[int(roll * len(ports))], ids)

    async def _ask(self, port: int, ids: list[str]) -> None:
        try:
            replies = await ask(port, ids)
        except TimeoutError:
            self.complaints.append(f"no answer within {WITHIN} s to {ids}")
        except (ConnectionError, asyncio.IncompleteReadError):
            if port in self.ports():
                self.complaints.append(f"a daemon that runs broke off at {ids}")
        else:
            for record_id, reply in zip(ids, replies, strict=True):
                self._check(port, record_id, reply)

    def _check(self, port: int, record_id: str, reply: bytes) -> None:
        self.answers += 1
        newest = self._newest.get((port, record_id))
        if reply == NOT_FOUND:
            if record_id in self._found:
                self.complaints.append(f"{record_id} was found, and then not")
        elif not reply.startswith(b"Unavailable: "):
            self.found += 1
            generation, measured_at = self._known.get(reply, (None, 0))
            if generation is None or generation > self.published() or _id_of(reply) != record_id:
                self.complaints.append(f"{record_id} was answered with {reply!r}, which was never published")
            elif newest is not None and measured_at < newest:
                self.complaints.append(f"{record_id} was answered with a row older than before: {reply!r}")
            self._newest[port, record_id] = max(measured_at, newest or 0)
            self._found.add(record_id)


async def ask(port: int, ids: Sequence[str]) -> list[bytes]:
    """Look ids up on one connection, all in one segment; give the replies."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(WITHIN):
            writer.write(b"".join(encode(record_id.encode()) for record_id in ids))
            return [await reader.readexactly(decode_header(await reader.readexactly(HEADER))) for _ in ids]
    finally:
        writer.transport.abort()


def _id_of(reply: bytes) -> str:
    return reply.partition(b"\r\n")[2].partition(b",")[0].decode()
