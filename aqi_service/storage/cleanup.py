"""Ends work in order although its task is cancelled, so that nothing is left half done.

One rule: nothing here changes how the work ended, and the caller gives each wait a limit.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

from aqi_service.errors import AqiError

log = logging.getLogger("aqi_service")

Result = TypeVar("Result")


def undo_cancel() -> None:
    """Take back this task's cancellation, so that it can end in order."""
    if task := asyncio.current_task():
        task.uncancel()


async def gather_or_cancel(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run the jobs at the same time; if one fails, cancel the others and raise its error."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__


async def afterwards(work: Awaitable[object], seconds: float, event: str) -> None:
    """Do work that the next load could also do, within a time limit; else log `event`.

    A cancellation ends it and is taken back: the task must still return its report.
    """
    try:
        async with asyncio.timeout(seconds):
            await work
    except (AqiError, TimeoutError) as error:
        log.warning(
            event, extra={"error": str(error) or "no answer in time", "hint": "the next load tries again"}
        )
    except asyncio.CancelledError:
        undo_cancel()


async def wait_result(task: asyncio.Task[Result]) -> Result:
    """Return the task's result; this wait may be cancelled, and then the task goes on."""
    await asyncio.wait({task})
    return task.result()


async def cancel_after(task: asyncio.Task[Any], seconds: float) -> None:
    """Give a task this time to end, then cancel it; its error is dropped."""
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run_despite_cancel(job: Coroutine[Any, Any, None], seconds: float) -> None:
    """Run a clean-up to its end, within a time limit, even if this task is cancelled meanwhile.

    A cancellation is raised afterwards. A failure of the clean-up is no error: a sweep removes what it
    leaves.
    """

    async def bounded() -> None:
        with suppress(AqiError, TimeoutError):
            async with asyncio.timeout(seconds):
                await job

    task = asyncio.create_task(bounded())
    await wait_despite_cancel(task.done, lambda: asyncio.wait({task}))
    task.result()


async def wait_despite_cancel(
    done: Callable[[], bool],
    wait: Callable[[], Awaitable[object]],
    at_cancel: Callable[[], object] | None = None,
) -> None:
    """Call `wait` until `done`, even if this task is cancelled; a cancellation is raised afterwards.

    `at_cancel` is called at each cancellation.
    """
    cancelled: asyncio.CancelledError | None = None
    while not done():
        try:
            await wait()
        except asyncio.CancelledError as error:
            cancelled = error
            if at_cancel is not None:
                at_cancel()
    if cancelled is not None:
        raise cancelled
