"""What a wall clock that is set, and a process that stood still, change: names and ages, and nothing else.

One rule: no test waits; the wall clock is one that the test sets, and the loop's is moved by hand.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.scheduler import Scheduler
from aqi_service.core.items import Item
from aqi_service.core.scales import DAQI
from aqi_service.core.snapshot_names import latest_key
from aqi_service.load.load import load
from aqi_service.lookup.lookup import Lookup
from aqi_service.server.limits import ServerCounts
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.sources import source_of
from aqi_service.snapshots.unfinished import UnfinishedSnapshots
from tests.doubles import load_helpers
from tests.doubles.backend import opened
from tests.doubles.config import config
from tests.doubles.faults.clock import HandClock
from tests.doubles.feed_server import Step, answer, feed_server, head
from tests.doubles.load_helpers import plan, written
from tests.doubles.storage_doubles import MemoryArchive, MemoryStore, in_memory
from tests.doubles.waits import Waits, spread
from tests.doubles.wire_fixtures import advance, by_hand

NOW = 1_829_325_665.0
"""2027-12-20T18:01:05Z: a time at which this program may run."""

HOUR = 3600.0
NAME, AN_HOUR_LATER = "data_20_12_27_18_01.json", "data_20_12_27_19_01.json"
document = partial(load_helpers.document, timestamp="2027-12-20 17:00:00")


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """The wall clock of everything in this process."""
    clock = HandClock(NOW)
    monkeypatch.setattr(time, "time", clock)
    return clock


def setting(wall: HandClock, seconds: float) -> Callable[[], None]:
    return lambda: wall.advance(seconds)


async def loads(*scripts: tuple[Step, ...], archive: MemoryArchive, store: MemoryStore) -> list[float]:
    """Let a loader load once for each script; give how long it waits after each."""
    stop = Waits(len(scripts))
    async with feed_server(*scripts) as feed:
        settings = config(feed_url=feed.url(), interval=3600)
        await Scheduler(settings, opened(archive, store), ServiceStatus(ServerCounts())).run(stop)
    return stop.seconds[1:]


async def test_the_schedule_does_not_follow_a_wall_clock_that_is_set(wall: HandClock) -> None:
    archive, store = MemoryArchive(), MemoryStore()
    scripts = [(setting(wall, by), answer(document(i))) for i, by in enumerate((HOUR, -2 * HOUR, HOUR), 1)]
    waits = await loads(*scripts, archive=archive, store=store)
    assert all(spread(wait, 3600) for wait in waits), waits
    assert store.items.keys() == {"1", "2", "3"}


async def test_back_in_a_minute_that_has_a_snapshot_the_next_gets_a_name_of_its_own(wall: HandClock) -> None:
    archive, store = MemoryArchive(), MemoryStore()
    await loads((answer(document(1)),), archive=archive, store=store)
    wall.advance(HOUR)
    await loads((answer(document(2)),), archive=archive, store=store)
    wall.advance(-HOUR)
    await loads((answer(document(3)),), archive=archive, store=store)
    assert set(archive.snapshots) == {NAME, AN_HOUR_LATER, NAME.replace(".json", "-2.json")}
    assert store.items.keys() == {"1", "2", "3"}
    assert orjson.loads(archive.documents[latest_key("table")])["snapshot"] == AN_HOUR_LATER


@pytest.mark.parametrize("by", [-HOUR, HOUR])
async def test_a_load_takes_as_long_as_it_takes_by_a_clock_that_nobody_sets(
    by: float, tmp_path: Path
) -> None:
    wall = HandClock(NOW)

    def jump(*_: object) -> None:
        wall.now = NOW + by

    path = written(tmp_path, document(1, 2))
    report = await load(source_of(str(path)), in_memory(), plan(), now=wall, progress=jump)
    assert (report.status, report.snapshot) == ("complete", NAME)
    assert 0 <= report.seconds < 60


@pytest.mark.parametrize(("by", "kept"), [(-HOUR, {"1", "2"}), (HOUR, {"2"})])
async def test_a_record_expires_by_the_wall_clock_and_so_an_hour_early_or_late(
    by: float, kept: set[str], wall: HandClock
) -> None:
    half_an_hour, a_day = (Item(i, expires_at=int(NOW + s)) for i, s in (("1", HOUR / 2), ("2", 24 * HOUR)))
    lookup = Lookup(MemoryStore(half_an_hour, a_day), time.time)
    wall.advance(by)
    found = {i for i in ("1", "2") if (await lookup.answer(i.encode())).startswith(b"id,")}
    assert found == kept
    wall.advance(-by)
    assert (await lookup.answer(b"1")).startswith(b"id,")


async def test_an_unfinished_snapshot_named_in_the_future_is_caught_up_when_its_time_has_come(
    wall: HandClock,
) -> None:
    archive = MemoryArchive()
    archive.snapshots |= {AN_HOUR_LATER: b"[]", NAME: b"[]"}
    rest = UnfinishedSnapshots(archive, ManifestStore(in_memory(archive), "table"), DAQI.name, time.time)

    async def found() -> list[Any]:
        return [source.named and source.named[0] for source in await rest.recent()]

    assert await found() == [NAME]
    wall.advance(HOUR)
    assert await found() == [AN_HOUR_LATER, NAME]
    wall.advance(48 * HOUR)
    assert await found() == []


async def test_the_source_is_asked_by_its_own_times_whatever_the_wall_clock_says(wall: HandClock) -> None:
    archive, store, last = MemoryArchive(), MemoryStore(), "Wed, 20 Dec 2023 18:00:00 GMT"
    first = (setting(wall, -HOUR), answer(document(1), Last_Modified=last, ETag='"1"'))
    async with feed_server(first, (answer(status="304 Not Modified"),)) as feed:
        counted = ServiceStatus(ServerCounts())
        await Scheduler(config(feed_url=feed.url()), opened(archive, store), counted).run(Waits(2))
        asked = feed.requests[1].headers
    assert (asked["if-modified-since"], asked["if-none-match"]) == (last, '"1"')
    assert (counted.loads["complete"], counted.loads["unchanged"]) == (1, 1)


@by_hand
async def test_a_load_whose_process_stood_still_for_90_s_goes_on_with_what_came_meanwhile() -> None:
    body, reading = document(*range(1, 2001)), asyncio.Event()
    half = len(body) // 2
    script = (head(Content_Length=len(body)), body[:half], reading, lambda: advance(90), body[half:])
    async with feed_server(script) as feed:
        report = await load(
            source_of(feed.url()), in_memory(), plan(), now=lambda: NOW, progress=lambda *_: reading.set()
        )
    assert (report.error, report.fates.stored) == (None, 2000)
    assert report.seconds >= 90
