"""Items on their way into the table: in groups, a few at once, and each with one fate."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.items import Item, Verdict, judge
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.document import Position
from aqi_service.core.parse.splitter import Batch
from aqi_service.core.report import Status
from aqi_service.errors import AqiError, MissingResource, TableRefused, Unavailable
from aqi_service.load.report_builder import LoadEnd, ReportBuilder
from aqi_service.load.table_writer import CONCURRENT_GROUPS
from aqi_service.storage.ports import READ_LIMIT
from tests.doubles.documents import QUICK
from tests.doubles.storage_doubles import Before, MemoryStore, failing
from tests.doubles.wire_fixtures import task, turns, until
from tests.doubles.writer_world import NOW, SNAPSHOT_AT, add, delivered, fates, item, position, writer_to


async def test_items_are_read_and_written_in_groups_of_100_and_made_durable_once() -> None:
    store = MemoryStore()
    sizes: list[int] = []

    class Watched(Before):
        async def read(self, ids: Sequence[str]) -> Any:
            sizes.append(len(ids))
            return await store.read(ids)

    writer = await delivered(Watched(store), map(item, range(250)))
    assert sizes == [READ_LIMIT, READ_LIMIT, 50]
    assert (fates(writer), len(store.items), store.settled) == ({"stored": 250}, 250, 1)


async def test_what_a_table_takes_that_refuses_some_is_counted_and_told_in_the_report() -> None:
    store = MemoryStore()
    store.items_per_second = 949.6
    writer = await delivered(store, [item(1)])
    assert writer.counts.items_per_second == 949.6
    tally = ReportBuilder("feed", "table", "daqi", NOW, int(NOW))
    report = tally.report(LoadEnd(Status.COMPLETE), ParseCounts(), writer.counts)
    assert report.as_json()["warnings"] == {"throttled_items_per_second": 950}


async def test_what_a_table_takes_is_told_although_it_then_took_nothing_more() -> None:
    store = MemoryStore()
    store.items_per_second = 1.0
    refusing = Before(store, put=failing(Unavailable("throttled")))
    assert (await delivered(refusing, [item(1)])).counts.items_per_second == 1


async def test_what_the_table_has_already_is_not_written_again() -> None:
    older = [item(i, snapshot_at=1) for i in range(150)]
    store = MemoryStore(*older)
    writer = await delivered(store, map(item, range(150)))
    assert (fates(writer), store.writes) == ({"unchanged": 150}, 0)
    assert list(store.items.values()) == older


OLD, NEW, NEWER = item(1, 10, "1"), item(1, 20, "2"), item(1, 30, "3")
TIED = NEW._replace(pm25="9")
EARLIER = NEW._replace(snapshot_at=1)

CASES: dict[str, tuple[list[Item], list[Item], dict[str, int], Item]] = {
    "older then newer": ([], [OLD, NEW], {"stored": 1, "superseded": 1}, NEW),
    "newer then older": ([], [NEW, OLD], {"stored": 1, "superseded": 1}, NEW),
    "twice the same": ([], [NEW, NEW], {"stored": 1, "superseded": 1}, NEW),
    "a tie: the later": ([], [NEW, TIED], {"stored": 1, "superseded": 1}, TIED),
    "a tie: the later, back again": ([], [NEW, TIED, NEW], {"stored": 1, "superseded": 2}, NEW),
    "rising": ([], [OLD, NEW, NEWER], {"stored": 1, "superseded": 2}, NEWER),
    "falling": ([], [NEWER, NEW, OLD], {"stored": 1, "superseded": 2}, NEWER),
    "up and down": ([], [NEW, NEWER, OLD, NEW], {"stored": 1, "superseded": 3}, NEWER),
    "the table has the newer": ([EARLIER], [OLD, NEW], {"unchanged": 1, "superseded": 1}, EARLIER),
    "the table has the older": ([OLD], [OLD, NEW], {"stored": 1, "superseded": 1}, NEW),
    "the table has a newer one still": ([NEWER], [OLD, NEW], {"superseded": 2}, NEWER),
    "unchanged, then older": ([EARLIER], [NEW, OLD], {"unchanged": 1, "superseded": 1}, EARLIER),
    "unchanged twice": ([EARLIER], [NEW, NEW], {"unchanged": 1, "superseded": 1}, EARLIER),
    "unchanged twice, then newer": ([EARLIER], [NEW, NEW, NEWER], {"stored": 1, "superseded": 2}, NEWER),
}


@pytest.mark.parametrize("conditional", [False, True], ids=["batches", "conditional"])
@pytest.mark.parametrize("group_size", [1, 2, 3, 100])
@pytest.mark.parametrize("case", CASES)
async def test_of_several_records_with_one_id_one_counts_wherever_the_groups_end(
    case: str, group_size: int, conditional: bool
) -> None:
    before, items, expected, kept = CASES[case]
    store = MemoryStore(*before)
    writer = await delivered(store, items, group_size=group_size, conditional=conditional)
    assert fates(writer) == expected
    assert store.items == {"1": kept}


ITEMS = st.lists(st.builds(item, st.integers(1, 4), st.integers(0, 3), st.sampled_from("123")), max_size=30)
STORED = st.lists(
    st.builds(item, st.integers(1, 4), st.integers(0, 3), st.sampled_from("123"),
              snapshot_at=st.sampled_from([SNAPSHOT_AT - 1, SNAPSHOT_AT + 1])),
    unique_by=lambda one: one.id,
)  # fmt: skip


def one_by_one(before: Sequence[Item], items: Sequence[Item]) -> dict[str, Item]:
    """Store items in the plainest way."""
    table = {one.id: one for one in before}
    for one in items:
        if judge(one, table.get(one.id)) is Verdict.STORE:
            table[one.id] = one
    return table


@QUICK
@given(ITEMS, st.integers(1, 8), st.booleans())
def test_any_snapshot_fills_an_empty_table_as_one_by_one_and_all_but_the_newest_are_superseded(
    items: list[Item], group_size: int, conditional: bool
) -> None:
    store = MemoryStore()
    writer = asyncio.run(delivered(store, items, group_size=group_size, conditional=conditional))
    expected = {"stored": len(store.items), "superseded": len(items) - len(store.items)}
    assert fates(writer) == {fate: count for fate, count in expected.items() if count}
    assert store.items == one_by_one([], items)


@QUICK
@given(STORED, ITEMS, st.integers(1, 8), st.booleans())
def test_any_snapshot_leaves_any_table_as_one_by_one(
    before: list[Item], items: list[Item], group_size: int, conditional: bool
) -> None:
    def content(table: dict[str, Item]) -> dict[str, Item]:  # of ties, a group writes only the last
        return {record_id: one._replace(snapshot_at=None) for record_id, one in table.items()}

    store = MemoryStore(*before)
    writer = asyncio.run(delivered(store, items, group_size=group_size, conditional=conditional))
    assert sum(fates(writer).values()) == len(items)
    assert writer.counts.pending == 0
    assert content(store.items) == content(one_by_one(before, items))


async def test_the_same_snapshot_delivered_again_writes_nothing() -> None:
    items = [item(i % 70, i) for i in range(300)]
    store = MemoryStore()
    await delivered(store, items)
    written = store.writes
    again = await delivered(store, items)
    assert (store.writes - written, fates(again)) == (0, {"unchanged": 70, "superseded": 230})


class Held:
    """A hook that keeps its callers waiting; `most` is how many waited at once."""

    def __init__(self) -> None:
        self.waiting = self.most = 0
        self.free = asyncio.Event()

    async def __call__(self) -> None:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.free.wait()
        self.waiting -= 1


async def test_at_most_four_groups_are_on_their_way_and_the_rest_waits() -> None:
    store, held = MemoryStore(), Held()
    work = task(delivered(Before(store, read=held), map(item, range(1000))))
    await until(lambda: held.waiting == CONCURRENT_GROUPS)
    await turns()
    assert (work.done(), held.most) == (False, CONCURRENT_GROUPS)
    held.free.set()
    assert fates(await work) == {"stored": 1000}
    assert held.most == CONCURRENT_GROUPS


async def test_an_id_that_is_on_its_way_is_waited_for() -> None:
    store, held = MemoryStore(), Held()
    work = task(delivered(Before(store, put=held), [NEW, OLD, item(2)], group_size=1))
    await until(lambda: held.waiting == 1)
    await turns()
    assert (held.most, store.items) == (1, {})
    held.free.set()
    assert fates(await work) == {"stored": 2, "superseded": 1}
    assert store.items["1"] == NEW


async def test_what_became_newer_between_reading_and_a_conditional_write_is_superseded() -> None:
    store = MemoryStore()

    async def overtake() -> None:
        store.items["1"] = NEWER

    overtaken = await delivered(Before(store, put=overtake), [NEW, item(2)], conditional=True)
    assert fates(overtaken) == {"stored": 1, "superseded": 1}
    assert store.items["1"] == NEWER


async def test_an_expired_item_is_not_written() -> None:
    items = [item(1, expires_at=int(NOW)), item(2, expires_at=int(NOW) + 1), item(3)]
    store = MemoryStore()
    assert fates(await delivered(store, items)) == {"stored": 2, "expired": 1}
    assert set(store.items) == {"2", "3"}


async def test_an_expired_item_in_the_table_counts_as_absent() -> None:
    store = MemoryStore(NEW._replace(expires_at=int(NOW), snapshot_at=1))
    assert fates(await delivered(store, [NEW])) == {"stored": 1}
    assert store.items["1"] == NEW


async def test_beside_a_newest_record_that_is_older_than_the_clock_nothing_expires_by_the_clock() -> None:
    there = NEWER._replace(expires_at=int(NOW) - 5)
    store = MemoryStore(there)
    writer = writer_to(store)
    writer.group_writer.data_time = int(NOW) - 10
    await add(writer, [NEW, item(2, expires_at=int(NOW) - 5), item(3, expires_at=int(NOW) - 10)])
    await writer.flush()
    assert fates(writer) == {"superseded": 1, "stored": 1, "expired": 1}
    assert store.items.keys() == {"1", "2"}
    assert store.items["1"] == there


@pytest.mark.parametrize("group_size", [1, 100])
async def test_an_item_that_the_table_refuses_costs_its_neighbours_nothing(group_size: int) -> None:
    store = MemoryStore(refuses={"2": "too large"})
    writer = await delivered(store, map(item, range(5)), group_size=group_size)
    assert fates(writer) == {"stored": 4, "refused": 1}
    assert (writer.counts.refused, writer.error) == ({"2": "too large"}, None)


@pytest.mark.parametrize("group_size", [1, 100])
async def test_of_two_refused_records_with_one_id_one_is_superseded(group_size: int) -> None:
    store = MemoryStore(refuses={"1": "too large"})
    writer = await delivered(store, [OLD, NEW, item(2)], group_size=group_size)
    assert fates(writer) == {"stored": 1, "superseded": 1, "refused": 1}


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("group_size", [1, 10, 100])
async def test_a_table_that_refuses_every_item_in_the_same_words_is_at_fault_itself(
    group_size: int, conditional: bool
) -> None:
    same = item(0, snapshot_at=1)
    store = MemoryStore(same, refuses={str(number): "wrong index" for number in range(1, 25)})
    writer = await delivered(store, map(item, range(25)), group_size=group_size, conditional=conditional)
    assert isinstance(writer.error, TableRefused)
    assert str(writer.error) == "every item is refused in the same words: wrong index"
    assert writer.counts.refused == {}
    assert fates(writer) == ({"unchanged": 1, "pending": 24} if group_size == 1 else {"pending": 25})
    assert (store.items, store.settled) == ({"0": same}, 0)


@pytest.mark.parametrize("there", [(), (item(0, snapshot_at=1),)])
async def test_a_table_that_refuses_the_one_item_that_is_to_be_written_is_at_fault_itself(
    there: tuple[Item, ...],
) -> None:
    store = MemoryStore(*there, refuses={"1": "wrong index"})
    writer = await delivered(store, [*there, item(1)])
    assert str(writer.error) == "every item is refused in the same words: wrong index"
    assert fates(writer) == {"pending": 1} | ({"unchanged": 1} if there else {})


@pytest.mark.parametrize("group_size", [1, 100])
async def test_a_table_that_takes_only_items_without_a_certain_attribute_is_at_fault_itself(
    group_size: int,
) -> None:
    store = MemoryStore(refuses={str(number): "wrong index" for number in range(25) if number % 3})
    writer = await delivered(store, map(item, range(25)), group_size=group_size)
    assert str(writer.error) == "16 of 25 items are refused in the same words: wrong index"
    assert fates(writer) == {"stored": 9, "pending": 16}


async def test_a_refused_item_blames_no_table_before_all_others_have_been_offered() -> None:
    store = MemoryStore(refuses={"0": "too large"})
    writer = writer_to(store, group_size=1)
    writer.announce(2)
    await writer.add([item(0)], Position(0, Batch(0, b"", [])))
    writer._detach("held back for long enough")
    await writer.add([item(1)], Position(1, Batch(0, b"", [])))
    await writer.flush()
    assert (writer.error, writer.counts.refused) == (None, {"0": "too large"})
    assert writer.resume()
    await writer.add([item(1)], Position(1, Batch(0, b"", [])))
    await writer.flush()
    assert (writer.error, fates(writer)) == (None, {"stored": 1, "refused": 1})


@pytest.mark.parametrize("refuses", [{"1": "a", "2": "b"}, {"2": "a"}, {"1": "a", "2": "a"}])
async def test_items_that_are_refused_for_reasons_of_their_own_or_beside_others_are_at_fault(
    refuses: dict[str, str],
) -> None:
    numbers = range(1, 4) if set(refuses.values()) == {"a"} else map(int, refuses)
    writer = await delivered(MemoryStore(refuses=refuses), map(item, numbers))
    assert (writer.error, writer.counts.refused) == (None, refuses)


@pytest.mark.parametrize("method", ["read", "put"])
@pytest.mark.parametrize("error", [Unavailable("throttled"), MissingResource("deleted")])
async def test_the_first_error_stops_the_delivery_and_what_is_left_is_pending(
    method: str, error: AqiError
) -> None:
    store = MemoryStore()
    writer = writer_to(Before(store, **{method: failing(error, after=2)}), group_size=10)
    await add(writer, map(item, range(1000)))
    await writer.flush()
    assert fates(writer) == {"stored": 20, "pending": 980}
    assert (len(store.items), writer.error, store.settled) == (20, error, 0)


async def test_a_table_that_cannot_be_made_durable_is_an_error() -> None:
    error = Unavailable("the disk is full")
    writer = await delivered(Before(MemoryStore(), settle=failing(error)), [NEW])
    assert (fates(writer), writer.error) == ({"stored": 1}, error)


async def test_an_error_that_no_store_should_raise_is_raised_at_the_end() -> None:
    with pytest.raises(ZeroDivisionError):
        await delivered(Before(MemoryStore(), put=failing(ZeroDivisionError())), [item(1)])


async def test_stopping_ends_what_is_on_its_way_and_leaves_it_pending() -> None:
    store, held = MemoryStore(), Held()
    writer = writer_to(Before(store, put=held), group_size=10)
    await add(writer, map(item, range(25)))
    await until(lambda: held.waiting == 2)
    await writer.stop()
    assert (fates(writer), store.items) == ({"pending": 25}, {})
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_adding_that_is_cancelled_leaves_its_group_pending() -> None:
    store, held = MemoryStore(), Held()
    writer = writer_to(Before(store, read=held), group_size=10)
    adding = task(add(writer, map(item, range(1000))))
    await until(lambda: held.waiting == CONCURRENT_GROUPS)
    await turns()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    await writer.stop()
    assert fates(writer) == {"pending": 10 * (CONCURRENT_GROUPS + 1)}


async def test_what_was_announced_and_never_came_is_pending() -> None:
    writer = writer_to(MemoryStore())
    writer.announce(3)
    await writer.add([item(1)], position(0))
    await writer.flush()
    assert fates(writer) == {"stored": 1, "pending": 2}
