"""What `--from` names, loaded one snapshot after the other.

One rule: what is finished is not read again, so that a backfill that was cut off goes on where it was.
"""

import asyncio
import time
from collections.abc import AsyncGenerator

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


async def replays(
    config: Config, backend: Backend, loads: Loads, summary: RunSummary
) -> AsyncGenerator[LoadReport, None]:
    """Load what `--from` names, one snapshot after the other, and give the report of each."""
    others, now = _time_of_others(config), time.time()
    sources = await choose(config.sources, backend.snapshot_locations, config.selection, others, now)
    if not sources:
        check_clock(now)  # by one that was never set, all are named ahead
        told = "aqi-service: nothing to load: no snapshot is in the range, or in this worker's share"
        say("nothing_to_load", told)
    summary.of, clock_off, clock = len(sources), False, asyncio.get_running_loop().time
    run = RunProgress(len(sources))
    for start in range(0, len(sources), CONCURRENT_READS):
        some = sources[start : start + CONCURRENT_READS]
        finished = await loads.finished_sources(some)
        for source in some:
            if name := finished.get(source):
                summary.skips += 1
                run.skip()
                yield skipped(source, name, config.table, config.scale_name, time.time())
            else:
                begun = clock()
                report = await loads.load(source, LoadKind.REPLAY, run=run)
                await loads.note_source(source, report)
                run.load(clock() - begun)
                clock_off |= report.clock_off
                if report.in_glacier and source.archived and not _is_named(source, config):
                    log_in_glacier(report)
                else:
                    yield report
    if not clock_off:
        await loads.prune()


def _is_named(source: Source, config: Config) -> bool:
    """Tell whether `--from` names this very snapshot of the archive, not only the place where it is."""
    return source.named is not None and f"s3://{config.bucket}/{source.named[0]}" in config.sources


def _time_of_others(config: Config) -> int:
    """Return what a source counts as whose name tells no time."""
    return int(time.time()) if config.snapshot_time is None else config.snapshot_time
