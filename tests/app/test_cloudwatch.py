"""`--cloudwatch`: what is told after a load, and that telling costs a load nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.app.cloudwatch import QUIET_SECONDS, LoadMetricsSender
from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.app.scheduler import Scheduler
from aqi_service.core.load_metrics import NAMES, LoadMetric
from aqi_service.core.snapshot_names import latest_key
from aqi_service.errors import AccessDenied, Unavailable
from aqi_service.server.limits import ServerCounts
from aqi_service.shutdown import Stop
from aqi_service.snapshots.manifests import ManifestStore
from tests.doubles.backend import opened
from tests.doubles.config import config
from tests.doubles.faults.clock import HandClock
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.log_lines import lines
from tests.doubles.moto_names import Moto
from tests.doubles.patience import patience
from tests.doubles.program import ran, running
from tests.doubles.storage_doubles import Before, MemoryArchive, Stuck, failing, in_memory
from tests.doubles.waits import Waits
from tests.doubles.wire_fixtures import by_jumps

AGE, FAILED, RECORDS = NAMES
MEASURED = 1_703_091_600  # 2023-12-20 17:00:00
NEWEST = orjson.dumps({"status": "complete", "newest": "2023-12-20 17:00:00"})


class Sink:
    """Keeps what it is told, after doing what a test says."""

    def __init__(self, before: Callable[[], Awaitable[None]] | None = None) -> None:
        self.told: list[dict[str, float]] = []
        self._before = before

    async def put(self, metrics: Sequence[LoadMetric]) -> None:
        if self._before:
            await self._before()
        self.told.append({each.name: each.value for each in metrics if each.fate is None})


def told_to(moto: Moto) -> set[str]:
    """Name the metrics that CloudWatch has in the test's namespace."""
    found = moto.client("cloudwatch").list_metrics(Namespace=moto.table)["Metrics"]
    return {metric["MetricName"] for metric in found}


def with_newest() -> MemoryArchive:
    archive = MemoryArchive()
    archive.documents[latest_key("table")] = NEWEST
    return archive


def sender(sink: Sink, clock: Callable[[], float], archive: object = None) -> LoadMetricsSender:
    return LoadMetricsSender(sink, ManifestStore(in_memory(archive), "table", now=clock), clock)


async def test_the_age_grows_while_loads_fail_and_while_the_archive_is_away() -> None:
    sink, clock = Sink(), HandClock(MEASURED + 60.0)
    away = Before(with_newest(), get=failing(Unavailable("away"), after=1))
    told = sender(sink, clock, away)
    for _ in range(3):
        told.tell(None)
        await told.close(60.0)
        clock.advance(3600.0)
    assert sink.told == [{FAILED: 1, AGE: 60}, {FAILED: 1, AGE: 3660}, {FAILED: 1, AGE: 7260}]


async def test_where_nothing_was_ever_finished_no_age_is_told() -> None:
    sink = Sink()
    told = sender(sink, HandClock(MEASURED))
    told.tell(None)
    await told.close(60.0)
    assert sink.told == [{FAILED: 1}]


@by_jumps
async def test_what_cannot_be_told_is_counted_and_one_line_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    told = sender(Sink(failing(AccessDenied("no permission"))), HandClock(MEASURED))
    for wait in (0.0, 60.0, QUIET_SECONDS):
        await asyncio.sleep(wait)
        told.tell(None)
        await told.close(60.0)
    assert told.failures == 3
    assert lines(caplog) == ["cloudwatch_not_told error='no permission'"] * 2
    assert loop.time() > QUIET_SECONDS


async def test_an_error_of_the_program_in_it_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = sender(Sink(failing(KeyError("a bug"))), HandClock(MEASURED))
    told.tell(None)
    await told.close(60.0)
    assert (told.failures, caplog.records[-1].levelno) == (1, logging.ERROR)
    assert caplog.records[-1].exc_info


@by_jumps
async def test_a_cloudwatch_or_an_archive_that_does_not_answer_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told, deaf = sender(Sink(Stuck()), HandClock(MEASURED)), Sink()
    told.tell(None)
    await told.close(3600.0)
    assert lines(caplog) == ["cloudwatch_not_told error='no answer in time'"]
    told = sender(deaf, HandClock(MEASURED), Before(with_newest(), get=Stuck()))
    told.tell(None)
    await told.close(3600.0)
    assert deaf.told == [{FAILED: 1}]


@by_jumps
async def test_what_is_on_its_way_at_the_end_is_waited_for_only_so_long() -> None:
    stuck = Stuck()
    told = sender(Sink(stuck), HandClock(MEASURED))
    told.tell(None)
    await stuck.reached.wait()
    begun = asyncio.get_running_loop().time()
    await told.close(0.0)
    assert asyncio.get_running_loop().time() - begun < 1.0
    assert told.failures == 0


async def told_by_daemon(stop: Stop, *scripts: Any, archive: object = None) -> list[str]:
    """Run a loader to its stop; give how each load ended of which its watchers were told."""
    counted, seen = ServiceStatus(ServerCounts()), list[str]()
    counted.watchers.append(lambda report: seen.append("refused" if report is None else report.status))
    async with feed_server(*scripts) as feed:
        await Scheduler(config(feed_url=feed.url()), opened(archive), counted).run(stop)
    return seen


async def test_the_daemon_tells_of_each_load_be_it_good_failed_or_refused() -> None:
    scripts = (answer(document(1)),), (answer(status="500 No"),)
    assert await told_by_daemon(Waits(2), *scripts) == ["complete", "failed"]
    denied = Before(MemoryArchive(), names=failing(AccessDenied("denied")))
    assert await told_by_daemon(Waits(2), *scripts, archive=denied) == ["refused", "refused"]


async def test_the_daemon_does_not_tell_of_a_load_that_a_stop_interrupts() -> None:
    stop = Stop()
    assert await told_by_daemon(stop, (stop.set, asyncio.Event())) == []


def test_loads_that_cloudwatch_was_not_told_of_are_a_metric() -> None:
    counted = ServiceStatus(ServerCounts())
    counted.cloudwatch_failures = lambda: 3
    assert "\naqi_cloudwatch_failures_total 3.0\n" in metrics(counted)().decode()


async def test_the_daemon_s_own_metrics_come_from_what_it_opened(moto: Moto, tmp_path: Path) -> None:
    async with feed_server((answer(document(1)),)) as feed:
        options = ("--local", "d", "--feed-url", feed.url(), "--cloudwatch", moto.table, "--port", "0")
        async with (
            running(*options, "--http-port", "0", cwd=tmp_path, env=moto.environment) as program,
            patience(),
        ):
            await program.report()
            while AGE not in told_to(moto):
                await program.page("/healthz")
            assert "\naqi_cloudwatch_failures_total 0.0\n" in (await program.page("/metrics"))[1]
    assert told_to(moto) == {AGE, FAILED, RECORDS}


async def test_a_load_only_that_fails_is_told_before_it_ends(moto: Moto, tmp_path: Path) -> None:
    async with feed_server((answer(status="404 No"),)) as feed:
        options = ("--local", "d", "--feed-url", feed.url(), "--cloudwatch", moto.table)
        done = await ran("--load-only", *options, cwd=tmp_path, env=moto.environment)
    assert done.code == 1
    assert told_to(moto) == {FAILED, RECORDS}
