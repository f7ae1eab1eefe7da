"""When the daemon loads: schedule, back-off, courtesy, a loader that dies; no wait is waited for."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.app.option_values import FEED_HOST
from aqi_service.app.scheduler import Scheduler, Serving, supervise
from aqi_service.core.scales import SCALES
from aqi_service.core.snapshot_names import snapshot_name
from aqi_service.errors import AccessDenied, Unavailable
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.refresh import MemoryRefresher
from aqi_service.server.limits import ServerCounts
from aqi_service.shutdown import Stop
from aqi_service.snapshots.sources import FetchOptions
from tests.doubles.backend import GivenBackend, opened
from tests.doubles.config import config
from tests.doubles.feed_server import FeedServer, answer, feed_server
from tests.doubles.load_helpers import document, run
from tests.doubles.log_lines import lines
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, failing
from tests.doubles.waits import Waits, spread
from tests.doubles.wire_fixtures import by_jumps

BODY = document(1, 2, 3)
OFFICIAL = f"https://{FEED_HOST}/static/v2/data.24h.json"


def status() -> ServiceStatus:
    return ServiceStatus(ServerCounts())


async def waits_of(
    loads: int, feed: FeedServer, storage: GivenBackend | None = None, **changes: Any
) -> tuple[list[float], ServiceStatus]:
    """Run a loader for so many loads; give the waits after each, and what was counted."""
    stop, counted = Waits(loads), status()
    settings = config(feed_url=feed.url(), **changes)
    await Scheduler(settings, storage or opened(), counted).run(stop)
    assert stop.seconds[0] == 0
    return stop.seconds[1:], counted


async def test_it_loads_at_once_and_then_once_an_interval() -> None:
    async with feed_server((answer(BODY),)) as feed:
        waits, counted = await waits_of(3, feed, interval=3600)
        assert len(feed.requests) == 3
    assert all(spread(wait, 3600) for wait in waits), waits
    assert len({round(wait, 3) for wait in waits}) == 3  # jitter
    assert counted.loads == {
        "complete": 1,
        "unchanged": 2,
        "incomplete": 0,
        "rejected": 0,
        "failed": 0,
        "refused": 0,
    }


async def test_after_failed_loads_it_waits_1_2_4_minutes_and_after_a_good_one_the_interval_again() -> None:
    bad, rejected = (answer(status="500 No"),), (answer(b"<html>"),)
    async with feed_server(bad, rejected, bad, (answer(BODY),), bad) as feed:
        waits, counted = await waits_of(5, feed, interval=3600)
    assert all(map(spread, waits, (60, 120, 240, 3600, 60))), waits
    assert (counted.loads["failed"], counted.loads["rejected"], counted.loads["complete"]) == (3, 1, 1)


async def test_a_daemon_loads_nothing_into_a_table_that_was_scored_anew_on_another_scale_beside_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = opened()
    async with feed_server((answer(document(1, 2, 3)),), (answer(document(1, 2, 4)),)) as feed:
        await run(feed.url(), backend.storage, table="table", scale=SCALES["us-epa"], now=time.time())
        before = await backend.storage.store.get("1")
        _, counted = await waits_of(1, feed, backend, interval=3600)
        assert len(feed.requests) == 1
    assert (counted.loads["refused"], counted.loads["complete"]) == (1, 0)
    assert (await backend.storage.store.get("1"), await backend.storage.store.get("4")) == (before, None)
    [refused] = [line for line in lines(caplog) if line.startswith("load_refused ")]
    assert "is scored on us-epa, not daqi: add --rescore" in refused


async def test_a_failed_load_is_never_put_off_beyond_the_interval() -> None:
    async with feed_server((answer(status="500 No"),)) as feed:
        waits, _ = await waits_of(3, feed, interval=90)
    assert all(map(spread, waits, (60, 90, 90))), waits


async def test_a_feed_that_names_a_time_is_left_alone_until_then() -> None:
    async with feed_server((answer(status="503 Busy", Retry_After=1800),)) as feed:
        waits, _ = await waits_of(1, feed, interval=3600)
    assert spread(waits[0], 1800), waits


async def test_a_load_that_storage_refuses_is_counted_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    denied = Before(MemoryArchive(), names=failing(AccessDenied("bucket b: denied")))
    async with feed_server((answer(BODY),)) as feed:
        waits, counted = await waits_of(2, feed, opened(denied), interval=3600)
        assert feed.requests == []
    assert all(map(spread, waits, (60, 120))), waits
    assert counted.loads["refused"] == 2
    refused = [line for line in lines(caplog) if line.startswith("load_refused ")]
    assert refused == ["load_refused error='bucket b: denied'"] * 2
    assert not any(record.exc_info for record in caplog.records)


async def test_a_stop_during_a_load_ends_the_loader_without_another() -> None:
    stop, counted = Stop(), status()
    async with feed_server((stop.set, asyncio.Event())) as feed:
        await Scheduler(config(feed_url=feed.url()), opened(), counted).run(stop)
        assert len(feed.requests) == 1
    assert counted.loads["failed"] == 1
    assert counted.last is not None
    assert counted.last.error == "interrupted"


@pytest.mark.parametrize(("age", "left"), [(0, 300), (240, 60), (400, 0)])
async def test_the_networks_own_feed_is_not_asked_within_5_minutes_of_the_last_snapshot(
    age: int, left: int
) -> None:
    archive = MemoryArchive()
    begun = time.time()
    minute = begun // 60 * 60
    archive.snapshots[snapshot_name(minute - age)] = b"[]"
    stop = Waits(0)
    await Scheduler(config(feed_url=OFFICIAL), opened(archive), status()).run(stop)
    assert len(stop.seconds) == 1
    assert left - (time.time() - minute) <= stop.seconds[0] <= max(0, left - (begun - minute))


@pytest.mark.parametrize(("ahead", "wait"), [(3000, 300), (7200, 0)])
async def test_a_snapshot_named_in_the_future_puts_the_first_load_off_for_5_minutes_or_counts_for_nothing(
    ahead: int, wait: int
) -> None:
    archive = MemoryArchive()
    archive.snapshots[snapshot_name(time.time() + ahead)] = b"[]"
    stop = Waits(0)
    await Scheduler(config(feed_url=OFFICIAL), opened(archive), status()).run(stop)
    assert stop.seconds == [wait]


async def test_courtesy_does_not_need_an_archive_that_answers() -> None:
    away = opened(Before(MemoryArchive(), names=failing(Unavailable("away"))))
    stop = Waits(0)
    await Scheduler(config(feed_url=OFFICIAL), away, status()).run(stop)
    assert stop.seconds == [0]


def dying(times: int, error: Callable[[], Exception] = lambda: KeyError("a bug")) -> Any:
    """Make a loader that dies so often before it ends well."""
    left = iter(range(times))

    async def run() -> None:
        if next(left, None) is not None:
            raise error()

    return run


async def test_a_loader_that_dies_is_started_again_after_a_wait_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted, stop = status(), Waits(99)
    await supervise(dying(12), counted, stop)
    assert "\naqi_loader_restarts_total 12.0\n" in metrics(counted)().decode()
    assert len(stop.seconds) == 12
    assert all(0 <= wait <= min(60, 2**n) for n, wait in enumerate(stop.seconds)), stop.seconds
    assert lines(caplog)[-1] == "loader_died count=12"
    assert caplog.records[-1].exc_info


class Refreshes(Waits):
    """Waits that first let memory be renewed where a load says that it can be; `seen` is what it has then."""

    def __init__(self, last: int, memory: MemoryIndex, found: GivenBackend) -> None:
        super().__init__(last)
        self._latest = memory
        asking = FetchOptions("agent", 2**20)
        self._refresher = MemoryRefresher(found.storage, config().table, memory, asking, lambda _: None)
        self.seen: list[tuple[str | None, list[int]]] = []

    async def wait(self, seconds: float | None = None) -> bool:
        if self._latest.renewable.is_set():
            self._latest.renewable.clear()
            await self._refresher.look()
        if index := self._latest.index:
            self.seen.append((index.version.snapshot, sorted(index.packed)))
        return await super().wait(seconds)


@by_jumps
async def test_each_finished_load_is_what_lookups_see_and_an_unfinished_one_is_not() -> None:
    memory = MemoryIndex(time.time)
    store = Before(MemoryStore(), put=failing(Unavailable("throttled"), after=2))
    bodies = (document(1, 2, 3), document(2, 3, 4, 5), document(6, 7))
    async with feed_server(*((answer(body),) for body in bodies)) as feed:
        found = opened(store=store)
        stop = Refreshes(3, memory, found)
        settings = config(feed_url=feed.url(), load_deadline=60.0)
        await Scheduler(settings, found, status(), Serving(0, memory)).run(stop)
    assert [ids for _, ids in stop.seen] == [[1, 2, 3], [2, 3, 4, 5], [2, 3, 4, 5]]
    assert {name for name, _ in stop.seen} <= set(await found.storage.archive.names())


async def test_what_is_caught_up_is_noticed_but_does_not_become_what_lookups_see() -> None:
    memory = MemoryIndex(time.time)
    archive, store = MemoryArchive(), MemoryStore()
    earlier, later = (
        f"{datetime.fromtimestamp(time.time() - hours * 3600, UTC):%Y-%m-%d %H:%M:%S}" for hours in (3, 2)
    )
    archive.snapshots[snapshot_name(time.time() - 3600)] = document(1, 8, timestamp=later)
    async with feed_server((answer(document(1, 2, timestamp=earlier)),)) as feed:
        found = opened(archive, store)
        stop = Refreshes(1, memory, found)
        await Scheduler(config(feed_url=feed.url()), found, status(), Serving(0, memory)).run(stop)
    assert memory.index is not None
    assert sorted(memory.index.packed) == [1, 2]
    assert store.items["1"].timestamp == later
    assert (memory.reply(1) is None, memory.reply(2) is None) == (True, False)


async def test_a_loader_that_ends_is_not_started_again() -> None:
    counted = status()
    await supervise(dying(0), counted, Waits(99))
    assert counted.loader_restarts == 0


async def test_a_loader_that_dies_while_the_program_stops_stays_dead() -> None:
    counted, stop = status(), Waits(0)
    await supervise(dying(5), counted, stop)
    assert counted.loader_restarts == 1
