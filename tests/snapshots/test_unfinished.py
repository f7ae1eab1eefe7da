"""What earlier loads left unfinished: which snapshots, in which order, and when they are loaded again."""

import logging
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.app.commands import SERVICE, service
from aqi_service.app.loads import Loads
from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.scheduler import Scheduler
from aqi_service.core.scales import DAQI
from aqi_service.core.snapshot_names import manifest_key, snapshot_name
from aqi_service.errors import LeaseLost, Unavailable
from aqi_service.server.limits import ServerCounts
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.unfinished import MOST_OLD, OlderUnfinished, UnfinishedSnapshots
from aqi_service.storage.dry import DryLease
from aqi_service.storage.ports import READ_LIMIT, Storage
from tests.doubles.backend import GivenBackend, opened
from tests.doubles.config import config
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import NOW, TABLE, document
from tests.doubles.log_lines import lines
from tests.doubles.program import ran, typed
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, failing, in_memory
from tests.doubles.waits import Waits

HOUR = 3600

TODAY = time.time()
"""The daemon's clock, for what it catches up."""


def name_at(hours: float, now: float = NOW) -> str:
    """Name a snapshot that was taken so many hours ago."""
    return snapshot_name(now - hours * HOUR)


def note(archive: MemoryArchive, name: str, **changes: object) -> None:
    """Write a manifest, of a finished load into the memory store's table unless changed."""
    usual = {"status": "complete", "scale": "daqi", "table_id": "a table", "snapshot_time": ""}
    archive.documents[manifest_key(TABLE, name)] = orjson.dumps(usual | changes)


def archive_of(*names: str, body: bytes = b"[]") -> MemoryArchive:
    archive = MemoryArchive()
    archive.snapshots |= dict.fromkeys(names, body)
    return archive


def catch_up(archive: MemoryArchive) -> UnfinishedSnapshots:
    return UnfinishedSnapshots(archive, ManifestStore(in_memory(archive), TABLE), DAQI.name, lambda: NOW)


async def recent(rest: UnfinishedSnapshots) -> list[str]:
    return [source.named[0] for source in await rest.recent() if source.named]


async def test_the_last_48_hours_are_caught_up_newest_first() -> None:
    """dd_MM_yy does not sort: 1 January is newer than 31 December."""
    names = [snapshot_name(1_704_063_600 + HOUR * n) for n in range(4)]  # 2023-12-31T23:00 and on
    archive = archive_of(*names, snapshot_name(1_704_063_600 - 48 * HOUR))
    rest = UnfinishedSnapshots(
        archive, ManifestStore(in_memory(archive), TABLE), "daqi", lambda: 1_704_063_600 + 3 * HOUR
    )
    assert await recent(rest) == names[::-1]
    assert await rest.older() == OlderUnfinished(1, 1)


async def test_what_is_finished_is_left_alone_and_its_manifest_is_read_once() -> None:
    names = [name_at(hours) for hours in (1, 2, 3, 4, 5)]
    archive = archive_of(*names, name_at(-1))
    note(archive, names[0])
    note(archive, names[1], status="incomplete")
    note(archive, names[2], scale="us-epa")
    note(archive, names[3], table_id="the table before")
    rest = catch_up(archive)
    assert await recent(rest) == names[1:]
    archive.documents.clear()
    assert await recent(rest) == names[1:]


async def test_what_turns_out_to_be_no_snapshot_is_not_tried_for_ever() -> None:
    loads = Loads(config(), opened(archive_of(name_at(1, TODAY), body=b"<html>")))
    for ends in (["rejected"], []):
        async with aclosing(loads.catch_up()) as reports:
            assert [report.status async for report in reports] == ends


async def test_of_older_ones_at_most_so_many_are_looked_at() -> None:
    archive = archive_of(*(name_at(49 + n) for n in range(MOST_OLD + 5)))
    for n in range(3):
        note(archive, name_at(49 + n))
    assert await catch_up(archive).older() == OlderUnfinished(MOST_OLD - 3, MOST_OLD)


async def test_a_table_that_does_not_take_all_of_one_is_not_asked_to_take_the_next() -> None:
    archive = archive_of(name_at(1, TODAY), name_at(2, TODAY), body=document(1))
    down = Before(MemoryStore(), put=failing(Unavailable("away")), read=failing(Unavailable("away")))
    found = GivenBackend(Storage(archive, down))
    async with aclosing(Loads(config(load_only=True), found).catch_up()) as reports:
        assert [(report.status, report.snapshot) async for report in reports] == [
            ("incomplete", name_at(1, TODAY))
        ]


async def test_whoever_loses_the_lease_catches_nothing_up_any_more() -> None:
    archive, store = (
        archive_of(*(name_at(hours, TODAY) for hours in (1, 2, 3)), body=document(1)),
        MemoryStore(),
    )
    archive.snapshots[name_at(2, TODAY)] = document(2)

    class Lost(DryLease):
        def check(self) -> None:
            if store.writes:
                raise LeaseLost("another holds it")

    found = GivenBackend(Storage(archive, store), lease=Lost())
    async with aclosing(Loads(config(load_only=True), found).catch_up()) as reports:
        assert [(report.status, report.snapshot) async for report in reports] == [
            ("complete", name_at(1, TODAY))
        ]
    assert set(store.items) == {"1"}


async def test_one_that_is_under_way_when_the_lease_is_lost_writes_no_more() -> None:
    archive, store = archive_of(name_at(1, TODAY), body=document(*range(1, 1201))), MemoryStore()

    class Lost(DryLease):
        def check(self) -> None:
            if store.writes >= READ_LIMIT:
                raise LeaseLost("another holds it")

    found = GivenBackend(Storage(archive, store), lease=Lost())
    async with aclosing(Loads(config(load_only=True), found).catch_up()) as reports:
        assert [report.status async for report in reports] == ["incomplete"]
    assert store.writes == READ_LIMIT


def test_the_command_for_older_ones_carries_what_decides_how_they_are_loaded() -> None:
    changes: dict[str, Any] = {"ttl_days": 30, "max_bytes": 10**9, "max_records": 2 * 10**6}
    settings = config(bucket="b-b", table=TABLE, bucket_owner="123456789012", **changes)
    assert settings.archive_command == (
        f"{service()} --load-only --from archive --bucket b-b --table {TABLE} --scale daqi "
        "--bucket-owner 123456789012 --ttl-days 30 --max-bytes 1000000000 --max-records 2000000"
    )


def test_the_command_that_makes_the_table_carries_what_decides_how_it_is_filled() -> None:
    settings = config(
        bucket="b-b", table=TABLE, bucket_owner="123456789012", ttl_days=30, scale_name="us-epa"
    )
    assert settings.create_command == (
        f"{service()} --load-only --create --bucket b-b --table {TABLE} --scale us-epa "
        "--bucket-owner 123456789012 --ttl-days 30"
    )
    assert config(bucket="b-b", table=TABLE).create_command.endswith(f" --table {TABLE}")


async def test_what_is_left_is_caught_up_until_the_next_load_is_due() -> None:
    archive = archive_of(name_at(1, TODAY), body=document(1))
    found = opened(archive)
    async with aclosing(Loads(config(), found).catch_up(ends=0.0)) as reports:
        assert [report.status async for report in reports] == []


async def test_the_daemon_catches_up_after_its_load_and_names_the_command_for_older_ones_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = time.time()
    archive = archive_of(*(name_at(hours, now) for hours in (2, 1, 50, 60)), body=document(7))
    archive.snapshots[name_at(3, now)] = document(8)
    stop, counted = Waits(2), ServiceStatus(ServerCounts())
    async with feed_server((answer(document(9)),)) as feed:
        settings = config(feed_url=feed.url(), bucket="b-b", table=TABLE)
        with caplog.at_level(logging.INFO):
            await Scheduler(settings, opened(archive), counted).run(stop)
    assert (counted.loads["complete"], counted.loads["unchanged"]) == (4, 1)
    assert counted.last is not None
    assert counted.last.source == feed.url()
    loads = [line for line in lines(caplog) if line.startswith("loaded ")]
    wanted = ["", *(f"snapshot={name_at(hours, now)} " for hours in (1, 2, 3)), "status=unchanged"]
    assert all(want in line for want, line in zip(wanted, loads, strict=True))
    [told] = [line for line in lines(caplog) if line.startswith("snapshots_unfinished ")]
    assert told == (
        "snapshots_unfinished count=2 of_newest=2 hint='load them with "
        f"{service()} --load-only --from archive --bucket b-b --table {TABLE} --scale daqi'"
    )


async def test_an_archive_that_cannot_be_read_keeps_no_later_load_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted, stop, calls = ServiceStatus(ServerCounts()), Waits(2), iter(range(1, 100))

    async def names() -> None:
        if next(calls) % 3 == 0:  # a load asks at its start and its end, then the catching up
            raise Unavailable("away")

    found = opened(Before(MemoryArchive(), names=names))
    async with feed_server((answer(document(9)),)) as feed:
        await Scheduler(config(feed_url=feed.url()), found, counted).run(stop)
    assert (counted.loads["complete"], counted.loads["unchanged"]) == (1, 1)
    assert "catch_up_failed error=away hint='tried again after the next load'" in lines(caplog)


async def test_a_load_of_the_live_feed_catches_up_though_the_feed_fails_and_a_replay_does_not(
    tmp_path: Path,
) -> None:
    now, shelf = time.time(), tmp_path / "d" / "snapshots"
    shelf.mkdir(parents=True)
    for hours, number in ((2, 2), (1, 1), (49, 3)):
        (shelf / name_at(hours, now)).write_bytes(document(number))
    options = ("--load-only", "--local", "d")
    replay = await ran(*options, "--from", "-", cwd=tmp_path, stdin=document(4))
    assert [report["source"] for report in replay.reports] == ["stdin"]
    async with feed_server((answer(status="404 Not Found"),)) as feed:
        done = await ran(*options, "--feed-url", feed.url(), cwd=tmp_path)
    assert [report["snapshot"] for report in done.reports] == [None, name_at(1, now), name_at(2, now)]
    assert [report["status"] for report in done.reports] == ["failed", "complete", "complete"]
    assert done.code == 1
    ours = typed(SERVICE, tmp_path)
    command = f"{ours} --load-only --from archive --local d --table air_quality_data --scale daqi"
    assert done.last.endswith(f"snapshots_unfinished count=1 of_newest=1 hint='load them with {command}'")
    older = await ran(*command.split()[3:], cwd=tmp_path)
    assert [report["records"] for report in older.reports] == [1, 0, 0, 0]
