"""The first signal asks to stop in order, the second stops at once.

One rule: whoever waits for something long waits for it through a Stop.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger("aqi_service")

T = TypeVar("T")

GRACE_SECONDS = 6.0
"""How long work that is cancelled may take to end in order; then it is cancelled once more."""

LAST_SECONDS = 9.5
"""How long after the first signal the process ends in any case: a name lookup or a disk may hang."""


class Stop:
    """A wish to stop, made by SIGTERM, SIGINT or `set`."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self._event = asyncio.Event()
        self._grace = grace

    def install(self, at_once: int) -> None:
        """Listen to the signals; the second one ends the process with exit code `at_once`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number, at_once)

    def _signalled(self, number: int, at_once: int) -> None:
        if self._event.is_set():
            os._exit(at_once)
        self._event.set()
        log.info("stopping", extra={"signal": signal.Signals(number).name})
        last = threading.Timer(LAST_SECONDS, os._exit, (at_once,))
        last.daemon = True  # it must not itself keep the process alive
        last.start()

    def set(self) -> None:
        """Ask to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Tell whether it was asked."""
        return self._event.is_set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is asked, at most so long; tell whether it was."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True

    async def wait_or(self, event: asyncio.Event, seconds: float) -> None:
        """Wait until it is asked, until the event, or so long."""
        waits = {asyncio.ensure_future(self.wait(seconds)), asyncio.ensure_future(event.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def guard(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Run `work`, cancelling it when it is asked to stop; return its result, or raise what it raised.

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
