"""The first signal asks for a stop in order, the second stops immediately.

One rule: code with a long wait waits through a Stop. But the end of the process does not depend on that:
neither signal needs the event loop for it.
"""

import _thread
import asyncio
import logging
import os
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

log = logging.getLogger("aqi_service")

T = TypeVar("T")

GRACE_SECONDS = 6.0
"""How many seconds cancelled work may take to end in order; then it is cancelled once more."""

LAST_SECONDS = 9.5
"""This many seconds after the first signal the process ends in any case: a name lookup or a disk may hang."""


class Stop:
    """A wish to stop, made by SIGTERM, SIGINT or `set`."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self._event = asyncio.Event()
        self._grace = grace
        self._signals = 0

    def install(self, at_once: int) -> None:
        """Listen to the signals until the process ends; the second one ends it with exit code `at_once`."""
        loop, context = asyncio.get_running_loop(), copy_context()

        def signalled(number: int, _: object) -> None:
            self._signals += 1
            if self._signals > 1 or self._event.is_set():
                os._exit(at_once)
            # Not a Thread: the signal may have come while this very thread holds a lock of `threading`.
            with suppress(RuntimeError):  # Python ends, where 3.12.1 lets none begin (gh-113964)
                _thread.start_new_thread(_end_later, (at_once,))
            with suppress(RuntimeError):  # the loop has ended
                # Not in the context of what it interrupts, which may be a load's.
                loop.call_soon_threadsafe(self._signalled, number, context=context)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signalled)

    def _signalled(self, number: int) -> None:
        self._event.set()
        log.info("stopping", extra={"signal": signal.Signals(number).name})

    def set(self) -> None:
        """Ask for a stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Tell whether a stop was asked for."""
        return self._event.is_set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until a stop is asked for, within a time limit; tell whether it was."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True

    async def wait_or(self, event: asyncio.Event, seconds: float) -> None:
        """Wait until a stop is asked for, for the event, or until the time limit."""
        waits = {asyncio.ensure_future(self.wait(seconds)), asyncio.ensure_future(event.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def guard(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Run `work`, and cancel it at a stop; return its result, or raise its error.

        None if it was cancelled and ended without a result.
        """
        task = asyncio.create_task(work)
        asked = asyncio.create_task(self._event.wait())
        try:
            await asyncio.wait((task, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            task.cancel()  # does nothing to one that is done
            await asyncio.wait((task,), timeout=self._grace)
            task.cancel()
            await asyncio.wait((task,))
        return None if task.cancelled() else task.result()


def _end_later(at_once: int) -> None:
    """End the process when LAST_SECONDS are over."""
    time.sleep(LAST_SECONDS)
    os._exit(at_once)
