"""A sensor's records out of DynamoDB: what is asked, what it cost, and what is wrong with an index."""

import json
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from aqi_service.core.items import Item
from aqi_service.errors import AccessDenied, ConfigError, MissingIndex, MissingResource, Unavailable
from aqi_service.storage.aws.create_table import SENSOR_INDEX
from aqi_service.storage.sensor_reads import SensorPage, SensorRange
from tests.doubles.aws_answers import Answer, body, cut, error, lost
from tests.doubles.aws_world import World, fresh
from tests.doubles.storage_items import FULL

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALL = SensorRange(141, 0, 2**40)
RECORD = FULL._replace(expires_at=None)
PASSING: dict[str, Answer] = {
    "throttled": error(400, "ProvisionedThroughputExceededException"),
    "request limit": error(400, "RequestLimitExceeded"),
    "500": error(500, "InternalServerError"),
    "503": error(503, "ServiceUnavailable"),
    "reset": cut,
    "lost": lost,
    "no JSON": body("<html>", 200),
}


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, table=True)


async def read(world: World, asked: SensorRange = ALL, position: Any = None) -> SensorPage:
    return await world.store().sensor_page(asked, 0.0, position)


def answered(*items: Any, **more: Any) -> Answer:
    return body(json.dumps({"Items": items, "Count": len(items)} | more))


async def test_a_page_is_one_query_of_the_index_that_asks_what_it_cost(world: World) -> None:
    await world.store().put([RECORD], conditional=False)
    world.double.clear()
    page = await read(world, replace(ALL, since=5, until=RECORD.measured_at or 0, newest_first=True, limit=7))
    assert page == SensorPage([], None, page.read_units)
    [asked] = world.double.seen("Query")
    assert asked.json == {
        "TableName": world.table,
        "IndexName": SENSOR_INDEX,
        "KeyConditionExpression": "sensor_id = :sensor AND measured_at BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":sensor": {"N": "141"},
            ":first": {"N": "5"},
            ":last": {"N": "1703091599"},
        },
        "ScanIndexForward": False,
        "Limit": 7,
        "ReturnConsumedCapacity": "TOTAL",
    }
    assert world.double.operations() == ["Query"]


async def test_what_a_page_cost_is_what_the_table_says(world: World) -> None:
    world.double.on("Query", answered(ConsumedCapacity={"TableName": world.table, "CapacityUnits": 12.5}))
    assert await read(world) == SensorPage([], None, 12.5)
    for silent in (answered(), answered(ConsumedCapacity=None), answered(ConsumedCapacity={})):
        world.double.on("Query", silent)
        assert await read(world) == SensorPage([], None, 0.0)


async def test_an_answer_whose_parts_are_null_is_a_page_without_records(world: World) -> None:
    world.double.on("Query", body('{"Items":null,"LastEvaluatedKey":null}'))
    assert await read(world) == SensorPage([], None, 0.0)


async def test_the_next_page_begins_where_the_table_says(world: World) -> None:
    key = {"id": {"S": "5"}, "sensor_id": {"N": "141"}, "measured_at": {"N": "7"}}
    world.double.on("Query", answered(LastEvaluatedKey=key))
    page = await read(world)
    assert page.position == key
    await read(world, position=page.position)
    assert [asked.json.get("ExclusiveStartKey") for asked in world.double.seen("Query")] == [None, key]


async def test_nothing_is_asked_of_a_range_that_can_have_no_record(world: World) -> None:
    assert await read(world, replace(ALL, since=7, until=7)) == SensorPage(())
    assert world.double.requests == []


async def test_what_other_programs_wrote_is_read_or_left_out_and_harms_nothing(world: World) -> None:
    def put(**attributes: str) -> dict[str, Any]:
        return {
            name: {"N" if name in ("sensor_id", "measured_at") else "S": v} for name, v in attributes.items()
        }

    for item in (
        put(id="7", sensor_id="141.0", measured_at="1703091600", P10="007.50", AQI="many"),
        put(id="lease", sensor_id="141", measured_at="1703091600"),
        put(id="07", sensor_id="141", measured_at="1703091600"),
        put(id="8", sensor_id="141", measured_at="1703091600.5", timestamp="2050-12-20 17:00:00"),
        put(id="9", sensor_id="141", measured_at="1703091600.5"),
        put(id="10", sensor_id="141"),
        put(id="11", measured_at="1703091600"),
    ):
        await world.dynamodb.put_item(TableName=world.table, Item=item)
    page = await read(world, replace(ALL, until=2_000_000_000))
    assert page.items == [Item("7", sensor_id="141", measured_at=1703091600, pm10="7.5")]


@pytest.mark.parametrize("fault", PASSING)
async def test_a_page_that_fails_for_a_while_is_asked_for_again(world: World, fault: str) -> None:
    await world.store().put([RECORD], conditional=False)
    world.double.on("Query", PASSING[fault], times=2)
    assert (await read(world)).items == [RECORD]
    assert len(world.waits) == 2


@pytest.mark.parametrize("fault", PASSING)
async def test_a_page_does_not_wait_long_for_a_table_that_fails(world: World, fault: str) -> None:
    world.double.on("Query", PASSING[fault])
    with pytest.raises(Unavailable):
        await read(world)
    assert world.double.count("Query") == 3
    assert sum(world.waits) <= 0.3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "ResourceNotFoundException"), MissingResource),
        (error(400, "AccessDeniedException"), AccessDenied),
    ],
)
async def test_what_waiting_cannot_mend_is_raised_at_once(
    world: World, answer: Answer, kind: type[ConfigError]
) -> None:
    world.double.on("Query", answer)
    with pytest.raises(kind, match=f"^table {world.table}: "):
        await read(world)
    assert world.waits == []


async def test_a_refusal_names_the_action_that_the_policy_must_allow(world: World) -> None:
    said = f"User: x is not authorized to perform: dynamodb:Query on resource: t/index/{SENSOR_INDEX}"
    world.double.on("Query", error(400, "AccessDeniedException", said))
    with pytest.raises(AccessDenied, match="the policy must allow dynamodb:Query"):
        await read(world)


@pytest.mark.parametrize("kind", ["S", "N"])
async def test_a_table_without_the_index_names_create_and_is_read_by_id_all_the_same(
    world: World, kind: str
) -> None:
    other = await fresh(world)
    await other.make_table(kind)
    store = other.store()
    await store.put([RECORD], conditional=False)
    with pytest.raises(MissingIndex, match=f"^table {other.table} has no index {SENSOR_INDEX}: --create "):
        await store.sensor_page(ALL, 0.0)
    assert await store.get(RECORD.id) == RECORD


async def test_a_missing_index_is_known_by_the_sentence_of_aws(world: World) -> None:
    said = f"The table does not have the specified index: {SENSOR_INDEX}"
    world.double.on("Query", error(400, "ValidationException", said))
    with pytest.raises(MissingIndex, match="--create adds it"):
        await read(world)


async def test_an_index_that_is_being_made_may_be_asked_later(world: World) -> None:
    said = f"Cannot read from backfilling global secondary index: {SENSOR_INDEX}"
    world.double.on("Query", error(400, "ValidationException", said))
    with pytest.raises(Unavailable, match=f"its index {SENSOR_INDEX} is being made"):
        await read(world)


async def test_an_index_of_another_form_is_told_with_what_to_do(world: World) -> None:
    other = await fresh(world)
    keys = {"id": "S", "sensor_id": "N"}
    await other.dynamodb.create_table(
        TableName=other.table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": SENSOR_INDEX,
                "KeySchema": [{"AttributeName": "sensor_id", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    with pytest.raises(MissingIndex, match="has another form: delete it, and --create makes the right one"):
        await other.store().sensor_page(ALL, 0.0)


async def test_items_that_a_load_of_the_report_left_are_of_no_sensor(world: World) -> None:
    await world.dynamodb.put_item(
        TableName=world.table,
        Item={"id": {"S": "5"}, "P10": {"S": "7.5"}, "timestamp": {"S": "2023-12-20 17:00:00"}},
    )
    assert (await read(world)).items == []
