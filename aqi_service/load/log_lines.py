"""Which load the log's lines are of.

One rule: a task that a load starts inherits its id, and no id outlasts its load.
"""

from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from typing import ParamSpec

from aqi_service.core.report import LoadReport

LOAD_ID: ContextVar[str] = ContextVar("load_id", default="")
"""The id that the load which runs here is noted by; the log's lines carry it. Empty outside of loads."""

Arguments = ParamSpec("Arguments")


def names_log_lines(
    load: Callable[Arguments, Awaitable[LoadReport]],
) -> Callable[Arguments, Coroutine[None, None, LoadReport]]:
    """Let the id that the load sets end with it; its report has the last one, where it began anew."""

    @wraps(load)
    async def named(*args: Arguments.args, **kwargs: Arguments.kwargs) -> LoadReport:
        before = LOAD_ID.set("")
        try:
            return replace(await load(*args, **kwargs), load_id=LOAD_ID.get())
        finally:
            LOAD_ID.reset(before)

    return named
