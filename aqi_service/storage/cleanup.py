"""Bring to its end what must not be left half done when the task that began it is cancelled.

One rule: every wait here has its limit, so that a cancelled task ends soon.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from aqi_service.errors import AqiError

Result = TypeVar("Result")


async def wait_result(task: asyncio.Task[Result]) -> Result:
    """Return what the task returns; this wait may be cancelled, and the task then goes on."""
    await asyncio.wait({task})
    return task.result()


async def cancel_after(task: asyncio.Task[Any], seconds: float) -> None:
    """Give a task so long to end, and cancel it then; whatever it raises is dropped."""
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run_despite_cancel(job: Coroutine[Any, Any, None], seconds: float) -> None:
    """Run a clean-up to its end, at most so long, however often this task is cancelled meanwhile.

    A cancellation is raised afterwards. That the clean-up fails is no error: what it leaves is for a sweep.
    """

    async def bounded() -> None:
        with suppress(AqiError, TimeoutError):
            async with asyncio.timeout(seconds):
                await job

    task = asyncio.create_task(bounded())
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
