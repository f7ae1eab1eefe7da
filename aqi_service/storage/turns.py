"""Turns on the event loop: lookups by id have theirs between two slices of long work.

One rule: a turn of the loop has one slice of one request, in the order in which they came, however many there
are; a slice of each would make a turn longer with every request.
"""

import asyncio
from contextlib import AbstractContextManager, suppress
from weakref import WeakKeyDictionary

from aqi_service.core.slices import Result, Slices

TURNS_BETWEEN = 8
"""Turns between two slices while a lookup is on its way to the table and back: its task, batch, request and
answer take that many steps, and after each it would otherwise wait for a slice."""


GAP_SECONDS = 0.02
"""Seconds that long work which cannot be cut waits for a moment without a lookup: the time of some
lookups."""


class _Order:
    """The order of work on one event loop: the holder of `line` has the next turn.

    It is also a block: inside, a lookup is on its way to the table and back. `gap` is set while there is
    none.
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
    """Make long work leave TURNS_BETWEEN turns to the lookup inside the block."""
    return _order()


async def let_lookups_pass() -> None:
    """Give lookups their turn, and those on their way to the table and back some more."""
    order = _order()
    await asyncio.sleep(0)
    for _ in range(TURNS_BETWEEN - 1):
        if not order.lookups:
            return
        await asyncio.sleep(0)


async def between_lookups(most: float = GAP_SECONDS) -> None:
    """Return when no lookup is on its way to the table and back, or after `most` seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(most):
            await _order().gap.wait()


async def give_way() -> None:
    """Give others their turn, and return in a turn in which nobody else works on a slice."""
    async with _order().line:
        await let_lookups_pass()


async def in_turns(slices: Slices[Result]) -> Result:
    """Do work slice by slice, each in its own turn of the event loop, and return its result."""
    while True:
        await give_way()
        try:
            next(slices)
        except StopIteration as done:
            result: Result = done.value
            return result
