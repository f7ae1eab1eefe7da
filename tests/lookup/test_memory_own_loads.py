"""A load of this process, and its snapshot that is read into memory: who is asked for what meanwhile."""

import asyncio
from typing import Any

import pytest

from aqi_service.core.csv_reply import csv_reply
from aqi_service.errors import Unavailable
from aqi_service.lookup import refresh
from tests.doubles.load_helpers import NOW, document
from tests.doubles.memory_world import DAY, NOT_FOUND, MemoryWorld, WhileRead, feed
from tests.doubles.storage_doubles import Before, Hook, failing

OLD, NEW, NEWER = "2023-12-20 16:00:00", "2023-12-20 17:00:00", "2023-12-20 17:30:00"
IDS = range(1, 9)
HALF = range(1, 5)


async def loaded(**changes: Any) -> MemoryWorld:
    """Load a first snapshot, which memory has; an hour goes by."""
    world = MemoryWorld(IDS, **changes)
    await world.load(document(*IDS, timestamp=OLD))
    world.now += 3600
    return world


def while_read(world: MemoryWorld, hook: Hook) -> None:
    """Have something done when a part of a snapshot has been read out of the archive."""
    archive: Any = WhileRead(world.archive, hook)
    world.refresher._reader._archive = archive


async def answered_by_memory(world: MemoryWorld, *ids: int) -> list[int]:
    """Look ids up; see that each is answered as the table has it, and tell of which memory knew that."""
    found = []
    for number in ids:
        before = world.lookup.counts.memory
        item = world.store.items.get(str(number))
        expected = NOT_FOUND if item is None else csv_reply(item)
        assert await world.lookup.answer(str(number).encode()) == expected
        found += [number] * (world.lookup.counts.memory - before)
    return found


async def test_until_its_snapshot_is_read_only_what_a_load_wrote_is_asked_of_the_table() -> None:
    world = await loaded()
    seen: list[list[int]] = []

    async def look_up() -> None:
        seen.append(await answered_by_memory(world, *IDS))

    while_read(world, look_up)
    await world.load(document(*HALF, timestamp=NEW), after_put=look_up)
    assert seen == [[5, 6, 7, 8]] * 2
    assert await answered_by_memory(world, *IDS) == [1, 2, 3, 4]


async def test_while_the_snapshot_of_another_process_is_read_the_table_is_asked_for_everything() -> None:
    world = await loaded()
    seen: list[list[int]] = []

    async def look_up() -> None:
        seen.append(await answered_by_memory(world, *IDS))

    while_read(world, look_up)
    await world.by_another(document(*HALF, timestamp=NEW))
    await world.look()
    assert seen == [[]]
    assert await answered_by_memory(world, *IDS) == [1, 2, 3, 4]


async def test_what_another_load_of_this_process_writes_meanwhile_stays_with_the_table_after_it() -> None:
    world = await loaded()

    async def replay() -> None:
        if len(world.reports) == 2:
            source = feed(document(1, 2, timestamp=NEWER))
            await world._loaded(
                source,
                world.store,
                live=False,
                snapshot_time=int(NOW),
                watch=world.memory.watch,
                process=world.memory.process,
            )

    while_read(world, replay)
    await world.load(document(*IDS, timestamp=NEW))
    assert len(world.reports) == 3
    assert world.store.items["1"].timestamp == NEWER
    assert await answered_by_memory(world, *IDS) == [3, 4, 5, 6, 7, 8]
    world.now += 3600
    await world.load(document(*IDS, timestamp=NEWER))
    assert await answered_by_memory(world, *IDS) == [*IDS]


async def test_what_another_process_may_have_written_before_stays_in_doubt_until_the_snapshot_stands() -> (
    None
):
    world = await loaded()
    table = world.store
    noticing: Any = Before(table, after_put=world.look)
    world.store = noticing
    await world.by_another(document(1, 2, timestamp=NEW)[:-1])  # it ends behind the look
    world.store = table
    seen: list[list[int]] = []

    async def look_up() -> None:
        seen.append(await answered_by_memory(world, *IDS))

    while_read(world, look_up)
    await world.load(document(5, 6, 7, 8, timestamp=NEW))
    assert (await world.refresher._manifests.latest_json.read())[1] == {}  # the load has settled it
    assert seen == [[]]
    assert await answered_by_memory(world, *IDS) == [5, 6, 7, 8]


async def test_a_snapshot_of_ours_that_cannot_be_read_leaves_all_to_the_table_until_it_can() -> None:
    world = await loaded()
    while_read(world, failing(Unavailable("away"), after=0))
    with pytest.raises(Unavailable, match="away"):
        await world.load(document(*HALF, timestamp=NEW))
    assert await answered_by_memory(world, *IDS) == []
    archive: Any = world.archive
    world.refresher._reader._archive = archive
    await world.refresher.look()
    assert await answered_by_memory(world, *IDS) == [1, 2, 3, 4]


async def test_one_that_takes_longer_to_read_than_between_two_looks_leaves_all_to_the_table_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await loaded()
    monkeypatch.setattr(refresh, "POLL_SECONDS", 0.0)
    seen: list[list[int]] = []

    async def look_up() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        seen.append(await answered_by_memory(world, *IDS))

    while_read(world, look_up)
    await world.load(document(*HALF, timestamp=NEW))
    assert seen == [[]]
    assert await answered_by_memory(world, *IDS) == [1, 2, 3, 4]


@pytest.mark.parametrize("table_has", ["a newer record", "no such record, since it refused it"])
async def test_what_the_table_has_otherwise_than_our_snapshot_is_asked_of_it_without_comparing(
    table_has: str,
) -> None:
    world = MemoryWorld(IDS)
    if table_has == "a newer record":
        await world.by_another(document(1, timestamp=NEWER))
        world.now += 3600
    else:
        world.store._refuses = {"1": "never"}
    asked: Any = Before(world.store, read=failing(AssertionError("compared")))
    world.refresher._reader._store = asked
    await world.load(document(*IDS, timestamp=NEW))
    assert await answered_by_memory(world, *IDS) == [2, 3, 4, 5, 6, 7, 8]


async def test_an_unchanged_record_of_which_the_table_has_another_expiry_is_asked_of_it() -> None:
    world = await loaded(ttl=2 * DAY)
    world.ttl = 30 * DAY
    await world.load(document(*HALF, timestamp=OLD)[:-1] + b"," + document(9, timestamp=NEW)[1:])
    assert await answered_by_memory(world, 1, 9) == [9]


@pytest.mark.parametrize("ours", [True, False])
async def test_what_the_load_took_for_expired_is_not_answered_though_the_data_is_older_than_the_clock(
    ours: bool,
) -> None:
    world = MemoryWorld(IDS, ttl=DAY)
    expired, kept = "2023-12-19 12:00:00", "2023-12-20 08:00:00"  # 30 and 10 hours old
    body = document(1, timestamp=expired)[:-1] + b"," + document(2, timestamp=kept)[1:]
    if ours:
        await world.load(body)
    else:
        await world.by_another(body)
        await world.look()
    assert world.reports[0].fates.expired == 1
    assert await answered_by_memory(world, 1, 2) == [2]
