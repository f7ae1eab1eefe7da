"""`--load-only`: load what was asked for, print a report for each, and end.

One rule: running it again is always safe.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from aqi_service.app.advice import fitting_advice
from aqi_service.app.cloudwatch import SEND_SECONDS, LoadMetricsSender, Tell, cloudwatch
from aqi_service.app.config import Config
from aqi_service.app.lease_keeper import acquire, keep_renewed
from aqi_service.app.loads import LoadKind, Loads, log_in_glacier, warn_without_contact
from aqi_service.app.logs import say
from aqi_service.app.open import open_backend
from aqi_service.app.reload import excluded_sensors
from aqi_service.app.reports import print_report
from aqi_service.app.startup_checks import check_when_ready, tell_start
from aqi_service.core.clocks import check_clock
from aqi_service.core.report import LoadReport, Status
from aqi_service.errors import AqiError
from aqi_service.load.report_builder import skipped
from aqi_service.shutdown import Stop
from aqi_service.snapshots.manifests import CONCURRENT_READS
from aqi_service.snapshots.select import choose, look_here
from aqi_service.snapshots.sources import Source, live_feed
from aqi_service.storage.backend import Backend
from aqi_service.storage.ports import LEASE_SECONDS


async def run(config: Config, stop: Stop) -> int:
    """Load every source; return 0 if all are complete or unchanged, 2 if waiting cannot mend one, else 1."""
    with fitting_advice(config):
        code = await stop.guard(_run(config, stop))
    if code is None:
        say("interrupted", "aqi-service: interrupted", level=logging.WARNING)
    return 1 if code is None else code


async def _run(config: Config, stop: Stop) -> int:
    code, excluded = 0, excluded_sensors(config)
    async with (
        open_backend(config) as backend,
        cloudwatch(config, backend, time.time, SEND_SECONDS) as sender,
    ):
        tell_start(config, backend)
        warn_without_contact(config)
        look_here(config.sources, backend.snapshot_locations)
        await check_when_ready(config, backend)
        loads = Loads(config, backend, excluded=excluded)
        tell = _teller(sender, stop)
        wanted = _replays(config, backend, loads) if config.sources else _live(config, loads, tell)
        async with holding_lease(config, backend), aclosing(wanted) as reports:
            async for report in reports:
                code = max(code, _code(report), 0 if await print_report(report, config) else 1)
                if report.error is not None:
                    which = "" if report.source in report.error else f"{report.source}: "
                    told = f"aqi-service: {report.status}: {which}{report.error}"
                    say(
                        "load_not_finished",
                        told,
                        {
                            "status": report.status,
                            "source": report.source,
                            "error": report.error,
                            "load_id": report.load_id,
                        },
                        level=logging.ERROR,
                    )
                if stop.is_set():
                    return 1
    return code


def _teller(sender: LoadMetricsSender | None, stop: Stop) -> Tell:
    """Return what tells CloudWatch of a load, if it is to be told, unless the load was interrupted."""

    def tell(report: LoadReport | None) -> None:
        if sender and not stop.is_set():
            sender.tell(report)

    return tell


def _code(report: LoadReport) -> int:
    """Return the exit code that a load asks for."""
    if report.for_good:
        return 2
    return 0 if report.status.is_finished else 1


async def _replays(config: Config, backend: Backend, loads: Loads) -> AsyncGenerator[LoadReport, None]:
    """Load what `--from` names, one snapshot after the other, and give the report of each."""
    others, clock = _time_of_others(config), time.time()
    sources = await choose(config.sources, backend.snapshot_locations, config.selection, others, clock)
    if not sources:
        check_clock(clock)  # by one that was never set, all are named ahead
        told = "aqi-service: nothing to load: no snapshot is in the range, or in this worker's share"
        say("nothing_to_load", told)
    skips, clock_off = 0, False
    for start in range(0, len(sources), CONCURRENT_READS):
        some = sources[start : start + CONCURRENT_READS]
        names = [source.named[0] for source in some if source.archived and source.named]
        finished = await loads.finished_of(() if config.force else names)
        for source in some:
            if source.archived and source.named and source.named[0] in finished:
                skips += 1
                yield skipped(source, config.table, config.scale_name, time.time())
            else:
                report = await loads.load(source, LoadKind.REPLAY)
                clock_off |= report.clock_off
                if report.in_glacier and source.archived and not _is_named(source, config):
                    log_in_glacier(report)
                else:
                    yield report
    if not clock_off:
        await loads.prune()
    if skips:
        told = f"{skips} of {len(sources)} snapshots were finished already: --force loads them again"
        say("snapshots_skipped", told, {"count": skips, "of": len(sources)})


def _is_named(source: Source, config: Config) -> bool:
    """Tell whether `--from` names this very snapshot of the archive, not only the place where it is."""
    return source.named is not None and f"s3://{config.bucket}/{source.named[0]}" in config.sources


def _time_of_others(config: Config) -> int:
    """Return what a source counts as whose name tells no time."""
    return int(time.time()) if config.snapshot_time is None else config.snapshot_time


async def _live(config: Config, loads: Loads, tell: Tell) -> AsyncGenerator[LoadReport, None]:
    """Load the live feed, then what earlier loads left unfinished, unless the table takes nothing now."""
    if wait := await loads.seconds_until_feed_may_be_asked():
        told = f"aqi-service: waiting {wait:.0f} s: the feed is not asked again within 5 minutes"
        say("feed_wait", told, {"seconds": round(wait)})
        await asyncio.sleep(wait)
    try:
        report = await loads.load(live_feed(config.feed_url), LoadKind.LIVE)
    except AqiError:
        tell(None)
        raise
    tell(report)
    yield report
    if report.clock_off:
        return
    await loads.prune()
    if report.status is not Status.INCOMPLETE:
        async with aclosing(loads.catch_up()) as reports:
            async for each in reports:
                yield each
        await loads.log_older_unfinished()


@asynccontextmanager
async def holding_lease(
    config: Config, backend: Backend, patience: float = 2 * LEASE_SECONDS
) -> AsyncIterator[None]:
    """Hold the table's lease while the live feed is loaded; a replay needs none.

    Raises LeaseHeld, which names the holder, if it is not to be had within `patience` seconds.
    """
    if config.sources or config.dry_run:
        yield
        return
    await acquire(backend.lease, patience)
    async with keep_renewed(backend.lease):
        yield
