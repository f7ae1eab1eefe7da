"""Repeat a request to the table until all of it is done.

One rule: as long as something gets through, there is no limit but the load's own deadline; when nothing
does for ATTEMPTS times in a row, the last real error is raised.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from random import random
from typing import Any, Protocol, TypeVar

from aqi_service.core.schedule import full_jitter
from aqi_service.errors import Unavailable

ATTEMPTS = 10
"""Requests in a row without progress until the table counts as unavailable (about a minute)."""


class Sized(Protocol):
    """What is left to do: any collection."""

    def __len__(self) -> int:
        """Return how much is left."""


Left = TypeVar("Left", bound=Sized)
Sleep = Callable[[float], Awaitable[None]]


async def together(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run the jobs at once; when one fails, cancel the others and raise its error."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def until_done(
    left: Left, request: Callable[[Left], Awaitable[Left]], what: str, sleep: Sleep = asyncio.sleep
) -> None:
    """Call `request` with what is left, which returns what is left then, until nothing is.

    Waits with full jitter between calls that leave something. Raises Unavailable after ATTEMPTS calls
    without progress; other errors of `request` pass through at once.
    """
    attempt = 0
    while left:
        error: Unavailable | None = None
        before = len(left)
        try:
            left = await request(left)
        except Unavailable as caught:
            error = caught
        if not left:
            return
        attempt = 1 if len(left) < before else attempt + 1
        if attempt > ATTEMPTS:
            raise error or Unavailable(f"{what}: the table takes nothing more (throttled)")
        await sleep(full_jitter(attempt, random()))  # noqa: S311  # spreads load, guards nothing
