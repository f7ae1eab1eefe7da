"""End in order though cancelled: what must not be left half done when the task that began it is cancelled.

One rule: nothing here changes how the work ended, and whoever calls it sees to it that each wait has a limit.
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
    """Take back that this task is cancelled, so that it can end in order."""
    if task := asyncio.current_task():
        task.uncancel()


async def gather_or_cancel(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run the jobs side by side; when one fails, cancel the others and raise its error."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__


async def afterwards(work: Awaitable[object], seconds: float, event: str) -> None:
    """Do what may be left to the next load, within so many seconds; else log `event`.

    A cancellation ends it, and is taken back: the task has its report to return.
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
    await wait_despite_cancel(task.done, lambda: asyncio.wait({task}))
    task.result()


async def wait_despite_cancel(
    done: Callable[[], bool],
    wait: Callable[[], Awaitable[object]],
    at_cancel: Callable[[], object] | None = None,
) -> None:
    """Call `wait` until `done`, however often this task is cancelled; a cancellation is raised afterwards.

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
