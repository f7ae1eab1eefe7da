"""Memory and the sensors that are left out: on a new list at once, and after the snapshot was read again."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from aqi_service.core.exclusions import ExcludedSensors
from aqi_service.core.geo import Box
from aqi_service.core.index_exclusions import without_sensors
from aqi_service.core.requests import BoxRequest, LatestRequest
from aqi_service.core.sensor_index import SensorIndex
from aqi_service.core.slices import run_through
from aqi_service.errors import ArchiveFailed, Unavailable
from aqi_service.lookup.latest import LatestSensors
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.refresh import MemoryRefresher
from aqi_service.lookup.sensors import SensorLookup
from aqi_service.shutdown import Stop
from aqi_service.snapshots.sources import FetchOptions
from aqi_service.storage.ports import Storage
from tests.doubles.load_helpers import AGENT, NOW, TABLE, document, run
from tests.doubles.memory_world import feed
from tests.doubles.patience import PATIENCE, patience
from tests.doubles.storage_doubles import Before, Gate, MemoryArchive, MemoryStore, failing
from tests.doubles.wire_fixtures import advance, by_hand, task, until

IDS = (11, 12, 13)
"""Records, of sensors of the same ids."""


class Archive(MemoryArchive):
    """An archive that counts how often a snapshot is read, and does something else meanwhile."""

    reads = 0
    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        self.reads += 1
        async for piece in super().read(name, offset):
            yield piece
            self.meanwhile()


class World:
    """A loaded table, a daemon's memory of it, and the list."""

    def __init__(self, other: "World | None" = None) -> None:
        """Begin anew, or as another process on the archive and the table of `other`."""
        self.archive: Archive = other.archive if other else Archive()
        self.store: MemoryStore = other.store if other else MemoryStore()
        self.excluded = ExcludedSensors(read_at=NOW + 60 if other else 0)
        self.memory = MemoryIndex(lambda: NOW + 60, self.excluded)
        self.refresher = self.refreshing(self.archive)
        self.lookup = Lookup(self.store, self.memory.now, PATIENCE, self.memory)

    def refreshing(self, archive: object) -> MemoryRefresher:
        storage = Storage(archive, self.store)  # type: ignore[arg-type]
        return MemoryRefresher(storage, TABLE, self.memory, FetchOptions(AGENT, 2**31), lambda _: None)

    async def load(self) -> None:
        storage = Storage(self.archive, self.store)
        await run(feed(document(*IDS)), storage, live=True, excluded=self.excluded.ids)

    def leave_out(self, *sensors: int) -> None:
        self.excluded.replace(frozenset(sensors), self.memory.now())

    async def found(self) -> set[int]:
        """Give the ids that are found, be it in memory or in the table."""
        replies = {number: await self.lookup.answer(b"%d" % number) for number in IDS}
        return {number for number, reply in replies.items() if reply.startswith(b"id,")}

    @property
    def remembered(self) -> set[int]:
        return set() if self.memory.index is None else set(self.memory.index.packed)


async def loaded() -> World:
    made = World()
    await made.load()
    await made.refresher.look()
    assert made.remembered == await made.found() == {11, 12, 13}
    return made


@pytest.fixture
async def world() -> World:
    return await loaded()


async def _nobody(_sensor_id: int) -> None:
    """Know of no sensor that memory lacks."""


async def test_memory_goes_on_answering_for_others_while_the_snapshot_is_read_again(world: World) -> None:
    replies = []
    world.leave_out(12)
    world.archive.meanwhile = lambda: replies.append(world.lookup.at_once(b"11"))
    await world.refresher.look()
    assert replies
    assert all(reply and reply.startswith(b"id,") for reply in replies)


async def test_a_history_that_is_read_as_the_list_comes_is_none(world: World) -> None:
    reading = Gate()
    table = Before(world.store, sensor_page=reading)
    lookup = Lookup(table, world.memory.now, PATIENCE, world.memory)
    asked = b"history 12 2023-12-20 2023-12-21"
    waiting = task(lookup.answer(asked))
    await until(lambda: reading.calls > 0)
    world.leave_out(12)
    reading.open.set()
    assert (await waiting).count(b"\r\n") == 1  # the header
    world.leave_out()
    assert (await lookup.answer(asked)).count(b"\r\n") == 2


async def test_a_list_that_comes_while_others_are_read_from_the_table_counts_for_what_memory_gave(
    world: World,
) -> None:
    reading = Gate()
    sensors = SensorLookup(world.memory, Before(world.store, get_many=reading), _nobody)
    world.memory.watch().writes(["11"])  # which is left to the table from now on
    waiting = task(sensors.box(BoxRequest(Box(-90, -180, 90, 180))))
    await until(lambda: reading.calls > 0)
    world.leave_out(12)
    reading.open.set()
    assert [record.item.id for record in await waiting] == ["11", "13"]


async def test_however_many_are_left_out_around_a_point_the_nearest_others_are_found_by_one_search(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches, nearest = [], SensorIndex.nearest

    def counted(*asked: Any) -> Any:
        searches.append(asked)
        return nearest(*asked)

    monkeypatch.setattr(SensorIndex, "nearest", counted)
    world.leave_out(11, 12)
    assert (await world.lookup.answer(b"near 51.5 -0.1 1")).splitlines()[1].startswith(b"13,")
    assert len(searches) == 1


async def test_whom_the_list_leaves_out_does_not_make_an_area_too_large(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqi_service.lookup.sensors.MOST_ROWS", 2)
    asked = b"box -90 -180 90 180"
    assert (await world.lookup.answer(asked)).startswith(b"Bad request: 3 sensors; at most 2 ")
    world.leave_out(12)
    assert (await world.lookup.answer(asked)).count(b"\r\n") == 3


@by_hand
async def test_what_is_kept_of_all_sensors_holds_until_the_list_changes_and_no_longer() -> None:
    world = await loaded()
    sensors = LatestSensors(world.memory, SensorLookup(world.memory, world.store, _nobody))
    all_of_them = await sensors.all(LatestRequest())
    assert len(all_of_them.records) == 3
    assert all_of_them.holds()
    world.leave_out(12)
    assert not all_of_them.holds()
    assert world.memory.index is not None
    cut = run_through(without_sensors(world.memory.index, world.excluded.ids))
    world.memory.left_out(world.memory.index, cut)
    others = await sensors.all(LatestRequest())
    advance(3600)
    assert (len(others.records), others.holds()) == (2, True)


async def test_a_new_list_counts_before_anybody_looks_and_costs_others_no_read_of_the_table(
    world: World,
) -> None:
    before = {number: world.lookup.at_once(b"%d" % number) for number in (11, 13)}
    world.leave_out(12)
    assert {number: world.lookup.at_once(b"%d" % number) for number in (11, 13)} == before
    assert world.lookup.at_once(b"12") is None
    assert world.lookup.records_at_once([b"12"]) is None
    assert await world.found() == {11, 13}
    assert world.lookup.counts.table == 1  # the one that memory does not tell of
    await world.refresher.look()
    assert world.remembered == await world.found() == {11, 13}
    assert world.lookup.counts.table == 2


async def test_the_snapshot_is_read_again_so_that_the_checks_of_others_have_not_seen_the_sensor(
    world: World,
) -> None:
    world.leave_out(12)
    await world.refresher.look()
    assert world.memory.sensors is not None
    assert list(world.memory.sensors.index.sensor_ids) == [11, 13]
    await world.refresher.look()
    assert world.archive.reads == 2


async def test_an_archive_that_is_away_keeps_nobody_from_being_left_out_of_memory(world: World) -> None:
    world.leave_out(12)
    away = world.refreshing(Before(world.archive, get=failing(Unavailable("away"))))
    with pytest.raises(Unavailable):
        await away.look()
    assert world.remembered == await world.found() == {11, 13}


async def test_a_snapshot_that_cannot_be_read_again_leaves_what_is_there_of_the_others(world: World) -> None:
    def break_off() -> None:
        raise ArchiveFailed("broken")

    world.leave_out(12)
    world.archive.meanwhile = break_off
    with pytest.raises(ArchiveFailed):
        await world.refresher.look()
    assert world.remembered == await world.found() == {11, 13}
    assert [world.lookup.at_once(b"%d" % number) is not None for number in IDS] == [True, False, True]


async def test_a_list_that_comes_while_a_snapshot_is_read_counts_for_what_was_read() -> None:
    world = World()
    await world.load()
    world.archive.meanwhile = lambda: world.leave_out(12)
    await world.refresher.look()
    assert world.remembered == await world.found() == {11, 13}


async def test_the_same_list_once_more_costs_nothing(world: World) -> None:
    world.leave_out(12)
    await world.refresher.look()
    index = world.memory.index
    world.leave_out(12)
    await world.refresher.look()
    assert world.memory.index is index


async def test_a_sensor_that_a_load_left_out_comes_back_with_the_next_load_and_not_out_of_the_archive() -> (
    None
):
    world = World()
    world.leave_out(12)
    await world.load()
    await world.refresher.look()
    world.leave_out()
    await world.refresher.look()
    assert world.remembered == await world.found() == {11, 13}
    await run(
        feed(document(*IDS, timestamp="2023-12-20 17:30:00")), Storage(world.archive, world.store),
        live=True, now=NOW + 3600,
    )  # fmt: skip
    world.memory.now = lambda: NOW + 3660
    await world.refresher.look()
    assert world.remembered == await world.found() == {11, 12, 13}


async def test_one_that_another_takes_the_place_of_on_the_list_does_not_come_out_of_the_archive_either() -> (
    None
):
    world = World()
    world.leave_out(12)
    await world.load()
    for meanwhile in ((12,), (13,)):  # as many records of the snapshot are left out as were
        world.leave_out(*meanwhile)
        await world.refresher.look()
    assert world.remembered == await world.found() == {11}
    await run(
        feed(document(*IDS, timestamp="2023-12-20 17:30:00")), Storage(world.archive, world.store),
        live=True, now=NOW + 3600, excluded=world.excluded.ids,
    )  # fmt: skip
    world.memory.now = lambda: NOW + 3660
    await world.refresher.look()
    assert world.remembered == await world.found() == {11, 12}


async def test_nor_does_it_where_the_process_was_started_anew_with_the_other_list() -> None:
    before = World()
    before.leave_out(12)
    await before.load()
    world = World(before)
    world.excluded.ids = frozenset({13})
    await world.refresher.look()
    assert world.remembered == {11}


async def test_who_waits_for_the_next_look_is_woken_by_a_new_list(world: World) -> None:
    stop = Stop()
    looking = task(world.refresher.run(stop))
    world.leave_out(12)
    world.memory.renewable.set()
    async with patience():
        await until(lambda: 12 not in world.remembered)
    stop.set()
    await looking
