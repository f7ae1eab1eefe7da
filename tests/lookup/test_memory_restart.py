"""Loads of other processes that ended badly, or beside the newest snapshot: no answer goes back in time."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.items import Item
from aqi_service.errors import Unavailable
from aqi_service.lookup.memory import MemoryIndex
from tests.doubles.documents import document_of
from tests.doubles.load_helpers import NOW, document, records
from tests.doubles.memory_world import DAY, MemoryWorld
from tests.doubles.storage_doubles import Before, failing

IDS = range(1, 302)
HOUR = 3600
OLD, NEWER = "2023-12-20 16:00:00", "2023-12-20 17:30:00"
FIRST = document(*IDS, timestamp=OLD)
SECOND = document(*range(1, 301), timestamp=NEWER)


async def cut_short(world: MemoryWorld) -> None:
    report = await world.by_another(SECOND[:-1])
    assert report.status == "failed"


async def killed(world: MemoryWorld) -> None:
    await world.killed(SECOND)


async def incomplete(world: MemoryWorld) -> None:
    store: Any = world.store
    world.store = Before(store, put=failing(Unavailable("throttled for ever"), after=1))  # type: ignore[assignment]
    report = await world.by_another(SECOND)
    world.store = store
    assert report.status == "incomplete"


async def finished_beside(world: MemoryWorld) -> None:
    report = await world.by_another(SECOND, live=False, snapshot_time=int(NOW) - HOUR)
    assert report.status == "complete"


ENDS: dict[str, Callable[[MemoryWorld], Awaitable[None]]] = {
    "cut short": cut_short,
    "killed": killed,
    "incomplete": incomplete,
    "a replay that finished": finished_beside,
}

ENDED = [end for end in ENDS if end != "killed"]


async def world_of(end: str, *, looked: bool = False) -> MemoryWorld:
    """Load a snapshot in another process, and another one that ends so."""
    world = MemoryWorld(IDS)
    await world.by_another(FIRST)
    if looked:
        await world.look()
    world.now += HOUR
    await ENDS[end](world)
    return world


def newer_of(world: MemoryWorld) -> list[Item]:
    found = [item for item in world.store.items.values() if item.timestamp == NEWER]
    assert found
    return found


async def check_answers(world: MemoryWorld) -> None:
    for item in newer_of(world):
        assert await world.lookup.answer(item.id.encode()) == csv_reply(item)
    await world.check()


@pytest.mark.parametrize("end", ENDS)
async def test_a_process_that_starts_answers_nothing_older_than_such_a_load_wrote(end: str) -> None:
    world = await world_of(end)
    await world.restart()
    await check_answers(world)


@pytest.mark.parametrize("end", ENDS)
async def test_a_replica_answers_nothing_older_from_its_next_look_on(end: str) -> None:
    world = await world_of(end, looked=True)
    await world.look()
    await check_answers(world)


@pytest.mark.parametrize("end", ENDED)
async def test_once_memory_was_compared_with_the_table_it_answers_again_and_the_table_is_left_alone(
    end: str,
) -> None:
    world = await world_of(end)
    await world.restart()
    table: Any = Before(world.store, read=failing(AssertionError("read again")))
    world.refresher._reader._store = table
    await world.look()
    await world.lookup.answer(b"301")
    assert (world.lookup.counts.memory, world.lookup.counts.table) == (1, 0)


async def test_a_killed_load_is_forgotten_with_the_next_load_under_the_lease_or_after_a_day() -> None:
    world = await world_of("killed")
    await world.restart()
    assert await in_memory(world, 301) is False
    world.now += DAY
    await world.restart()
    assert await in_memory(world, 301) is True


async def test_the_next_finished_live_load_settles_what_came_before() -> None:
    for end in ENDED:
        world = await world_of(end)
        world.now += HOUR
        await world.by_another(document(*IDS, timestamp="2023-12-20 18:30:00"))
        table: Any = Before(world.store, read=failing(AssertionError("asked")))
        world.store = table
        await world.restart()
        assert await in_memory(world, 1) is True
        _, notes = await world.refresher._manifests.latest_json.read()
        assert notes == {}


async def test_a_replay_of_old_data_puts_nothing_in_doubt_even_while_it_runs() -> None:
    world = MemoryWorld(IDS)
    await world.by_another(FIRST)
    old = document(*range(400, 600), timestamp="2023-11-20 16:00:00")
    await world.killed(old, live=False, snapshot_time=int(NOW) - 30 * DAY)
    await world.restart()
    assert await in_memory(world, 1) is True


async def test_a_snapshot_that_cannot_be_read_now_leaves_its_records_to_the_table() -> None:
    world = MemoryWorld(IDS)
    await world.by_another(FIRST)
    await world.look()
    world.now += HOUR
    await world.by_another(SECOND)
    whole = dict(world.archive.snapshots)
    world.archive.snapshots = {name: body[:-5] for name, body in whole.items()}
    with pytest.raises(Exception, match="cut short"):
        await world.refresher.look()
    assert await in_memory(world, 1) is False
    assert await in_memory(world, 301) is False


async def test_what_a_replay_wrote_beside_a_load_is_not_hidden_by_what_was_compared_before() -> None:
    world = MemoryWorld(IDS)
    await world.by_another(FIRST)
    await world.look()
    world.now += HOUR

    async def replay() -> None:
        if not newer:
            newer.append(1)
            await finished_beside(world)
            await world.look()

    newer: list[int] = []
    await world.load(document(*IDS, timestamp="2023-12-20 17:00:00"), after_put=replay)
    await world.look()
    await check_answers(world)


async def test_a_replica_of_a_halved_feed_looks_at_the_table_for_what_is_left_of_the_last() -> None:
    world = MemoryWorld(IDS)
    await world.by_another(FIRST)
    await world.look()
    world.now += HOUR
    await world.by_another(document(*range(1, 200), timestamp=NEWER)[:-1])
    world.now += HOUR
    few = document_of(*records((301,), timestamp="2023-12-20 18:30:00"))
    assert (await world.by_another(few)).status == "complete"
    await world.look()
    for item in newer_of(world):
        assert await world.lookup.answer(item.id.encode()) == csv_reply(item)


async def in_memory(world: MemoryWorld, number: int) -> bool:
    """Tell whether a lookup was answered out of memory."""
    before = world.lookup.counts.memory
    item = world.store.items[str(number)]
    assert await world.lookup.answer(str(number).encode()) == csv_reply(item)
    return world.lookup.counts.memory > before


def test_each_memory_has_a_name_of_its_own() -> None:
    assert MemoryIndex(lambda: NOW).process != MemoryIndex(lambda: NOW).process
