"""Which ids a writer tells: those it is about to write, and those of which the table has something else."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from aqi_service.core.items import Item
from aqi_service.errors import Unavailable
from aqi_service.load.group_writer import GroupWriter
from aqi_service.load.table_writer import TableWriter
from aqi_service.storage.ports import Judged, PutResult
from tests.doubles.storage_doubles import Before, MemoryStore, failing
from tests.doubles.watch import Told
from tests.doubles.writer_world import NOW, SNAPSHOT_AT, add, item, writer_to


async def told(store: Any, items: Iterable[Item], **how: Any) -> Told:
    """Deliver items; give what was told."""
    watch = Told()
    writer = writer_to(store, **how)
    writer.group_writer.watch = watch
    await add(writer, items)
    await writer.flush()
    return watch


@pytest.mark.parametrize("conditional", [False, True])
async def test_what_the_table_has_otherwise_is_told_and_what_it_has_just_so_is_not(conditional: bool) -> None:
    same, older, newer = item(2, snapshot_at=1), item(3), item(4, measured_at=900)
    expiring = item(7, snapshot_at=1, expires_at=5000)
    store = MemoryStore(same, older, newer, expiring, refuses={"5": "never"})
    items = [item(1), item(2), item(3, value="9"), item(4), item(5), item(6, expires_at=1)]
    watch = await told(store, [*items, item(7, expires_at=6000)], conditional=conditional)
    assert watch == Told(["1", "3", "5"], ["4", "5", "7"])


async def test_what_a_replay_finds_newer_when_it_writes_is_told_to_differ() -> None:
    store = MemoryStore()

    async def meanwhile() -> None:
        store.items["1"] = item(1, measured_at=900)

    watch = await told(Before(store, put=meanwhile), [item(1), item(2)], conditional=True)
    assert watch == Told(["1", "2"], ["1"])


async def test_what_is_written_is_told_before_the_table_is_asked_to_take_it() -> None:
    asked: list[list[str]] = []
    watch = Told()

    async def note() -> None:
        asked.append(list(watch.written))

    writer = writer_to(Before(MemoryStore(item(2)), put=note))
    writer.group_writer.watch = watch
    await add(writer, [item(1), item(2), item(3)])
    await writer.flush()
    assert asked == [["1", "3"]]


async def test_what_the_table_did_not_acknowledge_was_told_as_well() -> None:
    store = Before(MemoryStore(), after_put=failing(Unavailable("the answer was lost")))
    assert await told(store, [item(1)]) == Told(["1"])


async def test_an_index_that_is_written_over_another_of_the_same_measurement_is_counted_as_changed() -> None:
    later = item(6, snapshot_at=SNAPSHOT_AT + 1, aqi="5")
    store = MemoryStore(
        item(1, snapshot_at=1, aqi="2"), item(2, snapshot_at=1), item(3, measured_at=50, aqi="2"),
        item(4, measured_at=900, aqi="2"), later,
    )  # fmt: skip
    writer = writer_to(store)
    await add(writer, [item(2), *(item(number, aqi="3") for number in (1, 3, 4, 5, 6))])
    await writer.flush()
    assert writer.group_writer.changes.commonest == {"2 → 3": 1}


async def test_who_writes_items_is_told_what_the_table_had_of_them() -> None:
    there = item(1, measured_at=50)
    store, had = MemoryStore(there), dict[str, Item | None]()

    async def put(items: Sequence[Item], *, judged: Judged) -> PutResult:
        had.update(judged.old)
        return await store.put(items, judged=judged, conditional=False)

    writer = TableWriter(GroupWriter(store, put, now=lambda: NOW))
    await add(writer, [item(1), item(2)])
    await writer.flush()
    assert had == {"1": there, "2": None}
