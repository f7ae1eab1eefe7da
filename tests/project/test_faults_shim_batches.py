"""Batches, rates and limits of DynamoDB at the shim, through the program's own store."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from aqi_service.core.items import Item
from tests.doubles.faults import effects
from tests.doubles.faults.clients import World, through
from tests.doubles.faults.clock import HandClock
from tests.doubles.faults.effects import Bucket, Throttle
from tests.doubles.faults.shim import Shim

ITEMS = [Item(str(number), pm25="48.8", measured_at=1) for number in range(30)]
IDS = [item.id for item in ITEMS]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(moto_endpoint: str) -> AsyncIterator[World]:
    async with Shim(moto_endpoint) as shim, through(shim) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared: World) -> World:
    """The module's shim and clients with an empty table of this test's own."""
    found = shared.fresh()
    await found.make_table()
    found.shim.renew()
    return found


async def stored(world: World) -> list[str]:
    """Read the ids in the table, without the shim's rules."""
    world.shim.book.clear()
    answer = await world.dynamodb.scan(TableName=world.table)
    return sorted((item["id"]["S"] for item in answer["Items"]), key=int)


def puts(*ids: str, number: str = "1") -> list[Any]:
    return [{"PutRequest": {"Item": {"id": {"S": i}, "p": {"N": number}}}} for i in ids]


async def test_numbers_come_back_canonical_however_they_were_written(
    world: World, moto_endpoint: str
) -> None:
    item = {"id": {"S": "1"}, "p": {"N": "48.80"}, "q": {"L": [{"N": "1E2"}]}}
    await world.dynamodb.put_item(TableName=world.table, Item=item)
    async with through(world.shim, AWS_ENDPOINT_URL=moto_endpoint) as straight:
        past: Any = {"id": {"S": "2"}, "p": {"N": "0.90"}}
        await straight.dynamodb.put_item(TableName=world.table, Item=past)
    keys = [{"id": {"S": "1"}}, {"id": {"S": "2"}}]
    answer = await world.batch("batch_get_item", {"Keys": keys})
    found = {item["id"]["S"]: item for item in answer["Responses"][world.table]}
    assert found["1"] == {"id": {"S": "1"}, "p": {"N": "48.8"}, "q": {"L": [{"N": "100"}]}}
    assert found["2"]["p"] == {"N": "0.9"}


@pytest.mark.parametrize("effect", [effects.LEAVE_ONE, effects.LEAVE_MOST, effects.LEAVE_ALL])
async def test_unprocessed_items_are_not_stored_and_the_store_asks_again(
    world: World, effect: effects.Leave
) -> None:
    world.fail("BatchWriteItem", effect, times=3)
    await world.store.put(ITEMS[:25], conditional=False)
    left = [record.left for record in world.journal.of("BatchWriteItem")]
    assert left == {"one": [1, 1, 1, 0], "most": [24, 23, 22, 0], "all": [25, 25, 25, 0]}[effect.share]
    assert await stored(world) == IDS[:25]


async def test_a_batch_over_the_rate_is_stored_in_part_and_an_empty_bucket_is_an_error(world: World) -> None:
    clock = HandClock()
    world.fail("*Item", Throttle(Bucket(10, clock=clock)))
    batch = puts(*IDS[:25])
    answer = await world.batch("batch_write_item", batch)
    assert len(answer["UnprocessedItems"][world.table]) == 15
    for refused in (
        world.batch("batch_write_item", batch),
        world.dynamodb.put_item(TableName=world.table, Item={"id": {"S": "1"}}),
    ):
        with pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
            await refused
    clock.advance(0.3)
    answer = await world.batch("batch_write_item", batch)
    assert len(answer["UnprocessedItems"][world.table]) == 22
    assert await stored(world) == IDS[:10]


async def test_an_invalid_request_is_refused_even_where_its_answer_would_be_left(world: World) -> None:
    world.fail("BatchWriteItem", effects.LEAVE_MOST)
    with pytest.raises(ClientError, match="ValidationException"):
        await world.batch("batch_write_item", puts("1", "1"))


async def test_a_tables_key_is_learned_anew_when_it_is_made_anew(world: World) -> None:
    await world.store.put(ITEMS[:1], conditional=False)
    await world.dynamodb.delete_table(TableName=world.table)
    await world.make_table("k")
    twice = [{"PutRequest": {"Item": {"k": {"S": "1"}, "id": {"S": i}}}} for i in "ab"]
    with pytest.raises(ClientError, match="duplicates"):
        await world.batch("batch_write_item", twice)
