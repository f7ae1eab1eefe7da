"""Time that a test moves: a clock for rates, and an event loop that does not wait for its own timers.

One rule: nothing sleeps; time passes because the test says so, or because nothing else is left to do.
"""

import asyncio
import selectors
import socket
from collections.abc import Callable, Coroutine
from typing import Any

GRACE = 0.02
"""Real seconds in which bytes on their way through the loopback may still arrive before time jumps. The
kernel hands them over while they are sent, or, having much else to do, some turns of its scheduler later."""

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
    Run it with `asyncio.Runner(loop_factory=JumpingLoop)`.

    Attributes:
        ahead: the seconds that have passed; a slow machine adds none.
    """

    def __init__(self) -> None:
        self.ahead = 0.0
        self.busy: Callable[[], bool] = lambda: False
        super().__init__(_JumpingSelector(self))

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

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        is_busy = self._loop.busy()
        ready = super().select(BUSY if is_busy else min(timeout, GRACE))
        if not ready and not is_busy:
            self._loop.ahead += timeout
        return ready
