"""Loads what `--from` names, one snapshot after the other.

One rule: a finished snapshot is not read again, so a stopped backfill goes on where it was.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence

from aqi_service.app.config import Config
from aqi_service.app.loads import LoadKind, Loads, log_in_glacier
from aqi_service.app.logs import say
from aqi_service.core.clocks import check_clock
from aqi_service.core.report import LoadReport
from aqi_service.core.run_progress import RunProgress
from aqi_service.core.run_summary import RunSummary
from aqi_service.load.report_builder import skipped
from aqi_service.snapshots.manifests import CONCURRENT_READS
from aqi_service.snapshots.select import choose
from aqi_service.snapshots.sources import Source
from aqi_service.storage.backend import Backend

log = logging.getLogger("aqi_service")


async def replays(
    config: Config, backend: Backend, loads: Loads, summary: RunSummary
) -> AsyncGenerator[LoadReport, None]:
    """Load what `--from` names, one snapshot after the other, and yield the report of each."""
    others, now = _time_of_others(config), time.time()
    sources = await choose(config.sources, backend.snapshot_locations, config.selection, others, now)
    if not sources:
        check_clock(now)  # by one that was never set, all are named ahead
        told = "aqi-service: nothing to load: no snapshot is in the range, or in this worker's share"
        say("nothing_to_load", told)
    _warn_of_expiry(sources, config, now)
    summary.of, clock_off, clock = len(sources), False, asyncio.get_running_loop().time
    run = RunProgress(len(sources))
    for start in range(0, len(sources), CONCURRENT_READS):
        some = sources[start : start + CONCURRENT_READS]
        finished = await loads.finished_sources(some)
        for each in some:
            source = each if each.prepare is None else await each.prepare()
            if name := finished.get(each) or await loads.finished_day(source):
                summary.skips += 1
                run.skip()
                yield skipped(source, name, config.table, config.scale_name, time.time())
            else:
                begun = clock()
                report = await loads.load(await loads.noted(source), LoadKind.REPLAY, run=run)
                await loads.note_source(source, report)
                run.load(clock() - begun)
                clock_off |= report.clock_off
                if report.in_glacier and source.archived and not _is_named(source, config):
                    log_in_glacier(report)
                else:
                    yield report
    if not clock_off:
        await loads.prune()


def _warn_of_expiry(sources: Sequence[Source], config: Config, now: float) -> None:
    """Warn before the first load of days of daily files whose records would expire at once."""
    ends = [source.named[1] for source in sources if source.day is not None and source.named]
    old = sum(1 for end in ends if config.ttl and end + config.ttl <= now)
    if old:
        hint = "records expire --ttl-days after their own time: load old days without it"
        log.warning("old_days_expire", extra={"count": old, "of": len(ends), "hint": hint})


def _is_named(source: Source, config: Config) -> bool:
    """Tell whether `--from` names this very snapshot of the archive, and not only its folder or prefix."""
    return source.named is not None and f"s3://{config.bucket}/{source.named[0]}" in config.sources


def _time_of_others(config: Config) -> int:
    """Return the time of sources whose names have none."""
    return int(time.time()) if config.snapshot_time is None else config.snapshot_time
