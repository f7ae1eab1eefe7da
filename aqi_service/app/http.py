"""What the HTTP port shows of a daemon.

One rule: web/ is handed functions; here they are put together, and imported with an HTTP port alone.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from socket import socket
from typing import TYPE_CHECKING

from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.core.json_rows import Moment
from aqi_service.lookup.lookup import Lookup
from aqi_service.server.large_replies import HTTP_PLACES, LargeReplies

if TYPE_CHECKING:
    from aqi_service.web.api import ApiAnswers


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show; `ready` tells whether lookups can be answered."""

    status: ServiceStatus
    lookup: Lookup
    ready: Callable[[], Awaitable[str | None]]
    large: LargeReplies = field(default_factory=lambda: LargeReplies(HTTP_PLACES))


async def serve_http(
    stack: AsyncExitStack, sockets: Sequence[socket], shown: Shown, descriptors: int
) -> None:
    """Serve on the sockets until the stack ends."""
    from aqi_service.web.app import Answers, http_port  # noqa: PLC0415  # not with --no-http
    from aqi_service.web.limits import default_max_http  # noqa: PLC0415  # not with --no-http

    status = shown.status
    answers = Answers(
        shown.ready,
        metrics(status),
        lambda reason: status.http_refused.update((reason,)),
        lambda: status.clock_trouble(time.time()),
        api_answers(shown),
    )
    await stack.enter_async_context(http_port(sockets, answers, default_max_http(descriptors)))


def api_answers(shown: Shown) -> "ApiAnswers":
    """Put together what the API is made of."""
    from aqi_service.web.api import ApiAnswers  # noqa: PLC0415  # not with --no-http

    memory = shown.status.latest

    def moment() -> Moment:
        return Moment(memory.now(), None if memory.index is None else memory.index.version)

    return ApiAnswers(shown.lookup.find, moment, shown.large.place)
