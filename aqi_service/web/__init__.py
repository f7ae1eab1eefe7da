"""The HTTP port: is the process alive, is it ready, how is it doing.

One rule: it is handed functions, as the TCP server is, and knows no store and no load.
"""

import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

log = logging.getLogger(__name__)

Ready = Callable[[], Awaitable[str | None]]
"""Returns None when everything is ready, else what is not, in a few words."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HEADERS = {
    "Server": "aqi_service",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the page shows.

    Attributes:
        ready: tells whether lookups can be answered.
        metrics: Prometheus' text form.
    """

    ready: Ready
    metrics: Callable[[], bytes]


@asynccontextmanager
async def http_port(sockets: Sequence[socket.socket], answers: Answers) -> AsyncIterator[None]:
    """Serve on the sockets until the block ends; what is being answered then gets 2 s."""
    runner = web.AppRunner(application(answers), access_log=None, logger=_faults(), shutdown_timeout=2.0)
    await runner.setup()
    try:
        for sock in sockets:
            await web.SockSite(runner, sock).start()
        yield
    finally:
        await runner.cleanup()


def _faults() -> logging.Logger:
    """Return the log without what peers send wrong: that is answered with 400, and no fault of ours."""

    def is_ours(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))

    log.filters[:] = [is_ours]
    return log


def application(answers: Answers) -> web.Application:
    """Make the aiohttp application."""

    async def index(_: web.Request) -> web.Response:
        return _text("aqi_service: /healthz /readyz /metrics\n")

    async def healthz(_: web.Request) -> web.Response:
        return _text("ok\n")

    async def readyz(_: web.Request) -> web.Response:
        problem = await answers.ready()
        return _text(f"{problem or 'ready'}\n", 503 if problem else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=answers.metrics(), headers={"Content-Type": METRICS_TYPE})

    app = web.Application(client_max_size=1024)
    app.on_response_prepare.append(_add_headers)
    app.router.add_get("/", index)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Put HEADERS on every answer, on aiohttp's own 404 and 405 as well."""
    response.headers.update(HEADERS)
