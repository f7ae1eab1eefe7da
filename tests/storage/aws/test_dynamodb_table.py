"""Tables that this program did not make: another type of key, items of another program, gone or made anew."""

from decimal import Decimal
from itertools import permutations
from typing import Any

import boto3  # type: ignore[import-untyped]  # what the report's scripts use
import pytest
import pytest_asyncio

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.items import Item, Verdict, judge
from aqi_service.errors import AccessDenied, ConfigError, MissingResource, Unavailable
from tests.doubles.aws_answers import Answer, error, poison
from tests.doubles.aws_world import World, fresh
from tests.doubles.storage_items import FULL

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPORTS = {  # as the report's LoadingData.py hands it to table.put_item
    "id": 18456691289,
    "latitude": "48.80",
    "longitude": "9.003",
    "altitude": None,
    "country": "DE",
    "timestamp": "2023-12-20 17:00:00",
    "date": "2023-12-20",
    "P2.5": "3.8800",
    "P10": "007.50",
    "AQI": 1,
    "AQI_range": "Low",
}
READ = Item(
    id="18456691289",
    latitude="48.8",
    longitude="9.003",
    country="DE",
    timestamp="2023-12-20 17:00:00",
    date="2023-12-20",
    pm25="3.88",
    pm10="7.5",
    aqi="1",
    aqi_range="Low",
    measured_at=1703091600,
)


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    """A table like the report's: key of type N, provisioned, nothing else."""
    found = await fresh(aws)
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    await found.make_table("N", BillingMode="PROVISIONED", ProvisionedThroughput=units)
    return found


def put_as_the_report_does(world: World, item: dict[str, Any]) -> None:
    resource = boto3.resource(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=world.double.moto,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # moto takes any
    )
    resource.Table(world.table).put_item(Item=item)
    resource.meta.client.close()


async def test_an_item_of_the_report_is_looked_up_read_and_rendered(world: World) -> None:
    put_as_the_report_does(world, REPORTS)
    assert await world.store().get("18456691289") == READ
    assert await world.store().read(["18456691289", "5"]) == {"18456691289": READ}
    assert csv_reply(READ).splitlines()[1] == (
        b"18456691289,48.8,9.003,,DE,2023-12-20 17:00:00,2023-12-20,3.88,7.5,1,Low"
    )


async def test_numbers_are_canonical_however_another_program_wrote_them(world: World) -> None:
    decimals = {"P2.5": Decimal("48.80"), "P10": Decimal("1E+2"), "latitude": Decimal("-0.0"), "AQI": 5}
    put_as_the_report_does(world, {"id": 7} | decimals | {"longitude": "1_0", "altitude": ""})
    assert await world.store().get("7") == Item("7", pm25="48.8", pm10="100", latitude="0", aqi="5")


async def test_an_item_of_the_report_is_compared_by_value_and_yields_to_a_newer_one_only(
    world: World,
) -> None:
    put_as_the_report_does(world, REPORTS)
    found = await world.store().get("18456691289")
    assert judge(READ._replace(snapshot_at=1), found) is Verdict.UNCHANGED
    newer = READ._replace(pm10="8", measured_at=1703091601)
    assert judge(newer, found) is Verdict.STORE
    assert judge(newer._replace(measured_at=1), found) is Verdict.SUPERSEDED
    assert await world.store().put([newer], conditional=True) == (frozenset(), {})
    assert await world.store().get("18456691289") == newer


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_replays_in_any_order_end_with_the_same_table(world: World, order: tuple[int, ...]) -> None:
    times = [(10, 5), (20, 4), (20, 6), (20, 6)]
    versions = [FULL._replace(measured_at=at, snapshot_at=taken, pm10="7") for at, taken in times]
    for number in order:
        await world.store().put([versions[number]], conditional=True)
    assert await world.store().get(FULL.id) == versions[3]


async def test_what_nobody_judges_asks_for_no_condition_beside_a_poison_item_either(world: World) -> None:
    await world.store().put([FULL._replace(measured_at=1703091601)], conditional=False)
    for operation in ("BatchWriteItem", "PutItem"):
        world.double.on(operation, poison("7"))
    result = await world.store().put([FULL._replace(id="7"), FULL], conditional=False)
    assert list(result.refused) == ["7"]
    assert await world.store().get(FULL.id) == FULL


async def test_a_description_that_fails_for_a_while_is_asked_for_again_after_a_pause(world: World) -> None:
    world.double.on("DescribeTable", error(500, "InternalServerError"), times=2)
    await world.store().check()
    assert len(world.waits) == 2


async def test_an_item_in_a_table_with_a_number_key_has_all_its_fields(world: World) -> None:
    await world.store().put([FULL], conditional=False)
    raw = await world.dynamodb.get_item(TableName=world.table, Key={"id": {"N": FULL.id}})
    assert len(raw["Item"]) == 19
    assert await world.store().get(FULL.id) == FULL


async def test_the_lease_is_no_record_in_either_kind_of_table(world: World) -> None:
    await world.dynamodb.put_item(TableName=world.table, Item={"id": {"N": "-1"}})
    assert await world.store().get("-1") is None
    other = await fresh(world, table=True)
    await other.dynamodb.put_item(TableName=other.table, Item={"id": {"S": "lease"}})
    assert await other.store().get("lease") is None
    assert await other.store().read(["lease", "-1", "1"]) == {}


async def test_the_description_is_read_once(world: World) -> None:
    store = world.store()
    for _ in range(3):
        await store.get("1")
        await store.read(["1"])
    assert world.double.count("DescribeTable") == 1


async def test_to_delete_what_expired_is_left_to_the_table(world: World) -> None:
    await world.store().put([FULL], conditional=False)
    assert await world.store().expire(2**40) == 0
    assert await world.store().get(FULL.id) == FULL


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            error(400, "ResourceNotFoundException"),
            MissingResource,
            "no such table: --create makes it, --table",
        ),
        (error(400, "AccessDeniedException"), AccessDenied, "these credentials lack a permission"),
        (error(400, "UnrecognizedClientException"), AccessDenied, "does not know these credentials"),
        (error(400, "ValidationException", "bad table name"), ConfigError, "calls the request invalid"),
        (error(500, "InternalServerError"), Unavailable, "AWS cannot do it now"),
    ],
)
async def test_a_table_that_cannot_be_used_is_told_in_one_sentence(
    world: World, answer: Answer, kind: type[Exception], words: str
) -> None:
    world.double.on("DescribeTable", answer)
    with pytest.raises(kind, match=f"^table {world.table}: [^\n]*{words}[^\n]*$"):
        await world.store().check()


@pytest.mark.parametrize("key", [("sensor", "S"), ("id", "B")])
async def test_a_table_with_another_key_is_refused(aws: World, key: tuple[str, str]) -> None:
    world = await fresh(aws)
    await make_table(world, [key])
    with pytest.raises(
        MissingResource, match=f"^table {world.table} has another key than `id`.*name another with --table"
    ):
        await world.store().check()


async def test_a_table_with_a_second_key_is_refused(aws: World) -> None:
    world = await fresh(aws)
    await make_table(world, [("id", "S"), ("timestamp", "S")])
    with pytest.raises(
        MissingResource, match=r"has another key than `id`.*namely `id` \(.*\) and `timestamp` \("
    ):
        await world.store().get("1")


async def make_table(world: World, keys: list[tuple[str, str]]) -> None:
    await world.dynamodb.create_table(
        TableName=world.table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in keys],
        KeySchema=[
            {"AttributeName": name, "KeyType": role}
            for (name, _), role in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
    )


async def test_a_table_deleted_while_running_is_an_error_and_one_made_anew_is_used(world: World) -> None:
    store = world.store()
    await store.put([FULL], conditional=False)
    await world.dynamodb.delete_table(TableName=world.table)
    for _ in range(2):
        with pytest.raises(MissingResource, match="no such table"):
            await store.get(FULL.id)
        with pytest.raises(MissingResource, match="no such table"):
            await store.read([FULL.id])
        for conditional in (False, True):
            with pytest.raises(MissingResource, match="no such table"):
                await store.put([FULL], conditional=conditional)
    await world.make_table("S")
    assert await store.get(FULL.id) is None
    await store.put([FULL], conditional=False)
    assert await store.get(FULL.id) == FULL


async def test_a_table_made_anew_with_another_key_unseen_costs_one_failed_read(world: World) -> None:
    store = world.store()
    await store.check()
    await world.dynamodb.delete_table(TableName=world.table)
    await world.make_table("S")
    world.double.on(
        "GetItem", error(400, "ValidationException", "The provided key element does not match"), times=1
    )
    with pytest.raises(Unavailable, match="does not match"):
        await store.get(FULL.id)
    assert await store.get(FULL.id) is None
    assert world.double.count("DescribeTable") == 2


async def test_a_table_on_its_way_is_unavailable_for_now(world: World) -> None:
    world.double.on("DescribeTable", status("CREATING"))
    with pytest.raises(Unavailable, match=f"table {world.table} is creating"):
        await world.store().check()
    world.double.clear()
    world.double.on("DescribeTable", status("UPDATING"))
    await world.store().check()


@pytest.mark.parametrize("state", ["INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVING", "ARCHIVED"])
async def test_a_table_whose_key_is_gone_is_a_persons_to_mend(world: World, state: str) -> None:
    world.double.on("DescribeTable", status(state))
    with pytest.raises(ConfigError, match=rf"KMS key .*\({state}\)"):
        await world.store().check()


def status(text: str) -> Answer:
    """Let a table be described with this status."""

    async def answer(request, forward):  # type: ignore[no-untyped-def]  # an Answer
        response = await forward(request)
        response.body = response.body.replace(b'"ACTIVE"', f'"{text}"'.encode())
        del response.headers["x-amz-crc32"]
        return response

    return answer
