"""What a load still does when it has ended, or its task has been cancelled.

One rule: nothing here changes how the load ended.
"""

import asyncio
import logging
from collections.abc import Awaitable

from aqi_service.errors import AqiError

log = logging.getLogger("aqi_service")


async def afterwards(work: Awaitable[object], seconds: float, event: str) -> None:
    """Do what may be left to the next load, within so many seconds; else log `event`."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except (AqiError, TimeoutError) as error:
        log.warning(
            event, extra={"error": str(error) or "no answer in time", "hint": "the next load tries again"}
        )
    except asyncio.CancelledError:
        undo_cancel()


def undo_cancel() -> None:
    """Take back that this task is cancelled, so that it can end in order."""
    if task := asyncio.current_task():
        task.uncancel()
