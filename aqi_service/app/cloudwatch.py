"""`--cloudwatch`: tells CloudWatch after each load of the live feed how it ended, and how old the data is.

One rule: no load waits for it, and a failure is a line in the log.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aqi_service.app.config import Config
from aqi_service.app.open import open_metric_sink
from aqi_service.core.load_metrics import load_metrics
from aqi_service.core.log_limit import LogLimiter
from aqi_service.core.report import LoadReport
from aqi_service.core.times import feed_time
from aqi_service.errors import AqiError
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.storage.backend import Backend
from aqi_service.storage.ports import MetricSink

log = logging.getLogger("aqi_service")

READ_SECONDS = 5.0
"""How many seconds it may take to read how old the data is."""

SEND_SECONDS = 10.0
"""How many seconds all of it may take."""

QUIET_SECONDS = 3600.0
"""Failures get at most one log line in this many seconds."""

Tell = Callable[[LoadReport | None], None]
"""Called with a load's report, or None if archive or table refused the load; waits for nothing."""


class LoadMetricsSender:
    """Sends the metrics of each load in a task of its own; `failures` counts failed sends."""

    def __init__(self, sink: MetricSink, manifests: ManifestStore, now: Callable[[], float]) -> None:
        self.failures = 0
        self._sink, self._manifests, self._now = sink, manifests, now
        self._newest: int | None = None
        self._tasks = set[asyncio.Task[None]]()
        self._lines = LogLimiter(1, QUIET_SECONDS)

    def tell(self, report: LoadReport | None) -> None:
        """Begin to send the metrics of a load, as `Tell` describes."""
        task = asyncio.create_task(self._send(report))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, seconds: float) -> None:
        """Wait `patience` seconds for sends under way, and give up the rest."""
        tasks = tuple(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, report: LoadReport | None) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                newest = await self._newest_record()
                await self._sink.put(load_metrics(report, newest, self._now()))
        except (AqiError, TimeoutError) as error:
            if self._failed():
                log.warning("cloudwatch_not_told", extra={"error": str(error) or "no answer in time"})
        except Exception as error:  # an error in the program costs no load
            if self._failed():
                log.exception("cloudwatch_not_told", extra={"error": str(error)})

    def _failed(self) -> bool:
        """Count a failure; tell whether it gets a log line."""
        self.failures += 1
        return self._lines.allow("", asyncio.get_running_loop().time()) is not None

    async def _newest_record(self) -> int | None:
        """Return when the newest record of the finished loads was measured (epoch seconds).

        While that cannot be read, the last value stays, so the age grows.
        """
        try:
            async with asyncio.timeout(READ_SECONDS):
                manifest = await self._manifests.latest()
        except (AqiError, TimeoutError):
            return self._newest
        self._newest = feed_time(manifest.get("newest")) if manifest else None
        return self._newest


@asynccontextmanager
async def cloudwatch(
    config: Config, backend: Backend, now: Callable[[], float], patience: float
) -> AsyncIterator[LoadMetricsSender | None]:
    """Open what `--cloudwatch` names; None without it. Raises ConfigError if AWS's settings cannot be used.

    At its end the block waits at most `patience` seconds for sends under way.
    """
    async with open_metric_sink(config) as sink:
        if sink is None:
            yield None
            return
        sender = LoadMetricsSender(sink, ManifestStore(backend.storage, config.table, now=now), now)
        try:
            yield sender
        except asyncio.CancelledError:
            patience = 0.0
            raise
        finally:
            await sender.close(patience)
