"""The HTTP port: health, readiness, metrics, the API, and the page.

One rule: it gets functions from its caller, as the TCP server does, and knows no store and no load.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from aqi_service.core.log_limit import LogLimiter
from aqi_service.core.metrics_text import CONTENT_TYPE
from aqi_service.web.api import HEADERS as API_HEADERS
from aqi_service.web.api import Api, ApiAnswers
from aqi_service.web.badge import BASE as BADGE
from aqi_service.web.badge import HEADERS as BADGE_HEADERS
from aqi_service.web.badge import Badges
from aqi_service.web.limits import REFUSALS, SILENT_SECONDS, ConnectionLimits
from aqi_service.web.page import Page
from aqi_service.web.paths import BASE

log = logging.getLogger("aqi_service")

Ready = Callable[[], Awaitable[str | None]]
"""Returns None if everything is ready, else a few words on what is not."""

LISTEN_QUEUE = 128
"""Connections that the kernel keeps until we accept them."""

ACCEPT_BURST = 8
"""Connections accepted in one turn of the loop: they have descriptors before the limits can refuse them."""

HEADERS = {
    "Server": "aqi_service",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

BELOW = {BASE: API_HEADERS, BADGE: BADGE_HEADERS}
"""The headers of every answer below a path, instead of the usual ones."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The functions behind the port.

    Attributes:
        ready: tells whether lookups can be answered.
        metrics: Prometheus' text form.
        refused: is told why our side ends a connection (see `limits.REFUSALS`).
        trouble: tells what a person should look after, although lookups are answered; or None.
        api: the functions of the API; None means that there is no API.
        page: the files of the page, which asks the API; None means that there is no page.
    """

    ready: Ready
    metrics: Callable[[], bytes]
    refused: Callable[[str], None] = lambda _: None
    trouble: Callable[[], str | None] = lambda: None
    api: ApiAnswers | None = None
    page: Page | None = None


@asynccontextmanager
async def http_port(
    sockets: Sequence[socket.socket],
    answers: Answers,
    most: int = 256,
    silent_seconds: float = SILENT_SECONDS,
) -> AsyncIterator[None]:
    """Serve at most `most` connections on the sockets until the block ends; open answers get 2 s more.

    A connection is closed if it sends no complete request, or no further one, within `silent_seconds`.
    """
    limits = ConnectionLimits(most, _noted(answers.refused), silent_seconds)
    app = application(answers, limits)
    runner = web.AppRunner(app, access_log=None, logger=faults(), shutdown_timeout=2.0, lingering_time=0)
    await runner.setup()
    inner = runner.server
    if inner is None:
        raise RuntimeError("aiohttp made no server")
    servers = [await _server(sock, limits(inner)) for sock in sockets]
    try:
        yield
    finally:
        for server in servers:
            server.close()
        await runner.cleanup()


async def _server(sock: socket.socket, protocols: Callable[[], asyncio.BaseProtocol]) -> asyncio.Server:
    server = await asyncio.get_running_loop().create_server(protocols, sock=sock, backlog=ACCEPT_BURST)
    # asyncio takes `backlog` for its own bursts and for the kernel's queue; the queue may be long.
    sock.listen(LISTEN_QUEUE)
    return server


def _noted(refused: Callable[[str], None]) -> Callable[[str], None]:
    """Count every refusal, and log each reason once a minute, so that no flood fills the log."""
    lines = LogLimiter(1)

    def note(reason: str) -> None:
        refused(reason)
        if lines.allow(reason, asyncio.get_running_loop().time()) is not None:
            log.warning("http_refused", extra={"reason": reason, "error": REFUSALS[reason]})

    return note


def faults() -> logging.Logger:
    """Return a log without aiohttp's lines about peers: what they send wrong, and that they are gone."""

    def is_ours(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return record.module != "web_protocol" or not _is_the_peers(error)

    log.filters[:] = [is_ours]
    return log


def _is_the_peers(error: BaseException | None) -> bool:
    """Tell whether an error is the peer's: it is wrong, or gone, or the limits have already told it so."""
    is_too_late = isinstance(error, RuntimeError) and "after write_eof" in str(error)
    return is_too_late or isinstance(error, HttpProcessingError | ConnectionError)


def application(answers: Answers, limits: ConnectionLimits) -> web.Application:
    """Make the aiohttp application; it tells `limits` when a request is complete, and when it is answered."""

    @web.middleware
    async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
        limits.request_started(request.transport)
        try:
            return await handler(request)
        finally:
            limits.request_done(request.transport)

    async def healthz(_: web.Request) -> web.Response:
        return _text("ok\n")

    async def readyz(_: web.Request) -> web.Response:
        problem = await answers.ready()
        if problem:
            return _text(f"{problem}\n", 503)
        trouble = answers.trouble()
        return _text(f"ready\n{trouble}\n" if trouble else "ready\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=answers.metrics(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application(client_max_size=1024, middlewares=[told])
    app.on_response_prepare.append(_guarded(answers.page))
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    if answers.api is not None:
        api = Api(answers.api)
        for path in (BASE, f"{BASE}/{{tail:[\\s\\S]*}}"):
            app.router.add_route("*", path, api.answer)
        app.router.add_get(f"{BADGE}/{{kind}}/{{words}}", Badges(answers.api).answer)
    _add_page(app, answers)
    return app


def _add_page(app: web.Application, answers: Answers) -> None:
    """Serve the page's files; if there is no page, a line at / says what there is."""

    async def index(_: web.Request) -> web.Response:
        return _text(f"aqi_service: /healthz /readyz /metrics{f' {BASE}' * (answers.api is not None)}\n")

    if answers.page is None:
        app.router.add_get("/", index)
        return
    for path in answers.page.paths:
        app.router.add_get(path, answers.page.answer)


def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status)


def _guarded(page: Page | None) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return a function that puts headers on every answer, also on aiohttp's own 404 and 405."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        if page is not None and request.path in page.paths:
            response.headers.update(page.headers(request.path))
        else:
            below = (headers for base, headers in BELOW.items() if f"{request.path}/".startswith(f"{base}/"))
            response.headers.update(next(below, HEADERS))

    return add
