"""Worker threads for work that would block the event loop: files, and SQLite.

One rule: no work that has begun runs on after its caller was told that it is over.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from aqi_service.errors import Unavailable
from aqi_service.storage.cleanup import wait_despite_cancel

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Threads:
    """A few worker threads for work that would block the event loop.

    The threads start with the first work. `name` stands in messages and thread names; `at_end` is called when
    the last work is done.
    """

    def __init__(self, count: int, name: str, at_end: Callable[[], object] = lambda: None) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._name = name
        self._at_end = at_end
        self._closed = False

    def start(self, work: Callable[[*Ts], T], *args: *Ts) -> Future[T]:
        """Begin `work` when a thread is free. Raises Unavailable after `close`."""
        if self._closed:
            raise Unavailable(f"The {self._name} is closed, since the program is stopping.")
        return self._executor.submit(work, *args)

    async def run(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return the result of `work`; if cancelled, it never begins, or ends before this raises."""
        return await _result(self.start(work, *args), give_up=True)

    async def ensure(self, work: Callable[[], T]) -> T:
        """Return the result of `work`; even if cancelled, it has run to its end. For cleaning up."""
        return await _result(self.start(work), give_up=False)

    async def close(self) -> None:
        """Let work that has begun end, and then the threads; may be called again."""
        self._closed = True
        self._executor.shutdown(wait=False)
        # Not the loop's own executor: a name lookup that hangs there must not hold up the end.
        with ThreadPoolExecutor(1, thread_name_prefix="closing") as closing:
            await _result(closing.submit(self._end), give_up=False)

    def _end(self) -> None:
        self._executor.shutdown()
        self._at_end()


async def _result(job: Future[T], *, give_up: bool) -> T:
    """Return the work's result; with `give_up`, a cancellation drops work that has not begun."""
    # A thread cannot be stopped half way: a cancelled wait goes on until nothing runs behind its back.
    await wait_despite_cancel(job.done, partial(_ended, job), job.cancel if give_up else None)
    return job.result()


async def _ended(job: Future[Any]) -> None:
    """Wait for the end of a thread's work (`asyncio.wait` would take one more turn of the loop)."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def tell() -> None:
        if not ended.done():
            ended.set_result(None)

    job.add_done_callback(lambda _: loop.call_soon_threadsafe(tell))
    await ended
