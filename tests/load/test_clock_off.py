"""A wrong clock destroys nothing: it is noticed by the feed's, and what it did before counts for nothing.

One rule: the wall clock is one that the test sets; feeds are real servers that say what time it is.
"""

import logging
import time
from collections.abc import Iterable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.app import load_only as once
from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.app.open import open_backend as opened_of
from aqi_service.app.scheduler import Scheduler, Serving
from aqi_service.core.selection import Selection
from aqi_service.core.snapshot_names import latest_key, manifest_key, snapshot_name
from aqi_service.core.times import DAY
from aqi_service.errors import ClockOff
from aqi_service.load.note import note_of
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.refresh import MemoryRefresher
from aqi_service.server.limits import ServerCounts
from aqi_service.shutdown import Stop
from aqi_service.snapshots.select import choose
from aqi_service.snapshots.sources import FetchOptions, source_of
from aqi_service.storage.backend import SnapshotLocations
from tests.doubles.backend import GivenBackend, opened
from tests.doubles.config import config
from tests.doubles.documents import document_of
from tests.doubles.faults.clock import HandClock
from tests.doubles.feed_server import FeedServer, answer, feed_server
from tests.doubles.load_helpers import AGENT, TABLE, document, plan, records, run, written
from tests.doubles.local_helpers import stored
from tests.doubles.log_lines import lines
from tests.doubles.storage_doubles import TABLE_ID, MemoryArchive, MemoryStore, in_memory
from tests.doubles.waits import Waits

NOW = 1_829_325_665.0
"""2027-12-20T18:01:05Z, by a clock that is right."""

HOUR = 3600.0
NAME, NEXT_DAY = snapshot_name(NOW), snapshot_name(NOW + DAY)
LATEST = latest_key("table")


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """The wall clock of everything in this process."""
    clock = HandClock(NOW)
    monkeypatch.setattr(time, "time", clock)
    return clock


def stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def body(*ids: int, age: float = HOUR, **changes: Any) -> bytes:
    """Write a document of records that were measured so many seconds before NOW."""
    return document(*ids, timestamp=stamp(NOW - age), **changes)


def valued(p2: str) -> bytes:
    """Write a document of one measurement of NOW - HOUR, with a value."""
    return document_of(*(each | {"sensordatavalues": [{"value_type": "P2", "value": p2}]} for each in ONE))


ONE = records([1], timestamp=stamp(NOW - HOUR))


def saying(seconds: float, content: bytes = b"", **headers: str) -> bytes:
    """Answer with a document, and with the time that the feed's clock shows."""
    return answer(content, Date=formatdate(seconds, usegmt=True), **headers)


def told_latest(snapshot: str, newest: float | None) -> bytes:
    """Write `latest.json` of a snapshot whose newest record is of that time."""
    return orjson.dumps(
        {"snapshot": snapshot, "newest": stamp(newest) if newest else None, "stored": 1, "table_id": TABLE_ID}
        | {"status": "complete", "scale": "daqi"}
        | ({"witness": {"time": stamp(newest), "records": 1}} if newest else {})
    )


class World:
    """Archive and table in memory, and a daemon's parts over them; `pruned` are the names it would delete."""

    def __init__(self) -> None:
        self.archive, self.store = MemoryArchive(), MemoryStore()
        self.pruned: list[str] = []
        self.memory = MemoryIndex(time.time)
        self.status = ServiceStatus(ServerCounts(), memory=self.memory)

    @property
    def found(self) -> GivenBackend:
        async def prune(names: Iterable[str]) -> int:
            self.pruned += names
            return 0

        return opened(self.archive, self.store, prune=prune)

    def shelve(self, name: str, content: bytes = b"[]", **manifest: object) -> None:
        """Put a finished snapshot into the archive."""
        self.archive.snapshots[name] = content
        told = {"status": "complete", "scale": "daqi", "table_id": TABLE_ID, "snapshot": name} | manifest
        self.archive.documents[manifest_key("table", name)] = orjson.dumps(told)

    async def load(self, feed: FeedServer, times: int = 1, **changes: Any) -> None:
        """Let a daemon's loader load so many times."""
        usual: dict[str, Any] = {
            "feed_url": feed.url(), "local": Path("d"), "keep_days": 30, "ttl_days": 30,
        }  # fmt: skip
        settings = config(**usual | changes)
        serving = Serving(0, self.memory)
        await Scheduler(settings, self.found, self.status, serving).run(Waits(times))
        if self.memory.renewable.is_set():
            await self.look()

    async def look(self) -> None:
        """Let a refresher look once."""
        storage = in_memory(self.archive, self.store)
        await MemoryRefresher(
            storage, "table", self.memory, FetchOptions(AGENT, 2**20), told=self.status.seen
        ).look()

    async def reply(self, record_id: int) -> bytes:
        lookup = Lookup(self.store, self.memory.now, memory=self.memory)
        return await lookup.answer(str(record_id).encode())

    def gauge(self) -> str:
        lines = metrics(self.status)().decode().splitlines()
        return next(line for line in lines if line.startswith("aqi_clock_off "))


@pytest.mark.parametrize("by", [-HOUR - 60, HOUR + 60, -60 * DAY, 60 * DAY])
async def test_over_an_hour_from_the_feeds_clock_nothing_is_loaded_pruned_or_expired_until_it_is_right(
    by: float, wall: HandClock
) -> None:
    world = World()
    old, recent = snapshot_name(NOW - 100 * DAY), snapshot_name(NOW - 2 * HOUR)
    world.shelve(old)
    world.shelve(snapshot_name(NOW - 60 * DAY))
    world.archive.documents[LATEST] = told_latest(snapshot_name(NOW - 60 * DAY), NOW - 2 * HOUR)
    world.archive.snapshots[recent] = body(7)  # unfinished: it would be caught up
    archived = set(world.archive.snapshots)
    wall.advance(by)
    off, ok = saying(NOW, body(1)), saying(NOW, body(1))
    set_right_meanwhile = (lambda: wall.advance(-by), off)  # but the load was named by what it said before
    away = answer(status="500 No")  # which says nothing of the time
    async with feed_server((off,), (away,), set_right_meanwhile, (ok,)) as feed:
        await world.load(feed, 3)
        assert set(world.archive.snapshots) == archived
        assert (world.store.items, world.pruned, world.store.expired) == ({}, [], [])
        assert world.status.loads["failed"] == 3
        assert world.gauge() == "aqi_clock_off 1.0"
        trouble = world.status.clock_trouble(NOW)
        assert trouble is not None
        assert trouble.startswith("clock_off: this machine's clock says 2")
        assert "the source's 2027-12-20T18:01:05Z" in trouble
        await world.load(feed)
    assert world.gauge() == "aqi_clock_off 0.0"
    assert world.store.items.keys() == {"1", "7"}
    assert sorted(world.pruned) == sorted([old, snapshot_name(NOW - 60 * DAY)])


@pytest.mark.parametrize(
    ("headers", "loads"),
    [
        ({}, True),
        ({"Date": formatdate(NOW - 2 * HOUR, usegmt=True)}, False),
        ({"Date": formatdate(NOW - 2 * HOUR, usegmt=True), "Age": 7200}, True),
        ({"Date": formatdate(NOW, usegmt=True), "Age": 7200}, False),
        ({"Date": formatdate(NOW - 2 * HOUR, usegmt=True), "Age": "soon"}, True),
        ({"Date": "yesterday"}, True),
        ({"Date": "Mon, 20 Dec 2027 17:30:00 -0000"}, True),
        ({"Date": "Mon, 20 Dec 2027 16:30:00 -0000"}, False),
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "304 Not Modified"])
async def test_the_second_clock_is_date_plus_age_and_without_one_that_can_be_read_nothing_is_judged(
    headers: dict[str, object], loads: bool, status: str, wall: HandClock
) -> None:
    world, content = World(), body(1) if status == "200 OK" else b""
    first = (answer(body(1), ETag='"1"'),)
    async with feed_server(first, (answer(content, status, **headers),)) as feed:
        await world.load(feed, 2)
        assert feed.requests[1].headers["if-none-match"] == '"1"'
    ends = {name: count for name, count in world.status.loads.items() if count}
    assert ends == {"complete": 1, "unchanged" if loads else "failed": 1}


async def test_a_clock_before_the_release_does_not_even_ask_the_feed_and_lookups_go_on(
    wall: HandClock,
) -> None:
    world = World()
    async with feed_server((answer(body(1)),)) as feed:
        await world.load(feed)
        wall.now = 3600.0
        await world.load(feed)
        await world.look()
        assert len(feed.requests) == 1
    assert list(world.archive.snapshots) == [NAME]
    assert world.gauge() == "aqi_clock_off 1.0"
    assert (await world.reply(1)).startswith(b"id,")


def snapshots(folder: Path) -> list[Path]:
    return list(folder.glob("snapshots/data_*.json.gz"))


async def load_only(folder: Path, **changes: Any) -> int:
    """Run --load-only in a folder; give its exit code."""
    settings: Any = {"load_only": True, "local": folder, "keep_days": 30, "ttl_days": 30, "table": "table"}
    return await once.run(config(**settings | changes), Stop())


@pytest.mark.parametrize("named", ["feed.json", NAME])
async def test_a_load_by_a_clock_of_1970_is_exit_1_names_the_reason_and_leaves_nothing(
    named: str, wall: HandClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, body(1), named)
    wall.now = 7200.0
    async with feed_server((answer(body(1)),)) as feed:
        assert await load_only(tmp_path / "d", feed_url=feed.url()) == 1
        assert await load_only(tmp_path / "d", sources=(str(file),)) == 1
        assert not feed.requests
    told = capsys.readouterr().err
    assert told.count("clock_off: this machine's clock says 1970-01-01T02:00:00Z") == 2
    assert not snapshots(tmp_path / "d")
    assert stored(tmp_path / "d") == 0


async def test_by_a_clock_past_2099_nothing_is_loaded_named_or_pruned(
    wall: HandClock, tmp_path: Path
) -> None:
    async with feed_server((answer(body(1)),)) as feed:
        assert await load_only(tmp_path, feed_url=feed.url()) == 0
        before = snapshots(tmp_path)
        wall.now = 2.0**32 - 60
        assert await load_only(tmp_path, feed_url=feed.url("/other.json")) == 1
        assert await load_only(tmp_path, sources=("archive",), force=True) == 1
    assert snapshots(tmp_path) == before
    assert stored(tmp_path) == 1


async def test_an_archive_of_which_all_is_ahead_of_a_clock_that_was_never_set_is_not_called_empty(
    wall: HandClock, tmp_path: Path
) -> None:
    async with feed_server((answer(body(1)),)) as feed:
        assert await load_only(tmp_path, feed_url=feed.url()) == 0
    wall.now = 7200.0
    with pytest.raises(ClockOff, match="clock_off: this machine's clock says 1970"):
        await load_only(tmp_path, sources=("archive",))


async def test_while_a_snapshot_is_named_less_than_an_hour_ahead_the_same_content_is_archived_once(
    wall: HandClock,
) -> None:
    world = World()
    wall.advance(50 * 60)
    async with feed_server((answer(valued("4")),)) as feed:
        await world.load(feed)
    wall.advance(-50 * 60)
    async with feed_server((answer(valued("5")),)) as feed:
        for _ in range(3):
            await world.load(feed)
            wall.advance(600)
    assert set(world.archive.snapshots) == {snapshot_name(NOW + 50 * 60), NAME}
    assert world.status.loads["unchanged"] == 2


async def test_a_load_by_a_clock_that_contradicts_the_feeds_is_exit_1_and_prunes_and_expires_nothing(
    wall: HandClock, tmp_path: Path
) -> None:
    for days in range(5, -1, -1):
        wall.now = NOW - days * DAY
        content = body(*range(10), age=days * DAY + HOUR)
        async with feed_server((saying(wall.now, content),)) as feed:
            assert await load_only(tmp_path, feed_url=feed.url()) == 0
    wall.now = NOW + 60 * DAY
    async with feed_server((saying(NOW, body(*range(20))),)) as feed:
        assert await load_only(tmp_path, feed_url=feed.url(), keep_days=2) == 1
        assert await load_only(tmp_path, sources=(feed.url("/a.json"),), keep_days=2) == 1
    assert len(snapshots(tmp_path)) == 6
    assert stored(tmp_path) == 10


async def test_60_days_ahead_without_a_second_clock_no_snapshot_and_no_row_is_lost_and_all_are_found(
    wall: HandClock, tmp_path: Path
) -> None:
    async def load(content: bytes) -> None:
        async with feed_server((answer(content),)) as feed:
            assert await load_only(tmp_path, feed_url=feed.url()) == 0

    for days in range(5, -1, -1):
        wall.now = NOW - days * DAY
        await load(body(*range(days * 10, days * 10 + 80), age=days * DAY + HOUR))
    before = stored(tmp_path)
    wall.now = NOW + 60 * DAY
    await load(body(*range(200, 280), age=0))
    assert len(snapshots(tmp_path)) == 7
    assert stored(tmp_path) == before + 80
    async with opened_of(config(local=tmp_path)) as found:
        memory = MemoryIndex(wall)
        refresher = MemoryRefresher(
            found.storage, "table", memory, FetchOptions(AGENT, 2**20), told=lambda _: None
        )
        await refresher.look()
        assert memory.reply(279) is not None
        lookup = Lookup(found.storage.store, wall, memory=memory)
        replies = [await lookup.answer(str(i).encode()) for i in (0, 79, 279)]
        await lookup.close()
    assert all(reply.startswith(b"id,") for reply in replies), replies


async def test_after_a_load_a_day_ahead_the_same_content_is_archived_once_and_then_unchanged(
    wall: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()

    async def load() -> None:
        async with feed_server((answer(valued("5")),)) as feed:
            await world.load(feed)

    wall.advance(DAY)
    await load()
    wall.advance(-DAY)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await load()
            wall.advance(HOUR)
    assert set(world.archive.snapshots) == {NEXT_DAY, NAME}
    assert {name: count for name, count in world.status.loads.items() if count} == {
        "complete": 2,
        "unchanged": 2,
    }
    assert orjson.loads(world.archive.documents[LATEST])["snapshot"] == NAME
    named = [line for line in lines(caplog) if line.startswith("snapshots_ahead ")]
    assert len(named) == 3  # once in each of these three loaders
    assert all(NEXT_DAY in line for line in named)


async def test_snapshots_that_are_ahead_are_named_once_while_a_daemon_runs(
    wall: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.shelve(NEXT_DAY)
    world.shelve("data_01_01_70_00_01.json")
    scripts = [(answer(valued(value)),) for value in ("5", "6", "7")]
    async with feed_server(*scripts) as feed:
        caplog.set_level(logging.WARNING)
        await world.load(feed, 3)
    [line] = [line for line in lines(caplog) if line.startswith("snapshots_ahead ")]
    assert line.startswith("snapshots_ahead count=2 names=")


async def test_a_value_that_the_feed_corrects_after_a_load_a_day_ahead_is_stored_and_answered_at_once(
    wall: HandClock,
) -> None:
    world = World()
    wall.advance(DAY)
    async with feed_server((answer(valued("5")),)) as feed:
        await world.load(feed)
    wall.advance(-DAY)
    async with feed_server((answer(valued("17")),)) as feed:
        await world.load(feed)
    assert world.status.fates["superseded"] == 0
    assert world.store.items["1"].pm25 == "17"
    assert world.store.items["1"].snapshot_at == NOW // 60 * 60
    assert world.memory.index is not None
    assert world.memory.index.version.snapshot == NAME
    assert b",17," in await world.reply(1)


async def test_a_replica_asks_the_table_while_the_newest_snapshot_is_named_ahead_of_its_clock(
    wall: HandClock,
) -> None:
    world, replica = World(), World()
    replica.archive, replica.store = world.archive, world.store
    async with feed_server((answer(valued("5")),), (answer(valued("6")),), (answer(valued("7")),)) as feed:
        await world.load(feed)
        await replica.look()
        assert replica.memory.index is not None
        wall.advance(DAY)
        await world.load(feed)
        wall.advance(-DAY)
        await replica.look()
        assert replica.memory.index is None
        assert b",6," in await replica.reply(1)
        wall.advance(120)
        await world.load(feed)
    await replica.look()
    index: Any = replica.memory.index
    assert index.version.snapshot == snapshot_name(NOW + 120)
    assert b",7," in await replica.reply(1)


async def test_past_a_newest_snapshot_that_is_ahead_goes_the_live_feed_and_no_replay_of_older_data(
    tmp_path: Path,
) -> None:
    archive, there = MemoryArchive(), latest_key(TABLE)
    storage = in_memory(archive)

    async def newest_after(content: bytes, now: float, *, live: bool) -> Any:
        report = await run(written(tmp_path, content), storage, now=now, live=live)
        assert report.status == "complete"
        return orjson.loads(archive.documents[there])["snapshot"]

    assert await newest_after(body(1), NOW + DAY, live=True) == NEXT_DAY
    assert await newest_after(body(2, age=30 * DAY), NOW, live=False) == NEXT_DAY
    assert await newest_after(body(1, 3), NOW + 60, live=True) == snapshot_name(NOW + 60)


@pytest.mark.parametrize(("other", "same"), [("?key=a", True), ("?key=b", False)])
def test_loads_of_two_urls_that_differ_in_the_query_alone_are_not_noted_as_of_one_document(
    other: str, same: bool
) -> None:
    one, another = (source_of(f"https://example.org/{NAME}{query}") for query in ("?key=a", other))
    notes = [note_of(plan(), source, NOW, int(NOW)) for source in (one, another)]
    assert (notes[0].what == notes[1].what) is same
    assert not any("key" in note.what for note in notes)


async def test_ages_for_pruning_count_from_the_newest_record_and_the_last_finished_snapshot_stays(
    wall: HandClock,
) -> None:
    def of(days: float) -> str:
        return snapshot_name(NOW - days * DAY)

    async def pruned(newest: float | None, *ages: float) -> set[str]:
        world = World()
        for age in ages:
            world.shelve(of(age))
        world.archive.documents[LATEST] = told_latest(of(min(ages)), newest)
        async with feed_server((answer(status="500 No"),)) as feed:
            await world.load(feed)
        return set(world.pruned)

    assert await pruned(NOW, 70, 40, 20) == {of(70), of(40)}
    assert await pruned(NOW - 20 * DAY, 70, 40, 20) == {of(70)}
    assert await pruned(NOW, 70, 40) == {of(70)}
    assert await pruned(NOW, 70, 40, -1) == {of(70)}  # what is named ahead is not the last finished one
    assert await pruned(None, 70, 40, 20) == set()


async def test_the_archive_as_a_source_leaves_out_what_is_named_ahead_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive = MemoryArchive()
    archive.snapshots |= {NAME: b"[]", NEXT_DAY: b"[]"}
    with caplog.at_level(logging.WARNING):
        found = await choose(["archive"], SnapshotLocations(archive), Selection(), 0, NOW)
    assert [source.label for source in found] == [f"archive:{NAME}"]
    [line] = lines(caplog)
    assert line.startswith(f"snapshots_ahead count=1 names=archive:{NEXT_DAY} ")


@pytest.mark.parametrize("how", ["name", "option"])
async def test_a_snapshot_that_is_ahead_of_the_clock_is_not_loaded_by_hand_either(
    how: str, tmp_path: Path
) -> None:
    archive, store = MemoryArchive(), MemoryStore()
    named = NEXT_DAY if how == "name" else "feed.json"
    when = None if how == "name" else int(NOW + DAY)
    source = written(tmp_path, body(1), named)
    report = await run(source, in_memory(archive, store), now=NOW, snapshot_time=when)
    assert (report.status, report.clock_off, report.snapshot) == ("failed", True, None)
    assert report.error is not None
    assert report.error.startswith("clock_off: the snapshot is of 2027-12-21T18:01:0")
    assert (archive.snapshots, archive.documents, store.items) == ({}, {}, {})


@pytest.mark.parametrize(("named", "refused"), [(NAME, False), ("feed.json", True)])
async def test_a_url_that_the_time_of_reading_names_is_held_to_its_servers_clock(
    named: str, refused: bool, wall: HandClock
) -> None:
    async with feed_server((saying(NOW - DAY, body(1)),)) as feed:
        report = await run(feed.url(f"/{named}"), in_memory(), now=NOW)
    assert report.clock_off is refused


async def test_two_feeds_that_differ_in_the_query_alone_share_no_304(wall: HandClock) -> None:
    world = World()
    async with feed_server((answer(body(1), ETag='"1"'),), (answer(body(2), ETag='"1"'),)) as feed:
        for query in ("?area=1", "?area=2"):
            await world.load(feed, feed_url=feed.url(f"/data.json{query}"))
            wall.advance(HOUR)
        assert "if-none-match" not in feed.requests[1].headers
        await world.load(feed, feed_url=feed.url("/data.json?area=2"))
        assert feed.requests[2].headers["if-none-match"] == '"1"'
    assert world.store.items.keys() == {"1", "2"}
