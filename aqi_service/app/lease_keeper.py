"""Gets the lease, keeps it during the work, and gives it back.

One rule: code that relies on the lease calls `Lease.check` before each request; the keeper only renews, and
stops nothing.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import random

from aqi_service.errors import AqiError, LeaseHeld, LeaseLost, Unavailable
from aqi_service.storage.lease import RENEW_SECONDS, Lease
from aqi_service.storage.process_name import described

log = logging.getLogger("aqi_service")

POLL_SECONDS = 3.0
"""Seconds between two looks at another's lease, up to a half more or less."""

AGAIN_SECONDS = 1.0
"""Seconds between a failed renewal and the next try."""

RELEASE_SECONDS = 3.0
"""Most seconds for giving the lease back; after that it runs out by itself."""

_NUMBERS = re.compile("[0-9]+")
"""The parts in which two errors of one kind differ: seconds, ports, ids."""


async def acquire(
    lease: Lease,
    patience: float | None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Wait until the lease is ours, at most `patience` seconds (None: for ever).

    Raises LeaseHeld, which names the holder, when the time is over, or Unavailable if the table did not
    answer then. ConfigError passes through immediately. It never leaves a half-taken lease behind.
    """
    begun, told = clock(), _Told()
    end = float("inf") if patience is None else begun + patience
    try:
        while problem := await _problem(lease, last=clock() >= end):
            if told.is_new(problem):
                log.info("lease_waiting", extra={"reason": str(problem)})
            pause = POLL_SECONDS * (0.5 + random())  # noqa: S311  # spreads load, guards nothing
            await sleep(max(0.0, min(end - clock(), pause)))
    except BaseException:
        await _give_back(lease)
        raise
    log.info("lease_taken", extra={"waited": round(clock() - begun)})


class _Told:
    """Which lines the log has about another's lease, or a table that does not answer: one of each kind."""

    def __init__(self) -> None:
        self._holder = ""
        self._kinds: set[str] = set()

    def is_new(self, problem: AqiError) -> bool:
        """Tell whether this is news: another holder, or another reason since the table last answered."""
        if isinstance(problem, LeaseHeld):
            self._kinds.clear()
            before, self._holder = self._holder, problem.holder
            return before != self._holder
        kind, self._holder = _NUMBERS.sub("", str(problem)), ""
        is_new = kind not in self._kinds
        self._kinds.add(kind)
        return is_new


@asynccontextmanager
async def keep_renewed(lease: Lease) -> AsyncIterator[asyncio.Event]:
    """Renew our lease while the block runs; then give it back.

    If the lease is lost or runs out, that is logged once, the renewing ends, and the block's event is set.
    The block runs on, and `Lease.check` raises in it.
    """
    lost = asyncio.Event()
    renewing = asyncio.create_task(_renewing(lease))
    renewing.add_done_callback(lambda _: lost.set())
    try:
        yield lost
    finally:
        renewing.cancel()
        try:
            [end] = await asyncio.gather(renewing, return_exceptions=True)
            if isinstance(end, Exception):
                log.error("lease_keeper_died", exc_info=end)
        finally:
            await _give_back(lease)


async def _problem(lease: Lease, *, last: bool) -> Unavailable | None:
    """Try once to take the lease; return why it is not ours, or raise that at the last try."""
    try:
        await _take(lease)
    except Unavailable as error:
        if last:
            raise
        return error
    return None


async def _take(lease: Lease) -> None:
    holder = await lease.take()
    if holder is not None:
        raise LeaseHeld(
            f"the table's lease is held by {described(holder)}, which loads the live feed: "
            "wait until it ends, or stop it",
            holder,
        )


async def _renewing(lease: Lease) -> None:
    """Renew until the lease is lost, or, if the table does not answer, until it has run out."""
    try:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await _renew(lease)
    except LeaseLost as error:
        log.warning("lease_lost", extra={"reason": str(error)})


async def _renew(lease: Lease) -> None:
    """Renew, with as many tries as needed. Raises LeaseLost if it is another's, or has run out."""
    told = _Told()
    while True:
        try:
            return await lease.renew()
        except LeaseLost:
            raise
        except AqiError as error:
            if told.is_new(error):
                log.info("lease_not_renewed", extra={"error": str(error)})
        lease.check()
        await asyncio.sleep(AGAIN_SECONDS)


async def _give_back(lease: Lease) -> None:
    """Release the lease within RELEASE_SECONDS; a failure is only logged."""
    try:
        async with asyncio.timeout(RELEASE_SECONDS):
            await lease.release()
    except (AqiError, TimeoutError) as error:
        log.info("lease_not_released", extra={"error": str(error) or "no answer in time"})
