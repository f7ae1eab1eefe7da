"""What `--create` makes of bucket and table, what it adds to those that are there, and what it leaves."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aqi_service.errors import AccessDenied, ConfigError, MissingResource, Unavailable
from aqi_service.storage import provision
from tests.aws_answers import Answer, Forward, Reply, Request, content, cut, done_but, error, lost
from tests.aws_world import World, fresh, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

INDEX = "sensor_id-measured_at-index"
UNITS = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3}
WRITES = {"CreateTable", "UpdateTable", "UpdateTimeToLive", "CreateBucket", "PutPublicAccessBlock"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws(moto_endpoint: str) -> AsyncIterator[World]:
    async with opened(moto_endpoint) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws)


async def create_bucket(world: World, owner: str | None = None) -> None:
    await provision.create_bucket(world.clients.s3, world.bucket, owner, world.waits)


async def create_table(world: World) -> None:
    await provision.create_table(world.clients.writes, world.table, world.waits)


async def missing(world: World) -> list[str]:
    return await provision.missing(world.clients.writes, world.table, world.waits)


async def described(world: World) -> dict[str, Any]:
    answer = await world.dynamodb.describe_table(TableName=world.table)
    return dict(answer["Table"])


async def ttl(world: World) -> dict[str, Any]:
    answer = await world.dynamodb.describe_time_to_live(TableName=world.table)
    return dict(answer["TimeToLiveDescription"])


class TestBucket:
    async def test_a_new_one_is_private_and_encrypted(self, world: World) -> None:
        await create_bucket(world)
        access = await world.s3.get_public_access_block(Bucket=world.bucket)
        assert set(access["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(access["PublicAccessBlockConfiguration"]) == 4
        encryption = await world.s3.get_bucket_encryption(Bucket=world.bucket)
        rule = encryption["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        await world.archive().check()

    async def test_one_that_is_there_is_left_as_it_is(self, world: World) -> None:
        await world.s3.create_bucket(Bucket=world.bucket)
        world.double.clear()
        await create_bucket(world)
        assert world.double.operations() == ["ListObjectsV2"]

    async def test_making_it_twice_is_making_it_once(self, world: World) -> None:
        await create_bucket(world)
        world.double.clear()
        await create_bucket(world)
        assert WRITES.isdisjoint(world.double.operations())

    async def test_one_of_another_account_is_left_alone(self, world: World) -> None:
        world.double.on("ListObjectsV2", error(403, "AccessDenied"))
        await create_bucket(world)
        assert world.double.operations() == ["ListObjectsV2"]

    async def test_a_name_taken_between_two_looks_is_anothers(self, world: World) -> None:
        world.double.on("CreateBucket", error(409, "BucketAlreadyExists"))
        with pytest.raises(ConfigError, match="bucket names are global and this one is another account's"):
            await create_bucket(world)

    async def test_bad_credentials_are_told(self, world: World) -> None:
        world.double.on("ListObjectsV2", error(403, "InvalidAccessKeyId"))
        with pytest.raises(AccessDenied, match="does not know these credentials"):
            await create_bucket(world)

    @pytest.mark.parametrize("answer", [cut, lost, error(503, "SlowDown"), error(409, "OperationAborted")])
    @pytest.mark.parametrize("operation", ["CreateBucket", "PutPublicAccessBlock", "PutBucketEncryption"])
    async def test_what_passes_is_waited_out(self, world: World, operation: str, answer: Answer) -> None:
        world.double.on(operation, answer, times=2)
        await create_bucket(world)
        assert (await world.s3.get_public_access_block(Bucket=world.bucket))["PublicAccessBlockConfiguration"]

    async def test_one_made_by_a_lost_request_is_ours(self, world: World) -> None:
        world.double.on("CreateBucket", done_but(409, "BucketAlreadyOwnedByYou"))
        await create_bucket(world)
        assert world.double.count("PutBucketEncryption") == 1

    async def test_the_owner_is_named_in_all_requests_that_can_name_one(self, world: World) -> None:
        await create_bucket(world, "123456789012")
        named = {r.operation for r in world.double.requests if r.headers.get("x-amz-expected-bucket-owner")}
        assert set(world.double.operations()) - named == {"CreateBucket"}

    @pytest.mark.parametrize(("region", "place"), [("us-east-1", b""), ("eu-west-1", b"eu-west-1")])
    async def test_it_is_made_in_the_region_of_the_client(
        self, moto_endpoint: str, region: str, place: bytes
    ) -> None:
        async with opened(moto_endpoint, AWS_REGION=region) as there:
            world = await fresh(there)
            await create_bucket(world)
            made = world.double.seen("CreateBucket")[0].body
            assert (b"<LocationConstraint>" + place in made) if place else made == b""


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

    async def test_another_programs_table_gets_nothing(self, world: World) -> None:
        await world.dynamodb.create_table(
            TableName=world.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        )
        world.double.clear()
        with pytest.raises(MissingResource, match="has another key than `id`"):
            await create_table(world)
        assert world.double.operations() == ["DescribeTable"]

    async def test_it_is_waited_for_until_it_is_active(self, world: World) -> None:
        world.double.on("DescribeTable", creating, skip=1, times=3)
        await create_table(world)
        assert world.waits == [provision.POLL_SECONDS] * 3
        assert await missing(world) == []

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
        assert await missing(world) == []

    @pytest.mark.parametrize("operation", ["DescribeTable", "CreateTable", "UpdateTimeToLive"])
    async def test_a_refusal_is_told_at_once(self, world: World, operation: str) -> None:
        world.double.on(operation, error(400, "AccessDeniedException"))
        with pytest.raises(AccessDenied, match=f"^table {world.table}: .*lack a permission"):
            await create_table(world)
        assert world.waits == []

    @pytest.mark.parametrize("operation", ["UpdateTimeToLive", "UpdateTable"])
    async def test_what_aws_calls_invalid_is_a_fault_of_the_configuration(
        self, world: World, operation: str
    ) -> None:
        await world.make_table()
        world.double.on(operation, error(400, "ValidationException", "TimeToLive is disabling"))
        with pytest.raises(ConfigError, match="TimeToLive is disabling"):
            await create_table(world)


class TestMissing:
    async def test_nothing_is_named_of_a_table_that_is_not_there(self, world: World) -> None:
        assert await missing(world) == []

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

    async def test_a_table_that_does_not_answer_is_unavailable(self, world: World) -> None:
        world.double.on("DescribeTable", cut)
        with pytest.raises(Unavailable):
            await missing(world)


async def creating(request: Request, forward: Forward) -> Reply:
    """Describe a table as one that is being made."""
    response = await forward(request)
    response.body = content(response).replace(b'"ACTIVE"', b'"CREATING"')
    response.headers.pop("x-amz-crc32", None)
    return response
