"""What came in one read, answered: side by side, in turn with other connections, in order, in time.

Rule: it knows requests and replies, and no connection.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice

from aqi_service.core.frames import KINDS, UNAVAILABLE, encode, kind

log = logging.getLogger(__name__)

Answer = Callable[[bytes], Awaitable[bytes]]
"""Request payload to reply payload; it answers errors itself, as `Unavailable: ` and so on."""

AT_ONCE = 16
"""Requests of one read looked up at the same time: one peer must not take the store's whole pool."""

TURN = 64
"""Requests of one read that are answered before those of other connections have their turn."""

TURNS = 4
"""Reads of many requests that have their turn at the same time. A single request waits for none: at most
TURNS * AT_ONCE lookups are before it in the store's queue, however many peers pipeline."""

ANSWER_SECONDS = 5.5
"""How long the lookups of what came in one read may take, however many; a little over that of one lookup,
and under the grace of a stop."""


class Replies:
    """Makes replies with `answer`, and counts them by kind.

    `last` is the loop's time after which no answer is awaited any more.
    """

    def __init__(self, answer: Answer, counts: Counter[str]) -> None:
        self.last = math.inf
        self._answer = answer
        self._counts = counts
        self._turns = asyncio.Semaphore(TURNS)

    async def of(self, payloads: list[bytes]) -> bytes:
        """Return the replies' frames, in the order of the requests."""
        if len(payloads) == 1:  # the common case: no tasks, and no turn to wait for
            return encode(await self._reply(payloads[0]))
        frames = [b""] * len(payloads)
        try:
            async with asyncio.timeout_at(self._due()):
                await self._fill(frames, payloads)
        except TimeoutError:
            self._fill_late(frames)
        return b"".join(frames)

    async def _fill(self, frames: list[bytes], payloads: list[bytes]) -> None:
        """Put each reply's frame in its place, turn after turn."""
        todo = enumerate(payloads)

        async def work(turn: Iterator[tuple[int, bytes]]) -> None:
            for place, payload in turn:
                frames[place] = encode(await self._reply(payload))

        for start in range(0, len(payloads), TURN):
            turn, workers = islice(todo, TURN), min(AT_ONCE, len(payloads) - start)
            async with self._turns:
                await asyncio.gather(*(work(turn) for _ in range(workers)))

    def _due(self) -> float:
        """Return when what has been read now must be answered."""
        return min(asyncio.get_running_loop().time() + ANSWER_SECONDS, self.last)

    def _fill_late(self, frames: list[bytes]) -> None:
        """Fill the places of the replies that did not come in time."""
        late = [place for place, frame in enumerate(frames) if not frame]
        for place in late:
            frames[place] = encode(UNAVAILABLE + b"no answer in time; try again later")
        self._counts[KINDS[UNAVAILABLE]] += len(late)

    async def _reply(self, payload: bytes) -> bytes:
        try:
            reply = await self._answer(payload)
        except Exception:
            log.exception("answer_failed request=%s", shown(payload))
            reply = UNAVAILABLE + b"internal error"
        self._counts[kind(reply)] += 1
        return reply


def shown(data: bytes) -> str:
    """Show a peer's bytes in a log: as ASCII, on one line, at most 80 characters."""
    return repr(data)[:80]
