"""The store over DynamoDB at a table that refuses: how many items go out when, by a clock moved by hand."""

import asyncio
from collections.abc import Callable

import pytest
import pytest_asyncio

from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.ports import Judged
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, error, unprocessed
from tests.doubles.aws_world import World, fresh
from tests.doubles.storage_items import FULL

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = [FULL._replace(id=str(number)) for number in range(1, 26)]
THROTTLED = error(400, "ThrottlingException")
Later = Callable[[float, Answer], Answer]


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    found = await fresh(aws, table=True)
    found.turns.clear()
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """Stop the loop's clock; give what makes an answer that comes so many seconds later."""
    now = [asyncio.get_running_loop().time()]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])

    def made(seconds: float, answer: Answer) -> Answer:
        async def late(request: Request, forward: Forward) -> Reply:
            now[0] += seconds
            return await answer(request, forward)

        return late

    return made


def batches(world: World) -> list[int]:
    """Give how many items each batch had."""
    seen = world.double.seen("BatchWriteItem")
    return [len(request.json["RequestItems"][world.table]) for request in seen]


async def test_a_batch_has_what_the_table_takes_in_a_second_and_its_turn_is_that_of_its_items(
    world: World, later: Later
) -> None:
    world.double.on("BatchWriteItem", later(2, unprocessed(10)), times=2)
    world.double.on("BatchWriteItem", unprocessed(0), times=1)
    store = world.store()
    await store.put(ITEMS, conditional=False)
    assert store.items_per_second == pytest.approx(0.97 * 20 / 4)
    assert batches(world) == [25, 25, 15, 4, 1]
    assert world.turns == pytest.approx([1, 1, 1 + 4 / 4.85])


async def test_a_lone_write_counts_as_one_item(world: World, later: Later) -> None:
    world.double.on("PutItem", later(2, THROTTLED), skip=20, times=2)
    world.double.on("PutItem", THROTTLED, times=1)
    store = world.store()
    for item in ITEMS[:21]:
        await store.put([item], conditional=True)
    assert world.turns[:2] == pytest.approx([1, 1.04])
    assert store.items_per_second == pytest.approx(0.97 * 20 / 4)


@pytest.mark.parametrize("conditional", [False, True])
async def test_what_a_table_refuses_as_a_whole_is_the_whole_request(
    world: World, later: Later, conditional: bool
) -> None:
    for operation in ("BatchWriteItem", "PutItem"):
        world.double.on(operation, later(2, THROTTLED), times=2)
        world.double.on(operation, THROTTLED, times=1)
    store = world.store()
    await store.put(ITEMS[:1], conditional=conditional)
    assert store.items_per_second == 1


def reads(world: World) -> list[int]:
    """Give how many ids each batch that was read had."""
    seen = world.double.seen("BatchGetItem")
    return [len(request.json["RequestItems"][world.table]["Keys"]) for request in seen]


async def test_a_read_asks_for_what_the_table_gives_in_a_second_and_waits_for_its_turn(
    world: World, later: Later
) -> None:
    store = world.store()
    await store.put(ITEMS, conditional=False)
    world.double.on("BatchGetItem", later(2, unprocessed(10)), times=2)
    world.double.on("BatchGetItem", unprocessed(0), times=1)
    assert await store.read([item.id for item in ITEMS]) == {item.id: item for item in ITEMS}
    assert reads(world) == [25, 25, 15, 4, 1]
    assert world.turns == pytest.approx([1, 1, 1 + 4 / 4.85])


async def test_what_a_table_refuses_to_read_as_a_whole_slows_reads_and_no_writes(
    world: World, later: Later
) -> None:
    store = world.store()
    await store.put(ITEMS, conditional=False)
    world.double.on("BatchGetItem", THROTTLED, times=1)
    await store.read(["1"])
    assert world.turns == [1]
    await store.put(ITEMS, conditional=False)
    assert world.turns == [1]
    assert store.items_per_second is None


async def test_without_a_sleep_of_its_own_a_turn_is_waited_for_like_anything_else(world: World) -> None:
    world.double.on("PutItem", THROTTLED, times=1)
    clients = world.clients
    store = DynamoStore(clients.writes, clients.lookups, world.table, world.waits)
    await store.put(ITEMS[:1], conditional=True)
    assert len(world.waits) == 2


@pytest.mark.parametrize("conditional", [False, True])
async def test_items_wait_for_the_cap_and_one_that_moves_in_the_index_counts_three_units(
    conditional: bool, world: World, later: Later
) -> None:
    del later  # the clock stands still
    store, items = world.store(), ITEMS[:10]
    store.cap_writes(1)
    old = {each.id: each._replace(measured_at=1) for each in items}
    judged = Judged(asyncio.get_running_loop().time(), lambda some, _: list(some), old)
    await store.put(items, conditional=conditional, judged=judged)
    # 30 units, of which the bucket holds 3 and gets 0.7 a second
    assert world.turns == pytest.approx([3 * number / 0.7 for number in range(1, 10)])
    assert await store.read([each.id for each in items]) == {each.id: each for each in items}


async def test_without_a_cap_nothing_waits_that_the_table_takes(world: World) -> None:
    await world.store().put(ITEMS, conditional=False)
    assert world.turns == []
