"""Answers the requests of one read: together, in turn with other connections, in order, in time.

Rule: this file knows requests and replies, but no connection.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import NamedTuple

from aqi_service.core.frames import ERRORS, KINDS, UNAVAILABLE, encode, kind

log = logging.getLogger("aqi_service")

Answer = Callable[[bytes], Awaitable[bytes]]
"""Makes a reply payload from a request payload; errors become replies such as `Unavailable: `."""


class AtOnce(NamedTuple):
    """The functions that answer without waiting.

    Attributes:
        one: gives a request's reply; None leaves it to `Answer`.
        records: gives the joined frames of the replies to all requests of one read, if each is for a record;
            None leaves them to `one`.
    """

    one: Callable[[bytes], bytes | None] = lambda _: None
    records: Callable[[list[bytes]], bytes | None] = lambda _: None


CONCURRENT_LOOKUPS = 16
"""Requests of one read that are looked up at the same time: one peer must not take the store's whole pool."""

TURN = 64
"""Requests of one read that are answered before other connections have their turn."""

TURNS = 4
"""Reads with many requests that have their turn at the same time. A single request waits for none of them: at
most TURNS * CONCURRENT_LOOKUPS lookups are before it in the store's queue, however many peers pipeline."""

ANSWER_SECONDS = 5.5
"""How many seconds the lookups of one read may take, however many they are: a little more than one lookup,
and less than the grace of a stop."""


class Responder:
    """Makes replies with `answer`, and counts them by kind.

    After the loop's time `last` no answer is awaited.
    """

    def __init__(self, answer: Answer, counts: Counter[str], at_once: AtOnce) -> None:
        self.last = math.inf
        self._answer = answer
        self._at_once, self._records = at_once
        self._counts = counts
        self._turns = asyncio.Semaphore(TURNS)

    def records(self, payloads: list[bytes]) -> bytes | None:
        """Return the replies' frames if memory has each record; None leaves them to `answer_all`."""
        try:
            frames = self._records(payloads)
        except Exception as error:
            _failed(payloads[0], error)
            return None  # one by one it costs the reply that it is about
        if frames is not None:
            self._counts["found"] += len(payloads)
        return frames

    async def answer_all(self, payloads: list[bytes]) -> bytes:
        """Return the replies' frames, in the order of the requests."""
        frames = self._now(payloads)
        if frames == [b""]:
            return encode(await self._reply(payloads[0]))  # one request: no tasks, and no turn to wait for
        if b"" in frames:
            await self._fill_in_time(frames, payloads)
        elif len(payloads) > TURN:
            await asyncio.sleep(0)  # nothing was waited for, and other connections have their turn
        return b"".join(frames)

    def _now(self, payloads: list[bytes]) -> list[bytes]:
        """Return the frames of replies that need no wait; b"" for each of the others."""
        frames, at_once, found = [], self._at_once, 0
        for payload in payloads:
            try:
                reply = at_once(payload)
            except Exception as error:
                reply = _failed(payload, error)
            if reply is None:
                frames.append(b"")
                continue
            frames.append(encode(reply))
            if reply.startswith(ERRORS):
                self._counts[kind(reply)] += 1
            else:
                found += 1
        self._counts["found"] += found
        return frames

    async def _fill_in_time(self, frames: list[bytes], payloads: list[bytes]) -> None:
        """Fill in the frames that need a wait."""
        waiting = [at for at, frame in enumerate(frames) if not frame]
        try:
            async with asyncio.timeout_at(self._due()):
                await self._fill(frames, payloads, waiting)
        except TimeoutError:
            self._fill_late(frames)

    async def _fill(self, frames: list[bytes], payloads: list[bytes], waiting: list[int]) -> None:
        """Fill in each frame that needs a wait, turn after turn."""
        todo = iter(waiting)

        async def work(turn: Iterator[int]) -> None:
            for at in turn:
                frames[at] = encode(await self._reply(payloads[at]))

        for start in range(0, len(waiting), TURN):
            turn, workers = islice(todo, TURN), min(CONCURRENT_LOOKUPS, len(waiting) - start)
            async with self._turns:
                await asyncio.gather(*(work(turn) for _ in range(workers)))

    def _due(self) -> float:
        """Return when the requests of this read must be answered."""
        return min(asyncio.get_running_loop().time() + ANSWER_SECONDS, self.last)

    def _fill_late(self, frames: list[bytes]) -> None:
        """Fill in an error for each reply that did not come in time."""
        late = [at for at, frame in enumerate(frames) if not frame]
        for at in late:
            frames[at] = encode(UNAVAILABLE + b"no answer in time; try again later")
        self._counts[KINDS[UNAVAILABLE]] += len(late)

    async def _reply(self, payload: bytes) -> bytes:
        try:
            reply = await self._answer(payload)
        except Exception as error:
            reply = _failed(payload, error)
        self._counts[kind(reply)] += 1
        return reply


def _failed(payload: bytes, error: Exception) -> bytes:
    """Log the error, and return the reply for the peer."""
    log.error("answer_failed", extra={"request": shown(payload)}, exc_info=error)
    return UNAVAILABLE + b"internal error"


def shown(data: bytes) -> str:
    """Show a peer's bytes in a log: as ASCII, on one line, at most 80 characters."""
    return repr(data)[:80]
