"""`--load-only`: load what was asked for, print a report for each, and end.

One rule: running it again is always safe.
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, asynccontextmanager, suppress

import orjson

from aqi_service import __version__
from aqi_service.choosing import choose
from aqi_service.config import DEFAULT_PORT, Config
from aqi_service.core.names import parse_name
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.times import DAY
from aqi_service.errors import AqiError, ConfigError, MissingResource, Unavailable
from aqi_service.leasing import acquire, kept
from aqi_service.ledger import AT_ONCE, Ledger, is_complete
from aqi_service.load import Plan, load
from aqi_service.logs import visible
from aqi_service.opening import Opened, first_line, opened
from aqi_service.progress import ProgressLine
from aqi_service.sources import Source, live_feed
from aqi_service.stopping import Stop
from aqi_service.storage import LEASE_SECONDS
from aqi_service.tally import skipped

log = logging.getLogger(__name__)

START_SECONDS = 10.0
"""How long AWS may take to answer at the start."""

CREATE_SECONDS = 360.0
"""How long `--create` may take, once AWS has answered: a table with an index takes minutes to make."""

_GOOD = frozenset({Status.COMPLETE, Status.UNCHANGED})


async def run(config: Config, stop: Stop) -> int:
    """Load every source; return 0 if all are complete or unchanged, 1 otherwise."""
    code = await stop.guard(_run(config, stop))
    if code is None:
        say("aqi-service: interrupted")
    return 1 if code is None else code


async def _run(config: Config, stop: Stop) -> int:
    good = True
    async with opened(config) as found:
        say(first_line(config, found))
        await check(config, found)
        async with alone(config, found), aclosing(_reports(config, found)) as reports:
            async for report in reports:
                good = tell(report) and report.status in _GOOD and good
                if report.error is not None:
                    which = "" if report.source in report.error else f"{report.source}: "
                    say(f"aqi-service: {report.status}: {which}{report.error}")
                if stop.is_set():
                    return 1
    return 0 if good else 1


async def _reports(config: Config, found: Opened) -> AsyncGenerator[LoadReport, None]:
    """Load what was asked for, one snapshot after the other, and give the report of each."""
    if not config.sources:
        yield await load_one(config, found, live_feed(config.feed_url))
        await prune(config, found)
        return
    sources = await choose(config.sources, found.places, config.selection, int(time.time()))
    if not sources:
        say("aqi-service: nothing to load: no snapshot is in the range, or in this worker's share")
    ledger, skips = Ledger(found.storage, config.table), 0
    for start in range(0, len(sources), AT_ONCE):
        some = sources[start : start + AT_ONCE]
        names = [source.named[0] for source in some if source.archived and source.named]
        finished = await ledger.finished_of(() if config.force else names, config.scale_name)
        for source in some:
            if source.archived and source.named and source.named[0] in finished:
                skips += 1
                yield skipped(source, config.table, config.scale_name, time.time())
            else:
                yield await load_one(config, found, source)
                await prune(config, found)
    if skips:
        say(f"{skips} of {len(sources)} snapshots were finished already: --force loads them again")


@asynccontextmanager
async def alone(config: Config, found: Opened, patience: float = 2 * LEASE_SECONDS) -> AsyncIterator[None]:
    """Hold the table's lease while the live feed is loaded; a replay needs none.

    Raises LeaseTaken, which names the holder, if it is not to be had within `patience` seconds.
    """
    if config.sources or config.dry_run:
        yield
        return
    await acquire(found.lease, patience)
    async with kept(found.lease):
        yield


async def check(config: Config, found: Opened) -> None:
    """See that archive and table can be used and are scored on this scale; raises what is wrong.

    With `--create` makes what is missing first, once both have shown that they answer.
    """
    if config.create:
        with suppress(ConfigError):
            await _in_time(found, _usable(config, found))
        await _in_time(found, found.create(), CREATE_SECONDS)
    await _in_time(found, _usable(config, found))
    if not config.serve_only:
        await _sweep(found)
    if not (config.rescore or config.serve_only):  # a replica scores nothing: it serves what is there
        ledger = Ledger(found.storage, config.table)
        await _in_time(found, ledger.check_scale(config.scale_name))


async def _sweep(found: Opened) -> None:
    """Take away what dead loads left half done; that it cannot be done now keeps nobody from loading."""
    try:
        async with asyncio.timeout(START_SECONDS):
            swept = await found.storage.archive.sweep()
    except (AqiError, TimeoutError) as error:
        log.warning("sweep_failed error=%r: tried again at the next start", str(error) or "no answer in time")
    else:
        if swept:
            log.info("swept count=%d: what loads that were killed left half done", swept)


async def _usable(config: Config, found: Opened) -> None:
    """Check both at once. Raises Unavailable if one does not answer, else all that is wrong, as one error."""
    checks = (found.storage.archive.check(), found.storage.store.check())
    wrong = [e for e in await asyncio.gather(*checks, return_exceptions=True) if e is not None]
    for error in wrong:
        if not isinstance(error, ConfigError):
            raise error
    if len(wrong) > 1 and all(isinstance(error, MissingResource) for error in wrong):
        how = "" if config.local else f"; both at once: {config.create_command}"
        raise MissingResource("; ".join(map(str, wrong)) + how)
    for error in wrong:
        raise error


async def _in_time(found: Opened, work: Awaitable[None], seconds: float = START_SECONDS) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError as error:
        raise Unavailable(f"{found.place}: no answer within {seconds:.0f} s") from error


async def load_one(config: Config, found: Opened, source: Source, *, live: bool | None = None) -> LoadReport:
    """Load one snapshot and return its report, showing on a terminal how far it has come."""
    plan = Plan(
        table=config.table,
        scale=config.scale,
        agent=f"aqi_service/{__version__} (+{config.contact})",
        max_bytes=config.max_bytes,
        live=not config.sources if live is None else live,
        ttl=config.ttl,
        snapshot_time=config.snapshot_time,
        deadline=config.deadline,
        dry_run=config.dry_run,
        guard=found.lease.check,
    )
    line = ProgressLine(sys.stderr, time.monotonic)
    try:
        return await load(source, found.storage, plan, now=time.time, progress=line)
    finally:
        line.done()


def tell(report: LoadReport, port: int = DEFAULT_PORT) -> bool:
    """Print the report on stdout and, on stderr, how to look at it on `port`; False if stdout takes nothing.

    What is loaded is loaded, even if nobody can read of it.
    """
    printed = True
    try:
        sys.stdout.write(orjson.dumps(report.as_json()).decode() + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # whoever read the reports wants no more of them
    except OSError as error:
        say(f"aqi-service: the report cannot be printed: {error.strerror}")
        printed = False
    count = report.fates.stored + report.fates.unchanged + report.fates.superseded
    if report.example and count and not report.dry_run:
        where = "" if port == DEFAULT_PORT else f" --port {port}"
        say(f"{count} records, for instance: python -m aqi_service.client {report.example}{where}")
    return printed


async def prune(config: Config, found: Opened) -> None:
    """Delete finished snapshots older than --keep-days; one without a finished manifest is kept."""
    if config.keep_days is None or found.prune is None:
        return
    before = time.time() - config.keep_days * DAY
    ledger = Ledger(found.storage, config.table)
    old = [name for name in await found.storage.archive.names() if (t := parse_name(name)) and t[1] < before]
    done = [name for name in old if is_complete(await ledger.manifest(name))]
    if done:
        await found.prune(done)


def say(text: str) -> None:
    """Write a line for a person to stderr; that nobody reads it costs nothing else."""
    with suppress(OSError, ValueError):  # ValueError: it is closed
        print(visible(text), file=sys.stderr, flush=True)
