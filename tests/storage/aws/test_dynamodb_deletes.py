"""Deletes of a sensor's items out of DynamoDB: what is asked, what is patient, and what is not repeated."""

import pytest
import pytest_asyncio

from aqi_service.app.delete_excluded import TRIES, items_of_sensor
from aqi_service.errors import AccessDenied, Unavailable
from aqi_service.storage.aws.retry import ATTEMPTS
from tests.doubles.aws_answers import error, lost
from tests.doubles.aws_world import World, fresh
from tests.doubles.storage_items import FULL

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINE = [FULL._replace(id=str(number), sensor_id="141") for number in range(1, 6)]
THROTTLED = error(400, "ProvisionedThroughputExceededException")
LOOKUP_TRIES = 3
"""How often the store itself asks for a page."""


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    made = await fresh(aws, table=True)
    await made.store().put(MINE, conditional=False)
    made.double.clear()
    made.waits.clear()
    return made


async def deleted(world: World) -> tuple[int, int]:
    return await items_of_sensor(world.store(), 141, counts_only=False, sleep=world.waits)


async def test_each_delete_has_the_condition_that_the_item_is_of_the_sensor(world: World) -> None:
    assert await deleted(world) == (5, 5)
    asked = world.double.seen("DeleteItem")
    assert {each.json["Key"]["id"]["S"] for each in asked} == {"1", "2", "3", "4", "5"}
    for each in asked:
        assert each.json["ConditionExpression"] == "sensor_id = :sensor"
        assert each.json["ExpressionAttributeValues"] == {":sensor": {"N": "141"}}


async def test_a_table_that_refuses_deletes_for_a_while_gets_them_all_the_same(world: World) -> None:
    world.double.on("DeleteItem", THROTTLED, times=ATTEMPTS - 1)
    assert await world.store().delete_of_sensor(141, ["1"]) == 1
    assert world.double.count("DeleteItem") == ATTEMPTS
    assert await deleted(world) == (4, 4)


async def test_a_table_that_refuses_them_for_good_ends_it_and_what_was_deleted_is(world: World) -> None:
    world.double.on("DeleteItem", THROTTLED, skip=2)
    with pytest.raises(Unavailable, match=f"^table {world.table}: "):
        await deleted(world)
    world.double.clear()
    assert await deleted(world) == (3, 3)


async def test_an_index_that_deletes_keep_busy_is_read_on_when_it_answers_again(world: World) -> None:
    world.double.on("Query", THROTTLED, times=LOOKUP_TRIES * TRIES - 1)
    assert await deleted(world) == (5, 5)
    assert world.double.count("Query") == LOOKUP_TRIES * TRIES


async def test_an_index_that_never_answers_ends_it(world: World) -> None:
    world.double.on("Query", THROTTLED)
    with pytest.raises(Unavailable, match=f"^table {world.table}: "):
        await deleted(world)
    assert world.double.count("Query") == LOOKUP_TRIES * TRIES
    assert world.double.count("DeleteItem") == 0


async def test_what_is_denied_ends_it_at_once_and_names_the_action(world: World) -> None:
    said = "User: x is not authorized to perform: dynamodb:DeleteItem on resource: t"
    world.double.on("DeleteItem", error(400, "AccessDeniedException", said))
    with pytest.raises(AccessDenied, match="the policy must allow dynamodb:DeleteItem"):
        await deleted(world)
    assert world.waits == []


async def test_a_delete_whose_answer_is_lost_is_asked_again_and_nothing_is_left(world: World) -> None:
    world.double.on("DeleteItem", lost, times=1)
    found, told = await deleted(world)
    assert (found, told) == (5, 4)  # the item was gone when it was asked for again
    assert await deleted(world) == (0, 0)
