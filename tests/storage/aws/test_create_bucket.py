"""What `--create` makes of a bucket, and when it leaves one alone."""

import pytest
import pytest_asyncio

from aqi_service.errors import AccessDenied, ConfigError
from aqi_service.storage.aws import create as provision
from tests.doubles.aws_answers import Answer, cut, done_but, error, lost
from tests.doubles.aws_world import World, fresh, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRITES = {"CreateBucket", "PutPublicAccessBlock", "PutBucketEncryption"}


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws)


async def create_bucket(world: World, owner: str | None = None) -> None:
    await provision.create_bucket(world.clients.s3, world.bucket, owner, world.waits)


async def test_a_new_one_is_private_and_encrypted(world: World) -> None:
    await create_bucket(world)
    access = await world.s3.get_public_access_block(Bucket=world.bucket)
    assert set(access["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(access["PublicAccessBlockConfiguration"]) == 4
    encryption = await world.s3.get_bucket_encryption(Bucket=world.bucket)
    rule = encryption["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    await world.archive().check()


async def test_one_that_is_there_is_left_as_it_is(world: World) -> None:
    await world.s3.create_bucket(Bucket=world.bucket)
    world.double.clear()
    await create_bucket(world)
    assert world.double.operations() == ["ListObjectsV2"]
    assert world.double.requests[0].query["max-keys"] == "1"


async def test_making_it_twice_is_making_it_once(world: World) -> None:
    await create_bucket(world)
    world.double.clear()
    await create_bucket(world)
    assert WRITES.isdisjoint(world.double.operations())


async def test_one_of_another_account_is_left_alone(world: World) -> None:
    world.double.on("ListObjectsV2", error(403, "AccessDenied"))
    await create_bucket(world)
    assert world.double.operations() == ["ListObjectsV2"]


async def test_a_name_taken_between_two_looks_is_anothers(world: World) -> None:
    world.double.on("CreateBucket", error(409, "BucketAlreadyExists"))
    with pytest.raises(ConfigError, match="bucket names are global and this one is another account's"):
        await create_bucket(world)


async def test_bad_credentials_are_told(world: World) -> None:
    world.double.on("ListObjectsV2", error(403, "InvalidAccessKeyId"))
    with pytest.raises(AccessDenied, match=f"^bucket {world.bucket}: AWS does not know these credentials"):
        await create_bucket(world)


@pytest.mark.parametrize("answer", [cut, lost, error(503, "SlowDown"), error(409, "OperationAborted")])
@pytest.mark.parametrize("operation", ["CreateBucket", "PutPublicAccessBlock", "PutBucketEncryption"])
async def test_what_passes_is_waited_out(world: World, operation: str, answer: Answer) -> None:
    world.double.on(operation, answer, times=2)
    await create_bucket(world)
    assert (await world.s3.get_public_access_block(Bucket=world.bucket))["PublicAccessBlockConfiguration"]
    assert world.waits


async def test_one_made_by_a_lost_request_is_ours(world: World) -> None:
    world.double.on("CreateBucket", done_but(409, "BucketAlreadyOwnedByYou"))
    await create_bucket(world)
    assert world.double.count("PutBucketEncryption") == 1


async def test_the_owner_is_named_in_all_requests_that_can_name_one(world: World) -> None:
    await create_bucket(world, "123456789012")
    named = {r.operation for r in world.double.requests if r.headers.get("x-amz-expected-bucket-owner")}
    assert set(world.double.operations()) - named == {"CreateBucket"}


@pytest.mark.parametrize(("region", "place"), [("us-east-1", b""), ("eu-west-1", b"eu-west-1")])
async def test_it_is_made_in_the_region_of_the_client(moto_endpoint: str, region: str, place: bytes) -> None:
    async with opened(moto_endpoint, AWS_REGION=region) as there:
        world = await fresh(there)
        await create_bucket(world)
        made = world.double.seen("CreateBucket")[0].body
        assert (b"<LocationConstraint>" + place in made) if place else made == b""
