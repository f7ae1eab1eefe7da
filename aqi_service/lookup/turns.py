"""Work that takes long, in turns of the event loop: lookups by id have theirs between two slices."""

import asyncio

from aqi_service.core.slices import Result, Slices


async def in_turns(slices: Slices[Result]) -> Result:
    """Do work slice by slice, each in a turn of the event loop of its own, and return its result."""
    while True:
        try:
            next(slices)
        except StopIteration as done:
            result: Result = done.value
            return result
        await asyncio.sleep(0)
