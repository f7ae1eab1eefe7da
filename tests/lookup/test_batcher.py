"""Lookups that go to the table: those that wait together are one request, and none costs another one."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from aqi_service.core.items import Item
from aqi_service.errors import AccessDenied, ItemRefused, Unavailable
from aqi_service.lookup.batcher import MOST_CONCURRENT, PATIENCE, LookupBatcher, LookupCounts
from aqi_service.storage.ports import READ_LIMIT
from tests.doubles.gated_table import TABLE, Table, asks, table
from tests.doubles.storage_doubles import MemoryStore
from tests.doubles.storage_items import FULL
from tests.doubles.wire_fixtures import HandDrivenLoop, advance, by_hand, turns


@by_hand
async def test_a_lone_lookup_goes_out_at_once_and_alone() -> None:
    store, misses = table()
    [lookup] = asks(misses, 4)
    await turns()
    assert store.asked == [["4"]]
    await store.answer(0)
    assert await lookup == TABLE["4"]


@by_hand
async def test_lookups_of_one_moment_are_one_request_of_distinct_ids() -> None:
    store, misses = table()
    lookups = asks(misses, 4, 5, 4, 6)
    await turns()
    assert store.asked == [["4", "5", "6"]]
    await store.answer(0)
    assert [await lookup for lookup in lookups] == [TABLE["4"], None, TABLE["4"], TABLE["6"]]


@by_hand
async def test_what_comes_while_a_request_is_under_way_goes_together_when_it_returns() -> None:
    store, misses = table()
    lookups = asks(misses, 2)
    await turns()
    for number in (4, 6, 8):
        lookups += asks(misses, number)
        await turns()
    assert store.asked == [["2"]]
    await store.answer(0)
    assert store.asked == [["2"], ["4", "6", "8"]]
    await store.answer(1)
    assert [await lookup for lookup in lookups] == [TABLE[str(number)] for number in (2, 4, 6, 8)]


@by_hand
async def test_the_same_id_is_asked_again_of_a_request_that_was_on_its_way_before() -> None:
    store, misses = table()
    first = asks(misses, 2)
    await turns()
    second = asks(misses, 2)
    await turns()
    store.items["2"] = newer = FULL._replace(id="2", pm10="99")
    await store.answer(0)
    await store.answer(1)
    assert (await first[0], await second[0]) == (newer, newer)
    assert store.asked == [["2"], ["2"]]


@by_hand
async def test_a_request_that_is_stuck_holds_others_up_only_for_a_moment() -> None:
    store, misses = table()
    asks(misses, 2)
    await turns()
    later = asks(misses, 4, 6)
    advance(PATIENCE / 2)
    await turns()
    assert len(store.asked) == 1
    advance(PATIENCE)
    await turns()
    assert store.asked == [["2"], ["4", "6"]]
    await store.answer(1)
    assert [await lookup for lookup in later] == [TABLE["4"], TABLE["6"]]
    await store.answer(0)


@by_hand
async def test_a_full_batch_waits_for_nothing_and_no_request_has_more_than_the_limit() -> None:
    store, misses = table()
    lookups = asks(misses, 0)
    await turns()
    lookups += asks(misses, *range(1, READ_LIMIT + 5))
    await turns()
    assert [len(ids) for ids in store.asked] == [1, READ_LIMIT]
    await store.answer(1)
    assert [len(ids) for ids in store.asked] == [1, READ_LIMIT, 4]
    await store.answer(2)
    await store.answer(0)
    assert [await lookup for lookup in lookups] == [TABLE.get(str(n)) for n in range(READ_LIMIT + 5)]


@by_hand
async def test_there_are_never_more_requests_than_places() -> None:
    store, misses = table()
    lookups = []
    for number in range(MOST_CONCURRENT + 3):
        lookups += asks(misses, 2 * number)
        await turns()
        advance(PATIENCE + 0.01)
        await turns()
    assert len(store.asked) == MOST_CONCURRENT
    for request in range(MOST_CONCURRENT + 1):
        await store.answer(request)
    assert store.asked[-1] == [str(2 * n) for n in range(MOST_CONCURRENT, MOST_CONCURRENT + 3)]
    assert all([await lookup for lookup in lookups])


@by_hand
async def test_an_error_is_told_only_to_those_whose_request_it_was() -> None:
    store, misses = table()
    first = asks(misses, 2, 4, 4)
    await turns()
    second = asks(misses, 6)
    await turns()
    await store.answer(0, Unavailable("throttled"))
    await store.answer(1)
    ends = await asyncio.gather(*first, return_exceptions=True)
    assert [str(end) for end in ends] == ["throttled"] * 3
    assert await second[0] == TABLE["6"]
    assert store.asked == [["2", "4"], ["6"]]


@pytest.mark.parametrize("error", [ItemRefused("invalid"), AccessDenied("one page is damaged")])
def test_one_id_that_spoils_a_request_costs_the_others_nothing(error: Exception) -> None:
    @by_hand
    async def test() -> None:
        store, misses = table()
        lookups = asks(misses, 2, 4, 6)
        await turns()
        await store.answer(0, error)
        assert store.asked[1:] == [["2"], ["4"], ["6"]]
        for request in (1, 3):
            await store.answer(request)
        await store.answer(2, error)
        ends = await asyncio.gather(*lookups, return_exceptions=True)
        assert ends == [TABLE["2"], error, TABLE["6"]]

    test(loop_factory=HandDrivenLoop)


@by_hand
async def test_an_id_that_the_table_did_not_get_to_is_unavailable_and_the_others_are_there() -> None:
    class Hurried(MemoryStore):
        async def get_many(self, ids: Sequence[str]) -> Mapping[str, Item | None]:
            return {record_id: TABLE.get(record_id) for record_id in ids if record_id != "4"}

    ends = await asyncio.gather(
        *asks(LookupBatcher(Hurried(), LookupCounts(), 5.0), 2, 4, 5), return_exceptions=True
    )
    assert (ends[0], ends[2]) == (TABLE["2"], None)
    assert isinstance(ends[1], Unavailable)


@by_hand
async def test_a_defect_of_the_store_is_told_to_each_and_stops_nothing() -> None:
    store, misses = table()
    lookups = asks(misses, 2, 4)
    await turns()
    await store.answer(0, KeyError("a bug"))
    assert [repr(e) for e in await asyncio.gather(*lookups, return_exceptions=True)] == [
        "KeyError('a bug')"
    ] * 2
    [after] = asks(misses, 6)
    await turns()
    await store.answer(1)
    assert await after == TABLE["6"]


@by_hand
async def test_a_client_that_goes_away_disturbs_no_other_and_is_not_asked_for_if_it_was_alone() -> None:
    store, misses = table()
    first, gone, stays = asks(misses, 2, 4, 4)
    await turns()
    waiting = asks(misses, 6, 8)
    await turns()
    for lookup in (gone, waiting[0]):
        lookup.cancel()
    await turns()
    await store.answer(0)
    assert (await first, await stays) == (TABLE["2"], TABLE["4"])
    assert store.asked[1] == ["8"]
    await store.answer(1)
    assert await waiting[1] == TABLE["8"]


@by_hand
async def test_a_request_that_outlives_its_lookups_gives_its_place_back() -> None:
    store, misses = table()
    lookups = asks(misses, 2, 4)
    await turns()
    advance(4.9)
    await turns()
    assert not any(lookup.done() for lookup in lookups)
    advance(0.2)
    ends = await asyncio.gather(*lookups, return_exceptions=True)
    assert [type(end) for end in ends] == [TimeoutError] * 2
    assert all(gate.cancelled() for gate in store.gates)


@by_hand
async def test_closed_it_gives_up_what_is_under_way_and_asks_nothing_more() -> None:
    store, misses = table()
    lookups = asks(misses, 2)
    await turns()
    waiting = asks(misses, 4)
    await turns()
    await misses.close()
    ends = await asyncio.gather(*lookups, return_exceptions=True)
    assert isinstance(ends[0], asyncio.CancelledError)
    assert store.gates[0].cancelled()
    advance(PATIENCE * 2)
    await turns()
    assert len(store.asked) == 1
    assert waiting[0].cancelled()


@by_hand
async def test_lookups_and_requests_are_counted() -> None:
    store, counts = Table(), LookupCounts()
    misses = LookupBatcher(store, counts, 5.0)
    lookups = asks(misses, 2, 4, 4)
    await turns()
    await store.answer(0)
    await asyncio.gather(*lookups)
    assert (counts.table, counts.requests) == (3, 1)
