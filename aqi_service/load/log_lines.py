"""Marks the log's lines with the load to which they belong.

One rule: a task that a load starts inherits the load's id, and no id lives longer than its load.
"""

from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from typing import ParamSpec

from aqi_service.core.report import LoadReport

LOAD_ID: ContextVar[str] = ContextVar("load_id", default="")
"""The id of the load that runs here; the log's lines carry it. Empty outside of loads."""

Arguments = ParamSpec("Arguments")


def names_log_lines(
    load: Callable[Arguments, Awaitable[LoadReport]],
) -> Callable[Arguments, Coroutine[None, None, LoadReport]]:
    """End the id with its load; the report has the last id, if the load began again."""

    @wraps(load)
    async def named(*args: Arguments.args, **kwargs: Arguments.kwargs) -> LoadReport:
        before = LOAD_ID.set("")
        try:
            return replace(await load(*args, **kwargs), load_id=LOAD_ID.get())
        finally:
            LOAD_ID.reset(before)

    return named
