"""Connects the HTTP port with the daemon.

One rule: web/ gets functions; they are put together here, and imported only if there is an HTTP port.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from socket import socket
from typing import TYPE_CHECKING, Any

from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.core.json_rows import Moment
from aqi_service.core.requests import HttpRequest, LoadsRequest, RejectsRequest, ScalesRequest
from aqi_service.core.scales import SCALES
from aqi_service.core.tiles import Tiles
from aqi_service.lookup.lookup import Lookup
from aqi_service.server.large_replies import HTTP_SLOTS, LargeReplies
from aqi_service.snapshots.recent_loads import RecentLoads

if TYPE_CHECKING:
    from aqi_service.web.api import ApiAnswers


@dataclass(frozen=True, slots=True)
class Shown:
    """What the port needs from the daemon.

    Attributes:
        ready: tells whether lookups can be answered.
        tiles: street tiles of the page; None if there are none.
    """

    status: ServiceStatus
    lookup: Lookup
    ready: Callable[[], Awaitable[str | None]]
    recent: RecentLoads
    large: LargeReplies = field(default_factory=lambda: LargeReplies(HTTP_SLOTS))
    tiles: Tiles | None = None


async def serve_http(
    stack: AsyncExitStack, sockets: Sequence[socket], shown: Shown, descriptors: int
) -> None:
    """Serve on the sockets until the stack ends."""
    from aqi_service.web.app import Answers, http_port  # noqa: PLC0415  # not with --no-http
    from aqi_service.web.limits import default_max_http  # noqa: PLC0415  # not with --no-http
    from aqi_service.web.page import Page  # noqa: PLC0415  # not with --no-http

    status = shown.status
    answers = Answers(
        shown.ready,
        metrics(status),
        lambda reason: status.http_refused.update((reason,)),
        lambda: status.clock_trouble(status.memory.now()),
        api_answers(shown),
        Page(shown.tiles),
    )
    await stack.enter_async_context(http_port(sockets, answers, default_max_http(descriptors)))


def api_answers(shown: Shown) -> "ApiAnswers":
    """Put together the functions of the API."""
    from aqi_service.web.api import ApiAnswers  # noqa: PLC0415  # not with --no-http

    memory = shown.status.memory

    def moment() -> Moment:
        return Moment(memory.now(), None if memory.index is None else memory.index.version)

    async def find(request: HttpRequest) -> Any:
        if isinstance(request, LoadsRequest):
            return await shown.recent.loads()
        if isinstance(request, RejectsRequest):
            return await shown.recent.rejects()
        if isinstance(request, ScalesRequest):
            return tuple(SCALES.values())
        return await shown.lookup.find(request)

    lookup = shown.lookup
    return ApiAnswers(find, moment, lookup.places, shown.large.slot, lookup.requests.counting)
