"""Time that a test moves: a clock for rates, and an event loop that does not wait for its own timers.

One rule: nothing sleeps; time passes because the test says so, or because nothing else is left to do.
"""

import asyncio
import os
import selectors
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

GRACE = 0.02
"""Real seconds in which a thread that was started beside the loop may still answer before time jumps."""

HOPS = 16
"""How often something may go back and forth in the kernel alone, as when a full buffer is emptied."""

BUSY = 1.0
"""Real seconds until it is asked again whether somebody is still at work."""

BEGUN = 1000.0
"""The time at which a loop begins: small, so that sums of seconds stay exact enough."""


class HandClock:
    """A clock that stands still until it is moved: `clock()` reads it."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move it on."""
        self.now += seconds


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in which an hour is over as soon as everyone waits for it, and work takes no time.

    For tests that have all ends of their sockets in this loop; another thread's answer would seem late, but
    for what `busy` tells: that one is on its way (as `Journal.at_work` does of an emulator behind a shim).
    Where nothing tells it, threads that are started meanwhile have GRACE. The loop stays on one processor.
    Run it with `asyncio.Runner(loop_factory=JumpingLoop)`.

    Attributes:
        ahead: the seconds that have passed; a slow machine adds none.
    """

    def __init__(self) -> None:
        self.ahead = 0.0
        self.busy: Callable[[], bool] | None = None
        self._in_executors = 0
        self._threads = set(threading.enumerate())
        super().__init__(_JumpingSelector(self))

    @property
    def is_busy(self) -> bool:
        """Tell whether an answer of another thread is certainly on its way."""
        return self._in_executors > 0 or (self.busy is not None and self.busy())

    @property
    def has_threads(self) -> bool:
        """Tell whether there are threads beside the loop of which nobody tells what they are at."""
        return self.busy is None and not self._threads.issuperset(threading.enumerate())

    def run_forever(self) -> None:
        """Run on one processor: what the loop sends is in one queue of the kernel then."""
        with _on_one_processor():
            super().run_forever()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run it in a thread, which time waits for."""
        self._in_executors += 1
        job = super().run_in_executor(executor, func, *args)
        job.add_done_callback(self._executed)
        return job

    def _executed(self, _job: object) -> None:
        self._in_executors -= 1

    def time(self) -> float:
        """Return the loop's time: BEGUN, and all that was jumped over."""
        return BEGUN + self.ahead

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        """Look an address up here, not in a thread, whose answer would come an hour late."""
        return socket.getaddrinfo(host, port, **more)


def jumping(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run an async test on a loop whose time passes by itself; what a loop would only log fails the test."""

    def run() -> None:
        logged: list[Any] = []
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: logged.append(context))
            runner.run(test())
        assert logged == []

    run.__name__ = test.__name__
    return run


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for no timer: what the loop would have slept is added to its clock."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop
        self._echo = _Echo()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.is_busy:
            return super().select(BUSY)
        ready = super().select(GRACE if self._loop.has_threads else 0) or self._arriving()
        if not ready:
            self._loop.ahead += timeout
        return ready

    def _arriving(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what arrives of that which is on its way, however long the kernel takes for it."""
        for _ in range(HOPS):
            self._echo.wait()
            if ready := super().select(0):
                return ready
        return []

    def close(self) -> None:
        super().close()
        self._echo.close()


class _Echo:
    """A word that goes through the loopback, behind all that the same processor has sent before it.

    The kernel hands most over while it is sent. Having much else to do, it does so some turns of its
    scheduler later, which may take longer than a test could guess; but it never changes the order.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(self._socket.getsockname())
        self._socket.settimeout(BUSY)
        self._count = 0

    def wait(self) -> None:
        """Send it, and wait until it is here."""
        self._count += 1
        word = b"%d" % self._count
        heard = b""
        while heard != word:
            self._socket.send(word)
            try:
                heard = self._socket.recv(len(word))
            except TimeoutError:
                continue

    def close(self) -> None:
        self._socket.close()


@contextmanager
def _on_one_processor() -> Iterator[None]:
    """Keep this thread on the processor that it is on."""
    allowed = os.sched_getaffinity(0)
    stat = Path("/proc/thread-self/stat").read_text(encoding="ascii", errors="replace")
    os.sched_setaffinity(0, {int(stat.rpartition(")")[2].split()[36])})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
