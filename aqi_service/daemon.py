"""Load on a schedule and serve, until told to stop.

One rule: serving never waits for a load, and whatever ends a load, the next one comes.
"""

import asyncio
import errno
import gc
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_address
from socket import socket

from aqi_service.checking import check
from aqi_service.config import DEFAULT_HTTP_PORT, Config
from aqi_service.errors import AqiError, PortTaken, Unavailable
from aqi_service.following import Follower
from aqi_service.lag import watch
from aqi_service.latest import Latest
from aqi_service.listening import listen
from aqi_service.loader import Loader, Serving, supervise
from aqi_service.logs import say
from aqi_service.lookup import Lookup
from aqi_service.opening import Opened, first_line, opened
from aqi_service.rounds import agent_of
from aqi_service.server import Limits, Server
from aqi_service.sources import Asking
from aqi_service.status import ServiceStatus, metrics
from aqi_service.stopping import GRACE_SECONDS, Stop

log = logging.getLogger(__name__)

READY_SECONDS = 3.0
SWITCH_SECONDS = 0.001
"""How long a thread waits for the interpreter's lock (Python's default is 0.005); a lookup in SQLite takes it
some four times."""

FEW_CONNECTIONS = 500
"""Places below which the limit of open files is worth a warning."""


async def run(config: Config, stop: Stop) -> int:
    """Serve, and load unless the Config says serve only, until `stop`; return 0."""
    async with opened(config) as found:
        say(first_line(config, found))
        usable = await stop.guard(_usable(config, found))
        if not stop.is_set():
            await _serve(config, found, stop, usable=bool(usable))
    return 0


async def _usable(config: Config, found: Opened) -> bool:
    """Raise ConfigError for what waiting cannot mend; log what may pass, and return False then."""
    try:
        await check(config, found)
    except Unavailable as error:
        log.warning("storage_unavailable error=%r: lookups answer Unavailable until it is back", str(error))
        return False
    if not config.serve_only:
        await _name_missing(config, found)
    return True


async def _name_missing(config: Config, found: Opened) -> None:
    """Log what `--create` would add to the table; a loader does without it, so nothing here is an error."""
    try:
        for thing in await found.missing():
            log.warning("missing %s: add it with %s", thing, config.create_command)
    except AqiError as error:
        log.info("missing unknown error=%r", str(error))


async def _serve(config: Config, found: Opened, stop: Stop, *, usable: bool) -> None:
    """Listen, serve and load until `stop`; then end both at once, answering what was asked."""
    async with AsyncExitStack() as stack:
        sockets = _closing(stack, listen(config.host, config.port))
        http_sockets = _closing(stack, _http_sockets(config))
        limits = Limits(
            max_connections=config.connections,
            max_per_address=config.connections_per_address,
            stop_grace=GRACE_SECONDS,
        )
        latest = Latest(time.time)
        lookup = Lookup(found.storage.store, time.time, latest=latest)
        stack.push_async_callback(lookup.close)
        server = Server(sockets, lookup.answer, limits)
        status = ServiceStatus(server.counts, lookup.counts, latest)
        _warn(config)
        if http_sockets:
            await _http(stack, http_sockets, partial(_ready, found, stop), status, config.descriptors)
        _put_lookups_first()
        await server.start()
        _tell_listening(sockets, "tcp")
        loader = Loader(config, found, status, Serving(sockets[0].getsockname()[1], latest), usable=usable)
        loading = _nothing() if config.serve_only else supervise(lambda: loader.run(stop), status, stop)
        following = _follower(config, found, latest, status).run(stop)
        await asyncio.gather(loading, _serve_until(server, stop), following, watch(status.lag, stop))


def _put_lookups_first() -> None:
    """Let lookups wait less while a load computes: for the interpreter's lock, and for garbage collections.

    What was imported is left out of the full ones, each of which took 0.1 s.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()


def _follower(config: Config, found: Opened, latest: Latest, status: ServiceStatus) -> Follower:
    asking = Asking(agent_of(config), config.max_bytes)
    return Follower(found.storage, config.table, latest, asking, told=status.seen)


async def _serve_until(server: Server, stop: Stop) -> None:
    await stop.wait()
    await server.stop()


async def _nothing() -> None:
    pass


def _closing(stack: AsyncExitStack, sockets: list[socket]) -> list[socket]:
    for sock in sockets:
        stack.callback(sock.close)
    return sockets


def _http_sockets(config: Config) -> list[socket]:
    """Open the HTTP port; a default port that is taken is only a warning."""
    if config.no_http:
        return []
    try:
        return listen(config.http_host, DEFAULT_HTTP_PORT if config.http_port is None else config.http_port)
    except PortTaken as error:
        taken = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
        if config.http_port is not None or not taken:
            raise
        log.warning("no_http %s; or choose one with --http-port", error)
        return []


async def _http(
    stack: AsyncExitStack,
    sockets: Sequence[socket],
    ready: Callable[[], Awaitable[str | None]],
    status: ServiceStatus,
    descriptors: int,
) -> None:
    from aqi_service.web import Answers, http_port  # noqa: PLC0415  # not with --no-http
    from aqi_service.web.doors import default_max_http  # noqa: PLC0415  # not with --no-http

    answers = Answers(ready, metrics(status), lambda reason: status.http_refused.update((reason,)))
    await stack.enter_async_context(http_port(sockets, answers, default_max_http(descriptors)))
    _tell_listening(sockets, "http")


def _tell_listening(sockets: Sequence[socket], kind: str) -> None:
    for sock in sockets:
        host, port = sock.getsockname()[:2]
        say(f"listening on {f'[{host}]' if ':' in host else host}:{port} ({kind})")


def _warn(config: Config) -> None:
    """Log what an operator should know of the settings."""
    if not _is_loopback(config.host):
        log.warning("plaintext host=%s: anyone on the way can read and change what is sent", config.host)
    places, asked = config.connections, config.max_connections or FEW_CONNECTIONS
    if places < asked:
        log.warning(
            "few_descriptors limit=%d connections=%d: raise the limit of open files (ulimit -n) for more",
            config.descriptors,
            places,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _ready(found: Opened, stop: Stop) -> str | None:
    """Tell what keeps lookups from being answered; old data does not."""
    if stop.is_set():
        return "stopping"
    try:
        async with asyncio.timeout(READY_SECONDS):
            await found.storage.store.get("0")
    except (AqiError, TimeoutError):
        return "the table cannot be read"
    return None
