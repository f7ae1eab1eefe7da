"""Whose turn it is on the event loop: lookups by id have theirs between two slices of what takes long.

One rule: however many requests are worked on, a turn of the loop has one slice of one of them, in the order
in which they came; a slice each would make a turn as long as there are requests.
"""

import asyncio
from contextlib import AbstractContextManager, suppress
from weakref import WeakKeyDictionary

from aqi_service.core.slices import Result, Slices

TURNS_BETWEEN = 8
"""Turns between two slices while a lookup is on its way to the table and back: with its task, its batch, the
request and the answer it takes as many steps, and after each it would wait for a slice."""


GAP_SECONDS = 0.02
"""How long what is long and cannot be cut waits for a moment without a lookup: some lookups' time."""


class _Order:
    """What comes first on one event loop: `line` is held by whoever has the next turn.

    It is a block as well: inside it a lookup is on its way to the table and back. Without any, `gap` is set.
    """

    def __init__(self) -> None:
        self.line = asyncio.Lock()
        self.lookups = 0
        self.gap = asyncio.Event()
        self.gap.set()

    def __enter__(self) -> None:
        self.lookups += 1
        self.gap.clear()

    def __exit__(self, *_: object) -> None:
        self.lookups -= 1
        if not self.lookups:
            self.gap.set()


_ORDERS: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Order]" = WeakKeyDictionary()


def _order() -> _Order:
    loop = asyncio.get_running_loop()
    return _ORDERS.get(loop) or _ORDERS.setdefault(loop, _Order())


def going_first() -> AbstractContextManager[None]:
    """Have what takes long leave TURNS_BETWEEN turns to the lookup that is under way inside."""
    return _order()


async def let_lookups_pass() -> None:
    """Let lookups have their turn, and those on their way to the table and back some more."""
    order = _order()
    await asyncio.sleep(0)
    for _ in range(TURNS_BETWEEN - 1):
        if not order.lookups:
            return
        await asyncio.sleep(0)


async def between_lookups(most: float = GAP_SECONDS) -> None:
    """Return when no lookup is on its way to the table and back, after `most` seconds at the latest."""
    with suppress(TimeoutError):
        async with asyncio.timeout(most):
            await _order().gap.wait()


async def give_way() -> None:
    """Let others have their turn, and come back in one in which nobody else works on a slice."""
    async with _order().line:
        await let_lookups_pass()


async def in_turns(slices: Slices[Result]) -> Result:
    """Do work slice by slice, each in a turn of the event loop of its own, and return its result."""
    while True:
        await give_way()
        try:
            next(slices)
        except StopIteration as done:
            result: Result = done.value
            return result
