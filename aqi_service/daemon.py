"""Load on a schedule and serve, until told to stop.

One rule: serving never waits for a load, and whatever ends a load, the next one comes.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from random import random

from aqi_service.config import DEFAULT_HTTP_PORT, FEED_HOST, LEAST_INTERVAL, Config
from aqi_service.core.names import parse_name
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.schedule import full_jitter, next_start, retry_start
from aqi_service.errors import AqiError, PortTaken, Unavailable
from aqi_service.ledger import newest_name
from aqi_service.listening import listen
from aqi_service.lookup import Lookup
from aqi_service.once import check, load_one, say
from aqi_service.opening import Opened, first_line, opened
from aqi_service.server import Limits, Server
from aqi_service.status import ServiceStatus, metrics
from aqi_service.stopping import Stop

log = logging.getLogger(__name__)

RESTART_FIRST, RESTART_CAP = 1.0, 60.0
"""Seconds: edges of the wait before a loader that died is started again."""

READY_SECONDS = 3.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


async def run(config: Config, stop: Stop) -> int:
    """Serve, and load unless the Config says serve only, until `stop`; return 0."""
    async with AsyncExitStack() as stack:
        found = await stack.enter_async_context(opened(config))
        say(first_line(config, found))
        await _check(config, found)
        lookup = Lookup(found.storage.store, time.time)
        limits = Limits(max_connections=config.connections, max_per_address=config.connections_per_address)
        sockets = listen(config.host, config.port)
        server = Server(sockets, lookup.answer, limits)
        status = ServiceStatus(server.counts)
        await _http(config, stack, found, status)
        await server.start()
        stack.push_async_callback(server.stop)  # answers what was asked, before the storage closes
        _tell_listening(config.host, sockets[0].getsockname()[1], "tcp")
        if config.host not in LOOPBACK:
            log.warning("plaintext host=%s: anyone on the way can read and change what is sent", config.host)
        if config.serve_only:
            await stop.wait()
        else:
            loader = Loader(config, found, status)
            await supervise(lambda: loader.run(stop), status, stop)
    return 0


async def _check(config: Config, found: Opened) -> None:
    """Raise ConfigError for what waiting cannot mend; what may pass is only logged."""
    try:
        await check(config, found)
        lacks = [] if config.serve_only else await found.missing()
    except Unavailable as error:
        log.warning("storage_unavailable error=%r: lookups answer Unavailable until it is back", str(error))
        return
    for thing in lacks:
        log.warning("missing %s: add it with python -m aqi_service --load-only --create", thing)


async def _http(config: Config, stack: AsyncExitStack, found: Opened, status: ServiceStatus) -> None:
    """Open the HTTP port; a default port that is taken is only a warning."""
    if config.no_http:
        return
    from aqi_service.web import Answers, http_port  # noqa: PLC0415  # not with --no-http

    try:
        port = DEFAULT_HTTP_PORT if config.http_port is None else config.http_port
        sockets = listen(config.http_host, port)
    except PortTaken as error:
        if config.http_port is not None:
            raise
        log.warning("no_http %s", error)
        return
    answers = Answers(lambda: _ready(found), metrics(status))
    await stack.enter_async_context(http_port(sockets, answers))
    _tell_listening(config.http_host, sockets[0].getsockname()[1], "http")


def _tell_listening(host: str, port: int, kind: str) -> None:
    say(f"listening on {f'[{host}]' if ':' in host else host}:{port} ({kind})")


async def _ready(found: Opened) -> str | None:
    """Tell what keeps lookups from being answered; old data does not."""
    try:
        async with asyncio.timeout(READY_SECONDS):
            await found.storage.store.get("0")
    except (AqiError, TimeoutError):
        return "the table cannot be read"
    return None


async def supervise(job: Callable[[], Awaitable[None]], status: ServiceStatus, stop: Stop) -> None:
    """Run `job` until it returns; one that raises is logged, counted and started again after a wait."""
    deaths = 0
    while not stop.is_set():
        try:
            await job()
        except Exception:
            deaths += 1
            status.loader_restarts += 1
            log.exception("loader_died count=%d", deaths)
            await stop.wait(full_jitter(deaths, random(), RESTART_FIRST, RESTART_CAP))  # noqa: S311  # no secret
        else:
            return


class Loader:
    """Loads the live feed at start and then on schedule, by the monotonic clock."""

    def __init__(self, config: Config, found: Opened, status: ServiceStatus) -> None:
        self._config = config
        self._found = found
        self._status = status

    async def run(self, stop: Stop) -> None:
        """Load, wait, load again, until `stop`; a load under way is then aborted in order."""
        clock = asyncio.get_running_loop().time
        failures = 0
        if await stop.wait(await self._courtesy()):
            return
        while not stop.is_set():
            begun = clock()
            report = await self._load(stop)
            failed = report is None or report.status in (Status.FAILED, Status.REJECTED)
            failures = failures + 1 if failed else 0
            interval, chance = float(self._config.interval), random()  # noqa: S311  # spreads load
            if failures:
                asked = report.retry_after if report else None
                due = retry_start(clock(), failures, interval, asked, chance)
            else:
                due = next_start(begun, clock(), interval, chance)
            if not stop.is_set():
                log.info("next_load seconds=%.0f", due - clock())
            await stop.wait(max(0.0, due - clock()))

    async def _load(self, stop: Stop) -> LoadReport | None:
        """Load once; None when archive or table refused."""
        try:
            report = await stop.guard(load_one(self._config, self._found, self._config.feed_url, live=True))
        except AqiError as error:
            log.error("load_refused error=%r", str(error))  # noqa: TRY400  # expected: a sentence, no traceback
            return None
        self._status.loaded(report, time.time())
        log.log(logging.INFO if report.error is None else logging.WARNING, "loaded %s", report.summary())
        return report

    async def _courtesy(self) -> float:
        """Return seconds until the feed may be asked again: not within 5 minutes of the last snapshot."""
        if FEED_HOST not in self._config.feed_url:
            return 0.0
        try:
            newest = newest_name(await self._found.storage.archive.names())
        except AqiError:
            return 0.0
        parsed = parse_name(newest) if newest else None
        return max(0.0, parsed[1] + LEAST_INTERVAL - time.time()) if parsed else 0.0
