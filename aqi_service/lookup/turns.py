"""Work that takes long, in turns of the event loop: lookups by id have theirs between two slices.

One rule: however many requests are worked on, a turn of the loop has one slice of one of them, in the order
in which they came; a slice each would make a turn as long as there are requests.
"""

import asyncio
from weakref import WeakKeyDictionary

from aqi_service.core.slices import Result, Slices

_LINES: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]" = WeakKeyDictionary()
"""Of each event loop, who comes next: whoever has the lock has the next turn."""


async def give_way() -> None:
    """Let others have their turn, and come back in one in which nobody else works on a slice."""
    loop = asyncio.get_running_loop()
    line = _LINES.get(loop) or _LINES.setdefault(loop, asyncio.Lock())
    async with line:
        await asyncio.sleep(0)


async def in_turns(slices: Slices[Result]) -> Result:
    """Do work slice by slice, each in a turn of the event loop of its own, and return its result."""
    while True:
        await give_way()
        try:
            next(slices)
        except StopIteration as done:
            result: Result = done.value
            return result
