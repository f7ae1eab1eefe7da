"""`--load-only`: loads the given sources, prints a report for each, and ends.

One rule: it can always be run again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from aqi_service.app.advice import fitting_advice
from aqi_service.app.backfill import replays
from aqi_service.app.cloudwatch import SEND_SECONDS, LoadMetricsSender, Tell, cloudwatch
from aqi_service.app.config import Config
from aqi_service.app.excluded import excluded_sensors, read_list_in_s3, tell_excluded
from aqi_service.app.lease_keeper import acquire, keep_renewed
from aqi_service.app.loads import LoadKind, Loads, warn_without_contact
from aqi_service.app.logs import say
from aqi_service.app.open import open_backend, open_export
from aqi_service.app.reports import finish_export, print_report
from aqi_service.app.startup_checks import check_when_ready, tell_start
from aqi_service.app.summary import tell_run
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.run_summary import RunSummary
from aqi_service.errors import AqiError
from aqi_service.shutdown import Stop
from aqi_service.snapshots.select import look_here
from aqi_service.snapshots.sources import live_feed
from aqi_service.storage.backend import Backend
from aqi_service.storage.lease import LEASE_SECONDS


async def run(config: Config, stop: Stop) -> int:
    """Load every source; return 0 if all are complete or unchanged, 2 if waiting cannot mend one, else 1."""
    with fitting_advice(config):
        code = await stop.guard(_run(config, stop))
    if code is None:
        say("interrupted", "aqi-service: interrupted", level=logging.WARNING)
    return 1 if code is None else code


async def _run(config: Config, stop: Stop) -> int:
    code, excluded = 0, excluded_sensors(config)
    summary, clock = RunSummary(), asyncio.get_running_loop().time
    async with (
        open_backend(config) as backend,
        cloudwatch(config, backend, time.time, SEND_SECONDS) as sender,
        AsyncExitStack() as stack,
    ):
        tell_start(config, backend)
        warn_without_contact(config)
        look_here(config.sources, backend.snapshot_locations)
        await check_when_ready(config, backend)
        await read_list_in_s3(config, backend.snapshot_locations.objects, excluded)
        tell_excluded(config, excluded)
        export = await stack.enter_async_context(open_export(config))
        loads = Loads(config, backend, excluded=excluded, export=export)
        tell = _teller(sender, stop)
        begun = clock()
        wanted = replays(config, backend, loads, summary) if config.sources else _live(config, loads, tell)
        async with holding_lease(config, backend), aclosing(wanted) as reports:
            async for report in reports:
                summary.add(report)
                code = max(code, _code(report), 0 if await print_report(report, config) else 1)
                _tell_error(report)
                if stop.is_set() or export.error:
                    code = max(code, 1)
                    break
        tell_run(config, summary, clock() - begun)
        if not (stop.is_set() or export.error):
            await finish_export(config, export, failed=bool(code))
    return code


def _tell_error(report: LoadReport) -> None:
    """Print why a load is not finished, if its report says so."""
    if report.error is None:
        return
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


def _teller(sender: LoadMetricsSender | None, stop: Stop) -> Tell:
    """Return the function that tells CloudWatch about a load, if wanted, but not about an interrupted one."""

    def tell(report: LoadReport | None) -> None:
        if sender and not stop.is_set():
            sender.tell(report)

    return tell


def _code(report: LoadReport) -> int:
    """Return the exit code for a load."""
    if report.for_good:
        return 2
    return 0 if report.status.is_finished else 1


async def _live(config: Config, loads: Loads, tell: Tell) -> AsyncGenerator[LoadReport, None]:
    """Load the live feed, then unfinished snapshots of earlier loads, unless the table takes nothing now."""
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

    Raises LeaseHeld, which names the holder, if it is not free within `patience` seconds.
    """
    if config.sources or config.dry_run:
        yield
        return
    await acquire(backend.lease, patience)
    async with keep_renewed(backend.lease):
        yield
