"""A shim or a proxy for tests that do not run in an event loop, such as those that start our program.

One rule: what runs in the thread is opened and closed there; the test only reads it and asks it to `run`.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Opened = TypeVar("Opened")
Result = TypeVar("Result")
SECONDS = 30.0
"""Longest time that opening, closing or a `run` may take."""


@dataclass(frozen=True, slots=True)
class Threaded(Generic[Opened]):
    """What was opened, and a way to run its coroutines: `proxy.run(proxy.it.down())`."""

    it: Opened
    loop: asyncio.AbstractEventLoop

    def run(self, job: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(job, self.loop).result(SECONDS)


@contextmanager
def in_thread(manager: AbstractAsyncContextManager[Opened]) -> Iterator[Threaded[Opened]]:
    """Open a Shim or a TcpProxy in a loop in a thread of its own."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=loop.run_forever, name="faults")
        thread.start()
        try:
            opened = asyncio.run_coroutine_threadsafe(manager.__aenter__(), loop).result(SECONDS)
            try:
                yield Threaded(opened, loop)
            finally:
                leaving = manager.__aexit__(None, None, None)
                asyncio.run_coroutine_threadsafe(_whole(leaving), loop).result(SECONDS)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


async def _whole(leaving: Any) -> None:
    await leaving
