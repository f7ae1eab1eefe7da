"""The daemon's loads: the live feed, on schedule, in one process at a time.

One rule: after any end of a load the next one comes.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from random import random
from typing import NamedTuple

from aqi_service.app.advice import fitting
from aqi_service.app.config import Config
from aqi_service.app.lease_keeper import acquire, keep_renewed
from aqi_service.app.loads import LoadKind, Loads
from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.preparation import Preparation
from aqi_service.app.reports import put_report
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.schedule import full_jitter, next_start, retry_start
from aqi_service.errors import AqiError, ConfigError
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.shutdown import Stop
from aqi_service.snapshots.sources import live_feed
from aqi_service.storage.backend import Backend
from aqi_service.storage.lease import still_held

log = logging.getLogger("aqi_service")

RESTART_FIRST, RESTART_CAP = 1.0, 60.0
"""Seconds: the edges of the wait before a loader that died is started again."""

AGAIN = "tried again after the next load"


async def supervise(job: Callable[[], Awaitable[None]], status: ServiceStatus, stop: Stop) -> None:
    """Run `job` until it returns; if it raises, log and count that, and start it again after a wait."""
    deaths = 0
    while not stop.is_set():
        try:
            await job()
        except Exception:
            deaths += 1
            status.loader_restarts += 1
            log.exception("loader_died", extra={"count": deaths})
            await stop.wait(full_jitter(deaths, random(), RESTART_FIRST, RESTART_CAP))  # noqa: S311  # no secret
        else:
            return


class Serving(NamedTuple):
    """The server of lookups, and the memory that it reads."""

    port: int
    memory: MemoryIndex


class Scheduler:
    """Loads the live feed at start and then on schedule, by the monotonic clock."""

    def __init__(
        self,
        config: Config,
        backend: Backend,
        status: ServiceStatus,
        serving: Serving | None = None,
        preparation: Preparation | None = None,
    ) -> None:
        """The lease is taken only after `preparation`, if there is one."""
        self._config = config
        self._backend = backend
        self._status = status
        serving = serving or Serving(0, MemoryIndex(time.time))
        self._port = serving.port
        self._preparation = preparation
        self._loads = Loads(config, backend, serving.memory)
        self._older_told = False
        status.holds_lease = partial(still_held, backend.lease.check)
        self._clock_off = False

    async def run(self, stop: Stop) -> None:
        """Take the lease, then load, wait, load again, until `stop`; a load under way is aborted in order.

        The lease is an item of the table, so archive and table are made and checked first. While another
        process has the lease this one stands by; if it loses the lease, it stands by again.
        """
        if self._preparation:
            await self._preparation.until_done(stop)
        while not stop.is_set():
            if await stop.guard(self._acquired()):
                async with keep_renewed(self._backend.lease) as lost:
                    await self._load_on_schedule(stop, lost)
                self._status.failures = 0  # from now on another process loads

    async def _acquired(self) -> bool:
        """Wait for the lease; False, after a while, if the table refuses."""
        try:
            await acquire(self._backend.lease, None)
        except ConfigError as error:
            self._refused(error)
            await asyncio.sleep(RESTART_CAP)
            return False
        return True

    async def _load_on_schedule(self, stop: Stop, lost: asyncio.Event) -> None:
        """Load on schedule until `stop`, or until the lease is lost."""
        clock = asyncio.get_running_loop().time
        failures = 0
        await stop.wait_or(lost, await self._loads.seconds_until_feed_may_be_asked())
        while not (stop.is_set() or lost.is_set()) and still_held(self._backend.lease.check):
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
                log.info("next_load", extra={"seconds": round(due - clock())})
                if not self._clock_off:
                    await self._catch_up(stop, lost, due)
            await stop.wait_or(lost, max(0.0, due - clock()))

    def _refused(self, error: AqiError) -> None:
        self._status.refused()
        log.error("load_refused", extra={"error": fitting(self._config, error)})

    async def _load(self, stop: Stop) -> LoadReport | None:
        """Load once, and tell the watchers; None if archive or table refused, or a stop left no report."""
        report = await self._loaded(stop)
        if not stop.is_set():
            self._status.ended(report)
        return report

    async def _loaded(self, stop: Stop) -> LoadReport | None:
        try:
            report = await stop.guard(self._loads.load(live_feed(self._config.feed_url), LoadKind.LIVE))
        except AqiError as error:
            self._refused(error)
            return None
        if report is None:
            log.warning("load_interrupted")
            return None
        self._tell(report)
        self._status.loaded(report, time.time())
        self._judge_clock(report)
        if not self._clock_off:
            await self._prune()
        return report

    def _judge_clock(self, report: LoadReport) -> None:
        """Note whether the clock is off; that stays until a load that does not fail finds it right."""
        self._clock_off = report.clock_off or (self._clock_off and report.status is Status.FAILED)
        if report.clock_off or not self._clock_off:
            self._status.clock_off = report.error if report.clock_off else None

    def _tell(self, report: LoadReport) -> None:
        put_report(report, self._config, self._port)
        log.log(
            logging.INFO if report.error is None else logging.WARNING,
            "loaded",
            extra={
                "status": report.status,
                "snapshot": report.snapshot,
                "records": report.records,
                "stored": report.fates.stored,
                "unchanged": report.fates.unchanged,
                "rejected": report.fates.rejected,
                "pending": report.fates.pending,
                "seconds": round(report.seconds, 1),
                "error": report.error,
                "load_id": report.load_id,
            },
        )

    async def _catch_up(self, stop: Stop, lost: asyncio.Event, due: float) -> None:
        """Load unfinished snapshots of earlier loads, until the next load is due."""
        try:
            await stop.guard(self._caught_up(stop, lost, due))
        except AqiError as error:
            log.warning("catch_up_failed", extra={"error": fitting(self._config, error), "hint": AGAIN})

    async def _caught_up(self, stop: Stop, lost: asyncio.Event, due: float) -> None:
        async with aclosing(self._loads.catch_up(due)) as reports:
            async for report in reports:
                self._tell(report)
                self._status.caught_up(report)
                if stop.is_set() or lost.is_set():
                    return
        if not self._older_told:
            await self._loads.log_older_unfinished()
            self._older_told = True

    async def _prune(self) -> None:
        try:
            await self._loads.prune()
        except AqiError as error:
            log.warning("prune_failed", extra={"error": fitting(self._config, error), "hint": AGAIN})
