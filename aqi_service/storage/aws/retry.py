"""Repeats what may pass by itself: a single call to AWS, and a request to the table until all of it is done.

One rule: every wait has full jitter and uses a `sleep` argument; at the limit the last real error is raised.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import random
from typing import NamedTuple, Protocol, TypeVar

from aqi_service.core.schedule import full_jitter
from aqi_service.errors import LeaseLost, Unavailable
from aqi_service.storage.aws.errors import may_pass, translated
from aqi_service.storage.turns import let_lookups_pass


class RetryPolicy(NamedTuple):
    """How often and how long a single call is tried.

    Attributes:
        attempts: how often.
        base: seconds, the upper edge of the first wait between two tries; doubled with each.
        seconds: for one try, with sending; the client's time-outs do not cover a peer that reads nothing.
    """

    attempts: int = 5
    base: float = 0.2
    seconds: float = 60.0


CALL = RetryPolicy()
ANSWER_SECONDS = 10.0
"""A service that takes longer than this many seconds for its first answer counts as away."""

ATTEMPTS = 10
"""After this many requests in a row without progress the table counts as unavailable (25 s on average)."""

Answer = TypeVar("Answer")


class Sized(Protocol):
    """The remaining work: any collection."""

    def __len__(self) -> int:
        """Return how much is left."""


Left = TypeVar("Left", bound=Sized)
Sleep = Callable[[float], Awaitable[None]]


@asynccontextmanager
async def answering(what: str) -> AsyncIterator[None]:
    """Raise Unavailable if the block (a first request) takes over ANSWER_SECONDS, with repetitions."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            yield
    except TimeoutError as error:
        raise Unavailable(f"{what}: no answer within {ANSWER_SECONDS:.0f} s") from error


async def call_with_retry(
    what: str,
    request: Callable[[], Awaitable[Answer]],
    sleep: Sleep = asyncio.sleep,
    tries: RetryPolicy = CALL,
) -> Answer:
    """Call AWS once, and again while the error may pass; AWS's errors become ours."""
    attempt = 1
    while True:
        try:
            with translated(what):
                async with asyncio.timeout(tries.seconds):
                    return await request()
        except Unavailable as error:
            if attempt >= tries.attempts or not may_pass(error):
                raise
        await sleep(full_jitter(attempt, random(), tries.base))  # noqa: S311  # spreads load, guards nothing
        attempt += 1


class Slots:
    """Slots for requests to the table, `most` at the same time, in order of request.

    Only one begins in a turn of the event loop: to write a request takes milliseconds, and lookups wait.

    Attributes:
        alone: held by a request of which the table did nothing, until it does something; other such requests
            wait meanwhile, so that only few ask a table or link that takes little.
    """

    def __init__(self, most: int) -> None:
        self.alone = asyncio.Lock()
        self._free = asyncio.Semaphore(most)
        self._begins = asyncio.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it inside the block."""
        async with self._free:
            async with self._begins:
                await let_lookups_pass()
            yield


async def retry_unprocessed(
    left: Left, request: Callable[[Left], Awaitable[Left]], what: str, slots: Slots, sleep: Sleep
) -> None:
    """Call `request` with the remaining work, which returns what then remains, until nothing does.

    It waits with full jitter between calls that leave something. Raises Unavailable after ATTEMPTS calls
    without progress; LeaseLost and other errors of `request` pass through immediately.
    """
    if not left:
        return
    attempt = 0
    async with slots.one():
        while True:
            rest, _ = await _once(left, request, what)
            if len(rest) == len(left):
                async with slots.alone:
                    rest = await _until_progress(left, request, what, sleep, attempt)
            if not rest:
                return
            left, attempt = rest, 1
            await sleep(full_jitter(attempt, random()))  # noqa: S311  # spreads load, guards nothing


async def _until_progress(
    left: Left, request: Callable[[Left], Awaitable[Left]], what: str, sleep: Sleep, attempt: int
) -> Left:
    """Repeat a call until it leaves less, and return that; raise its last error after ATTEMPTS waits."""
    while True:
        attempt += 1
        await sleep(full_jitter(attempt, random()))  # noqa: S311  # spreads load, guards nothing
        rest, error = await _once(left, request, what)
        if len(rest) < len(left):
            return rest
        if attempt >= ATTEMPTS:
            raise error


async def _once(
    left: Left, request: Callable[[Left], Awaitable[Left]], what: str
) -> tuple[Left, Unavailable]:
    """Return what is left after one call, and why."""
    try:
        return await request(left), Unavailable(f"{what}: the table takes nothing more (throttled)")
    except LeaseLost:
        raise
    except Unavailable as error:
        return left, error
