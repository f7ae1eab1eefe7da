"""What `--create` makes of a table, what it adds to one that is there, and what it leaves."""

import asyncio
import json
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from aqi_service.errors import AccessDenied, ConfigError, MissingResource, Unavailable
from aqi_service.storage.aws import create_table as provision
from tests.doubles.aws_answers import (
    Answer,
    Forward,
    Reply,
    Request,
    content,
    cut,
    done_but,
    error,
    held,
    lost,
)
from tests.doubles.aws_world import World, fresh

pytestmark = pytest.mark.asyncio(loop_scope="module")

INDEX = "sensor_id-measured_at-index"
UNITS = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3}


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws)


async def create_table(world: World) -> list[str]:
    return await provision.create_table(world.clients.writes, world.table, world.waits)


async def missing(world: World) -> list[str]:
    return await provision.missing(world.clients.writes, world.table, world.waits)


async def wrong(world: World) -> list[str]:
    return await provision.wrong(world.clients.writes, world.table, world.waits)


async def writable(world: World) -> None:
    await provision.check_writable(world.clients.writes, world.table, world.waits)


async def make_indexed(world: World, name: str, keys: dict[str, str], projection: str = "ALL") -> None:
    """Make a table by hand, with an index on these keys (attribute -> type)."""
    types = {"id": "S"} | keys
    await world.dynamodb.create_table(
        TableName=world.table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in types.items()],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": [
                    {"AttributeName": n, "KeyType": t} for n, t in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                "Projection": {"ProjectionType": projection},
            }
        ],
    )


async def described(world: World) -> dict[str, Any]:
    answer = await world.dynamodb.describe_table(TableName=world.table)
    return dict(answer["Table"])


async def ttl(world: World) -> dict[str, Any]:
    answer = await world.dynamodb.describe_time_to_live(TableName=world.table)
    return dict(answer["TimeToLiveDescription"])


class TestTable:
    async def test_a_new_one_has_key_index_and_ttl_and_is_paid_by_request(self, world: World) -> None:
        await create_table(world)
        table = await described(world)
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
        types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
        assert types == {"id": "S", "sensor_id": "N", "measured_at": "N"}
        [index] = table["GlobalSecondaryIndexes"]
        assert index["IndexName"] == INDEX
        assert [each["AttributeName"] for each in index["KeySchema"]] == ["sensor_id", "measured_at"]
        assert index["Projection"] == {"ProjectionType": "ALL"}
        assert await ttl(world) == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        assert await missing(world) == []
        await world.store().check()

    async def test_making_it_twice_is_making_it_once(self, world: World) -> None:
        await create_table(world)
        world.double.clear()
        await create_table(world)
        assert set(world.double.operations()) == {"DescribeTable", "DescribeTimeToLive"}

    @pytest.mark.parametrize("kind", ["S", "N"])
    async def test_one_made_by_hand_gets_what_it_lacks_and_keeps_the_rest(
        self, world: World, kind: str
    ) -> None:
        await world.make_table(kind, BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
        before = await described(world)
        assert await missing(world) == [f"index {INDEX}", "TTL on expires_at"]
        await create_table(world)
        after = await described(world)
        assert {each["AttributeName"]: each["AttributeType"] for each in after["AttributeDefinitions"]} == {
            "id": kind,
            "sensor_id": "N",
            "measured_at": "N",
        }
        [index] = after["GlobalSecondaryIndexes"]
        assert {unit: index["ProvisionedThroughput"][unit] for unit in UNITS} == UNITS
        for name in ("KeySchema", "ProvisionedThroughput", "CreationDateTime", "DeletionProtectionEnabled"):
            assert after[name] == before[name]
        assert (await ttl(world))["AttributeName"] == "expires_at"
        assert await missing(world) == []
        await world.store().check()

    async def test_one_paid_by_request_gets_an_index_without_figures(self, world: World) -> None:
        await world.make_table()
        await create_table(world)
        [update] = world.double.seen("UpdateTable")
        assert "ProvisionedThroughput" not in update.json["GlobalSecondaryIndexUpdates"][0]["Create"]

    async def test_ttl_on_another_attribute_is_left_alone(self, world: World) -> None:
        await world.make_table()
        own: Any = {"Enabled": True, "AttributeName": "other"}
        await world.dynamodb.update_time_to_live(TableName=world.table, TimeToLiveSpecification=own)
        await create_table(world)
        assert (await ttl(world))["AttributeName"] == "other"
        assert await missing(world) == []
        [sentence] = await wrong(world)
        assert sentence.startswith(f"table {world.table}: TTL is on `other`, expected is `expires_at`, and ")

    @pytest.mark.parametrize("name", ["measured_at", "snapshot_at"])
    async def test_ttl_on_a_time_in_the_past_is_said_to_delete_items(self, world: World, name: str) -> None:
        await world.make_table()
        own: Any = {"Enabled": True, "AttributeName": name}
        await world.dynamodb.update_time_to_live(TableName=world.table, TimeToLiveSpecification=own)
        [sentence] = await wrong(world)
        assert f"TTL is on `{name}` and deletes items by their `{name}`" in sentence

    @pytest.mark.parametrize(
        ("keys", "projection", "found"),
        [
            (("sensor_id", "snapshot_at"), "ALL", "`sensor_id` (HASH) and `snapshot_at` (RANGE)"),
            (("measured_at", "sensor_id"), "ALL", "`measured_at` (HASH) and `sensor_id` (RANGE)"),
            (("sensor_id",), "ALL", "keys `sensor_id` (HASH) and the attributes ALL"),
            (("sensor_id", "measured_at"), "KEYS_ONLY", "the attributes KEYS_ONLY"),
        ],
    )
    async def test_an_index_of_the_right_name_in_another_form_is_named_and_left_alone(
        self, world: World, keys: tuple[str, ...], projection: str, found: str
    ) -> None:
        await make_indexed(world, INDEX, dict.fromkeys(keys, "N"), projection)
        before = (await described(world))["GlobalSecondaryIndexes"]
        await create_table(world)
        assert (await described(world))["GlobalSecondaryIndexes"] == before
        [sentence] = await wrong(world)
        assert found in sentence
        assert f"table {world.table}: the index {INDEX} has keys " in sentence
        assert (
            "expected is keys `sensor_id` (HASH) and `measured_at` (RANGE) and the attributes ALL" in sentence
        )
        assert sentence.endswith(": delete it")

    @pytest.mark.parametrize("name", [INDEX, "the-owners-own"])
    @pytest.mark.parametrize(
        ("key", "kind", "words"),
        [
            ("AQI", "S", "`AQI` as text (S), and it is written as a number (N)"),
            ("measured_at", "S", "`measured_at` as text (S), and it is written as a number (N)"),
            ("country", "N", "`country` as a number (N), and it is written as text (S)"),
            ("timestamp", "B", "`timestamp` as bytes (B), and it is written as text (S)"),
        ],
    )
    async def test_an_index_on_an_attribute_of_another_type_would_refuse_every_item_and_is_an_error(
        self, world: World, name: str, key: str, kind: str, words: str
    ) -> None:
        await make_indexed(world, name, {"other": "S", key: kind})
        world.double.clear()
        for work in (create_table, writable):
            with pytest.raises(ConfigError) as caught:
                await work(world)
            assert str(caught.value).startswith(f"table {world.table} would refuse every item: ")
            assert f"its index {name} has {words}: delete that index" in str(caught.value)
        assert world.double.operations() == ["DescribeTable"] * 2

    async def test_an_owners_index_on_attributes_of_the_right_type_or_of_their_own_is_no_error(
        self, world: World
    ) -> None:
        await make_indexed(world, "the-owners-own", {"AQI_range": "S", "AQI": "N"})
        await create_table(world)
        await writable(world)
        assert await wrong(world) == []

    async def test_another_programs_table_gets_nothing(self, world: World) -> None:
        await world.dynamodb.create_table(
            TableName=world.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        )
        world.double.clear()
        with pytest.raises(MissingResource, match=f"^table {world.table} has another key than `id`"):
            await create_table(world)
        assert world.double.operations() == ["DescribeTable"]

    async def test_it_is_waited_for_until_it_is_active(self, world: World) -> None:
        world.double.on("DescribeTable", creating, skip=1, times=3)
        await create_table(world)
        assert world.waits == [provision.POLL_SECONDS] * 3
        assert await missing(world) == []

    async def test_one_that_another_makes_just_now_is_waited_for_and_then_extended(
        self, world: World
    ) -> None:
        await world.make_table()
        world.double.clear()
        world.double.on("DescribeTable", creating, times=2)
        await create_table(world)
        assert world.waits == [provision.POLL_SECONDS]
        assert world.double.operations() == [
            *["DescribeTable"] * 3,
            "DescribeTimeToLive",
            "UpdateTimeToLive",
            "DescribeTable",
            "UpdateTable",
        ]

    async def test_one_that_is_active_is_looked_at_once(self, world: World) -> None:
        await create_table(world)
        world.double.clear()
        await create_table(world)
        assert world.double.count("DescribeTable") == 1

    async def test_one_just_made_that_is_not_yet_seen_is_waited_for(self, world: World) -> None:
        world.double.on("DescribeTable", error(400, "ResourceNotFoundException"), times=3)
        await create_table(world)
        assert world.waits == [provision.POLL_SECONDS] * 2
        assert await missing(world) == []

    async def test_one_described_without_index_and_figures_gets_the_index(self, world: World) -> None:
        await world.make_table()
        world.double.on("DescribeTable", bare)
        assert f"index {INDEX}" in await missing(world)
        await create_table(world)
        [update] = world.double.seen("UpdateTable")
        assert update.json["GlobalSecondaryIndexUpdates"][0]["Create"]["IndexName"] == INDEX
        assert "ProvisionedThroughput" not in update.json["GlobalSecondaryIndexUpdates"][0]["Create"]

    async def test_ttl_that_is_being_enabled_is_not_asked_for_again(self, world: World) -> None:
        await create_table(world)
        world.double.clear()
        world.double.on("DescribeTimeToLive", enabling)
        await create_table(world)
        assert world.double.count("UpdateTimeToLive") == 0

    async def test_it_is_not_waited_for_for_ever(self, world: World) -> None:
        await world.make_table()
        world.double.on("DescribeTable", creating)
        with pytest.raises(Unavailable, match="did not become active within 300 s"):
            await create_table(world)

    async def test_two_programs_that_make_it_at_a_time_both_succeed(self, world: World) -> None:
        world.double.on("CreateTable", done_but(400, "ResourceInUseException"))
        await create_table(world)
        assert await missing(world) == []

    @pytest.mark.parametrize("answer", [cut, lost, error(400, "ThrottlingException")])
    @pytest.mark.parametrize("operation", ["CreateTable", "DescribeTable", "UpdateTimeToLive"])
    async def test_what_passes_is_waited_out(self, world: World, operation: str, answer: Answer) -> None:
        world.double.on(operation, answer, times=2)
        await create_table(world)
        assert len(world.waits) == 2
        assert await missing(world) == []

    @pytest.mark.parametrize("operation", ["DescribeTable", "CreateTable", "UpdateTimeToLive"])
    async def test_a_refusal_is_told_at_once(self, world: World, operation: str) -> None:
        world.double.on(operation, error(400, "AccessDeniedException"))
        with pytest.raises(AccessDenied, match=f"^table {world.table}: .*lack a permission"):
            await create_table(world)
        assert world.waits == []

    async def test_what_aws_calls_invalid_is_a_fault_of_the_configuration(self, world: World) -> None:
        await world.make_table()
        world.double.on("UpdateTable", error(400, "ValidationException", "the index is odd"))
        with pytest.raises(ConfigError, match="the index is odd"):
            await create_table(world)

    async def test_ttl_that_was_switched_within_the_hour_is_a_lack_and_the_rest_is_made(
        self, world: World
    ) -> None:
        await world.make_table()
        world.double.on("UpdateTimeToLive", error(400, "ValidationException", "TimeToLive is disabling"))
        [sentence] = await create_table(world)
        assert sentence.startswith("TTL on expires_at: ")
        assert "TimeToLive is disabling" in sentence
        world.double.clear()
        assert await missing(world) == ["TTL on expires_at"]

    @pytest.mark.parametrize("operation", ["UpdateTimeToLive", "UpdateTable"])
    async def test_what_another_adds_between_our_look_and_our_request_is_as_good(
        self, world: World, operation: str
    ) -> None:
        await world.make_table()
        world.double.on(operation, done_but(400, "ValidationException"), times=1)
        assert await create_table(world) == []
        assert await missing(world) == []

    @pytest.mark.parametrize("code", ["UnknownOperationException", "NotImplemented"])
    @pytest.mark.parametrize(
        ("operations", "lack"),
        [
            (("DescribeTimeToLive", "UpdateTimeToLive"), "TTL on expires_at"),
            (("UpdateTimeToLive",), "TTL on expires_at"),
            (("UpdateTable",), f"index {INDEX}"),
        ],
    )
    async def test_what_a_service_does_not_know_is_one_sentence_and_the_rest_is_made(
        self, world: World, operations: tuple[str, ...], lack: str, code: str
    ) -> None:
        await world.make_table()
        for operation in operations:
            world.double.on(operation, error(501 if code == "NotImplemented" else 400, code))
        [sentence] = await create_table(world)
        assert sentence.startswith(f"{lack}: table {world.table}: the service does not know this request")
        world.double.clear()
        assert await missing(world) == [lack]

    @pytest.mark.parametrize("cut_off", ["UpdateTimeToLive", "UpdateTable"])
    async def test_what_an_interrupted_one_left_undone_is_done_by_the_next(
        self, world: World, cut_off: str
    ) -> None:
        await world.make_table()
        world.double.on(cut_off, error(500, "InternalServerError"), times=5)
        with pytest.raises(Unavailable):
            await create_table(world)
        assert await create_table(world) == []
        assert await missing(world) == []

    async def test_a_service_that_never_answers_is_away_after_ten_seconds(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("aqi_service.storage.aws.retry.ANSWER_SECONDS", 0.05)
        world.double.on("DescribeTable", held(asyncio.Event()))
        with pytest.raises(Unavailable, match="no answer within"):
            await create_table(world)


class TestMissing:
    async def test_nothing_is_named_of_a_table_that_is_not_there(self, world: World) -> None:
        assert await missing(world) == []
        assert await wrong(world) == []

    @pytest.mark.parametrize(
        ("operation", "left"),
        [("DescribeTimeToLive", [f"index {INDEX}"]), ("DescribeTable", ["TTL on expires_at"])],
    )
    @pytest.mark.parametrize("code", ["AccessDeniedException", "UnknownOperationException"])
    async def test_what_may_not_be_seen_is_not_named(
        self, world: World, operation: str, left: list[str], code: str
    ) -> None:
        await world.make_table()
        world.double.on(operation, error(400, code))
        assert await missing(world) == left
        assert await wrong(world) == []

    async def test_a_table_that_does_not_answer_is_unavailable(self, world: World) -> None:
        world.double.on("DescribeTable", cut)
        with pytest.raises(Unavailable):
            await missing(world)


def worded(before: bytes, after: bytes) -> Answer:
    """Give moto's answer with this word for that."""

    async def answer(request: Request, forward: Forward) -> Reply:
        response = await forward(request)
        response.body = content(response).replace(before, after)
        response.headers.pop("x-amz-crc32", None)
        return response

    return answer


creating = worded(b'"ACTIVE"', b'"CREATING"')
enabling = worded(b'"ENABLED"', b'"ENABLING"')


async def bare(request: Request, forward: Forward) -> Reply:
    """Describe a table without what AWS leaves out where there is none: its indexes and its figures."""
    table = json.loads(content(await forward(request)))
    for name in ("GlobalSecondaryIndexes", "ProvisionedThroughput"):
        table["Table"].pop(name, None)
    return web.json_response(table, content_type="application/x-amz-json-1.0")
