"""The daemon: loads on a schedule and serves, until it is told to stop.

One rule: serving never waits for a load, and after any end of a load the next one comes.
"""

import asyncio
import errno
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from ipaddress import ip_address
from socket import socket

from aqi_service.app.cloudwatch import cloudwatch
from aqi_service.app.config import DEFAULT_HTTP_PORT, Config
from aqi_service.app.disk import watch_disk
from aqi_service.app.excluded import tell_excluded
from aqi_service.app.http import Shown, serve_http
from aqi_service.app.loads import tell_what_stays, user_agent, warn_without_contact
from aqi_service.app.logs import say
from aqi_service.app.loop_lag import watch
from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.open import open_backend
from aqi_service.app.preparation import Preparation
from aqi_service.app.reload import ReloadedFiles, read_files
from aqi_service.app.scheduler import Scheduler, Serving, supervise
from aqi_service.app.startup_checks import tell_start
from aqi_service.app.systemd import Health, Systemd, told
from aqi_service.client.interrupt import heed_hangup
from aqi_service.core.clocks import clock_trouble
from aqi_service.errors import AqiError, PortInUse
from aqi_service.lookup.lookup import LARGE_REQUESTS, Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.refresh import MemoryRefresher
from aqi_service.server.limits import Limits
from aqi_service.server.replies import AtOnce
from aqi_service.server.server import Server
from aqi_service.server.sockets import listen
from aqi_service.shutdown import GRACE_SECONDS, Stop
from aqi_service.snapshots.recent_loads import RecentLoads
from aqi_service.snapshots.sources import FetchOptions
from aqi_service.storage.backend import Backend

log = logging.getLogger("aqi_service")

READY_SECONDS = 3.0
SWITCH_SECONDS = 0.0001
"""Seconds that a thread waits for the interpreter's lock (Python's default is 0.005). A lookup in SQLite
takes the lock some eight times; with a hundred lookups a second beside a load, 1 ms for each used up all the
time."""

FEW_CONNECTIONS = 500
"""With room for fewer connections than this, the limit of open files gets a warning."""


async def run(config: Config, stop: Stop) -> int:
    """Serve until `stop`, and load unless the Config says serve only; return 0."""
    files, systemd = read_files(config, time.time), Systemd(os.environ)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, systemd.reloading, files.reload)
    heed_hangup()
    async with open_backend(config) as backend:
        tell_start(config, backend)
        tell_excluded(config, files.excluded)
        await _serve(config, backend, stop, files, systemd)
    return 0


async def _serve(
    config: Config,
    backend: Backend,
    stop: Stop,
    files: ReloadedFiles | None = None,
    systemd: Systemd | None = None,
) -> None:
    """Listen, serve and load until `stop`; then end both together, but answer open requests.

    Sockets accept first: making and checking archive and table may take minutes, and lookups are told so.
    """
    files = files or read_files(config, time.time)
    tls = files.tls
    async with AsyncExitStack() as stack:
        sockets = _closing(stack, listen(config.host, config.port))
        http_sockets = _closing(stack, _http_sockets(config))
        memory = MemoryIndex(time.time, files.excluded)
        files.on_excluded = memory.renewable.set
        lookup = Lookup(backend.storage.store, time.time, memory=memory, read_units=config.read_units)
        stack.push_async_callback(lookup.close)
        at_once = AtOnce(lookup.at_once, lookup.records_at_once)
        server = Server(
            sockets, lookup.answer, _limits(config), lambda: tls.context if tls else None, at_once
        )
        server.no_slot = lookup.no_slot
        status = ServiceStatus(server.counts, lookup.counts, lookup.requests, memory)
        await _watch_loads(stack, config, backend, status)
        status.certificate_end = lambda: tls.expires if tls else None
        _warn(config)
        if http_sockets:
            loads = RecentLoads(backend.storage, config.table, time.time, files.excluded)
            shown = Shown(status, lookup, partial(_ready, backend, stop), loads, tiles=config.street_tiles)
            await serve_http(stack, http_sockets, shown, config.descriptors)
            _tell_listening(http_sockets, "http")
        _put_lookups_first()
        await server.start()
        _tell_listening(sockets, "tls" if tls else "tcp")
        await stack.enter_async_context(_telling(systemd or Systemd({}), config, status, stop))
        preparation = Preparation(config, backend, status)
        await _prepare(preparation, server, stop)
        loader = Scheduler(config, backend, status, Serving(sockets[0].getsockname()[1], memory), preparation)
        job = preparation.until_done if config.serve_only else loader.run
        loading = supervise(lambda: job(stop), status, stop)
        refreshing = _refresher(config, backend, memory, status).run(stop)
        watching = (watch(status.lag, stop), watch_disk(backend.free_bytes, status, stop))
        await asyncio.gather(loading, _serve_until(server, stop), refreshing, *watching)


async def _prepare(preparation: Preparation, server: Server, stop: Stop) -> None:
    """Make and check archive and table once; a fault that waiting cannot mend ends the server and raises."""
    try:
        await stop.guard(preparation.first())
    except AqiError:
        await server.stop()
        raise


def _limits(config: Config) -> Limits:
    """Return the server's limits."""
    return Limits(
        max_connections=config.connections,
        max_per_address=config.connections_per_address,
        large=LARGE_REQUESTS,
        stop_grace=GRACE_SECONDS,
    )


def _telling(
    systemd: Systemd, config: Config, status: ServiceStatus, stop: Stop
) -> AbstractAsyncContextManager[None]:
    """Keep systemd informed about the service and its loads."""
    loads = "loads nothing" if config.serve_only else "no load yet"
    health = Health(lambda: status.newest, time.time, loads)
    status.watchers.append(health.note)
    return told(systemd, health, stop)


async def _watch_loads(
    stack: AsyncExitStack, config: Config, backend: Backend, status: ServiceStatus
) -> None:
    """Keep CloudWatch informed about loads, if that is wanted."""
    sender = await stack.enter_async_context(cloudwatch(config, backend, time.time, 0.0))
    if sender:
        status.watchers.append(sender.tell)
        status.cloudwatch_failures = lambda: sender.failures


def _put_lookups_first() -> None:
    """Make lookups wait less while a load computes: for the interpreter's lock, and for garbage collections.

    Imported modules are left out of full collections, which took 0.1 s each.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()


def _refresher(
    config: Config, backend: Backend, memory: MemoryIndex, status: ServiceStatus
) -> MemoryRefresher:
    asking = FetchOptions(user_agent(config), config.max_bytes)
    return MemoryRefresher(backend.storage, config.table, memory, asking, told=status.seen)


async def _serve_until(server: Server, stop: Stop) -> None:
    await stop.wait()
    await server.stop()


def _closing(stack: AsyncExitStack, sockets: list[socket]) -> list[socket]:
    for sock in sockets:
        stack.callback(sock.close)
    return sockets


def _http_sockets(config: Config) -> list[socket]:
    """Open the HTTP port; if the default port is in use, that is only a warning."""
    if config.no_http:
        return []
    try:
        return listen(config.http_host, DEFAULT_HTTP_PORT if config.http_port is None else config.http_port)
    except PortInUse as error:
        taken = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
        if config.http_port is not None or not taken:
            raise
        log.warning("http_port_taken", extra={"error": str(error), "hint": "or choose one with --http-port"})
        return []


def _tell_listening(sockets: Sequence[socket], kind: str) -> None:
    for sock in sockets:
        host, port = sock.getsockname()[:2]
        told = f"listening on {f'[{host}]' if ':' in host else host}:{port} ({kind})"
        say("listening", told, {"host": host, "port": port, "kind": kind})


def _warn(config: Config) -> None:
    """Log what an operator should know about the settings and the clock."""
    if trouble := clock_trouble(time.time()):
        log.warning("clock_off", extra={"error": trouble})
    if not config.serve_only:
        warn_without_contact(config)
        tell_what_stays(config)
    if config.tls_cert is None and not _is_loopback(config.host):
        hint = "anyone on the way can read and change what is sent; --tls-cert encrypts it"
        log.warning("tls_off", extra={"host": config.host, "hint": hint})
    places, asked = config.connections, config.max_connections or FEW_CONNECTIONS
    if places < asked:
        hint = "raise the limit of open files (ulimit -n) for more"
        log.warning(
            "open_files_limit_low",
            extra={"limit": config.descriptors, "connections": places, "hint": hint},
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _ready(backend: Backend, stop: Stop) -> str | None:
    """Return what keeps lookups from being answered (old data does not), or None."""
    if stop.is_set():
        return "stopping"
    try:
        async with asyncio.timeout(READY_SECONDS):
            await backend.storage.store.get("0")
    except (AqiError, TimeoutError):
        return "the table cannot be read"
    return None
