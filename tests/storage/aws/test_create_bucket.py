"""What `--create` makes of a bucket, and when it leaves one alone."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from aqi_service.errors import AccessDenied, ConfigError, NotReady, Unavailable
from aqi_service.storage.aws.create_bucket import TAG, BucketMaker
from tests.doubles.aws_answers import Answer, cut, done_but, error, held, lost
from tests.doubles.aws_world import World, fresh, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRITES = {"CreateBucket", "PutBucketTagging", "PutPublicAccessBlock", "PutBucketEncryption"}
LOOKS = ("GetBucketTagging", "GetPublicAccessBlock", "GetBucketEncryption")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws)


async def create_bucket(world: World, owner: str | None = None) -> list[str]:
    return await BucketMaker(world.clients.s3, world.bucket, owner, world.waits).make()


async def encrypt(world: World, algorithm: str) -> None:
    rules: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}]}
    await world.s3.put_bucket_encryption(Bucket=world.bucket, ServerSideEncryptionConfiguration=rules)


async def assert_private_and_encrypted(world: World) -> None:
    access = await world.s3.get_public_access_block(Bucket=world.bucket)
    assert set(access["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(access["PublicAccessBlockConfiguration"]) == 4
    encryption = await world.s3.get_bucket_encryption(Bucket=world.bucket)
    rule = encryption["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


async def test_a_new_one_is_private_encrypted_and_tagged(world: World) -> None:
    assert await create_bucket(world) == []
    await assert_private_and_encrypted(world)
    tags = (await world.s3.get_bucket_tagging(Bucket=world.bucket))["TagSet"]
    assert tags == [{"Key": TAG, "Value": "made-by-create"}]
    assert world.double.operations()[:3] == ["ListObjectsV2", "CreateBucket", "PutBucketTagging"]
    await world.archive().check()


async def test_one_that_is_there_is_left_as_it_is_and_what_it_has_not_is_one_sentence(world: World) -> None:
    await world.s3.create_bucket(Bucket=world.bucket)
    world.double.clear()
    [sentence] = await create_bucket(world)
    assert sentence == (
        f"block of public access and encryption by default: bucket {world.bucket} was there before, "
        "and stays as its owner has it"
    )
    assert world.double.operations() == ["ListObjectsV2", *LOOKS]
    assert world.double.requests[0].query["max-keys"] == "1"


async def test_of_anothers_bucket_that_is_private_and_encrypted_nothing_is_said(world: World) -> None:
    await world.s3.create_bucket(Bucket=world.bucket)
    own: Any = {"BlockPublicAcls": False}
    await world.s3.put_public_access_block(Bucket=world.bucket, PublicAccessBlockConfiguration=own)
    await encrypt(world, "aws:kms")
    assert await create_bucket(world) == []


@pytest.mark.parametrize("answer", [error(403, "AccessDenied"), error(501, "NotImplemented")])
async def test_what_is_not_to_be_seen_of_anothers_bucket_is_not_named(world: World, answer: Answer) -> None:
    await world.s3.create_bucket(Bucket=world.bucket)
    for operation in LOOKS:
        world.double.on(operation, answer)
    assert await create_bucket(world) == []
    assert WRITES.isdisjoint(world.double.operations()[1:])


@pytest.mark.parametrize("cut_off", ["PutPublicAccessBlock", "PutBucketEncryption"])
async def test_what_an_interrupted_one_left_undone_is_done_by_the_next(world: World, cut_off: str) -> None:
    world.double.on(cut_off, error(503, "SlowDown"), times=5)
    with pytest.raises(Unavailable):
        await create_bucket(world)
    assert await create_bucket(world) == []  # by another process: it knows the bucket by its tag
    await assert_private_and_encrypted(world)


async def test_one_that_was_cut_off_before_its_tag_is_finished_by_the_same_process(world: World) -> None:
    world.double.on("PutBucketTagging", error(503, "SlowDown"), times=5)
    maker = BucketMaker(world.clients.s3, world.bucket, None, world.waits)
    with pytest.raises(Unavailable):
        await maker.make()
    assert await maker.make() == []
    await assert_private_and_encrypted(world)


async def test_what_its_owner_has_set_otherwise_since_stays(world: World) -> None:
    await create_bucket(world)
    own: Any = {"BlockPublicAcls": False}
    await world.s3.put_public_access_block(Bucket=world.bucket, PublicAccessBlockConfiguration=own)
    await encrypt(world, "aws:kms")
    world.double.clear()
    assert await create_bucket(world) == []
    assert WRITES.isdisjoint(world.double.operations())


@pytest.mark.parametrize(
    "answer",
    [
        error(501, "NotImplemented"),
        error(405, "MethodNotAllowed"),
        error(400, "InvalidArgument"),
        error(400, "MalformedXML"),
        error(409, "BucketAlreadyOwnedByYou"),  # a store that takes it for CreateBucket
    ],
)
@pytest.mark.parametrize(
    ("operation", "lack"),
    [
        ("PutBucketTagging", "tag aqi-service, by which a later start knows the bucket for its own"),
        ("PutPublicAccessBlock", "block of public access"),
        ("PutBucketEncryption", "encryption by default"),
    ],
)
async def test_what_a_store_does_not_take_is_one_sentence_and_the_rest_is_made(
    world: World, operation: str, lack: str, answer: Answer
) -> None:
    world.double.on(operation, answer)
    [sentence] = await create_bucket(world)
    assert sentence.startswith(f"{lack}: bucket {world.bucket}: ")
    assert world.double.count(operation) == 1  # it is not asked again
    assert set(world.double.operations()) >= WRITES


async def test_a_store_without_a_setting_is_said_to_lack_it_at_every_start(world: World) -> None:
    for operation in ("GetPublicAccessBlock", "PutPublicAccessBlock"):
        world.double.on(operation, error(501, "NotImplemented"))
    for operation in ("PutPublicAccessBlock", "GetPublicAccessBlock"):
        [sentence] = await create_bucket(world)
        lack = f"block of public access: bucket {world.bucket}: the service does not know this request"
        assert sentence.startswith(lack)
        assert operation in sentence
        assert sentence.endswith("injected)")


async def test_a_permission_that_is_missing_to_make_it_private_is_an_error(world: World) -> None:
    world.double.on("PutPublicAccessBlock", error(403, "AccessDenied"))
    with pytest.raises(AccessDenied, match="lack a permission"):
        await create_bucket(world)


async def test_what_is_not_there_yet_is_no_refusal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask(_self: BucketMaker, operation: str, **_: object) -> None:
        raise NotReady(operation)

    monkeypatch.setattr(BucketMaker, "_ask", ask)
    with pytest.raises(NotReady, match="put_bucket_tagging"):
        await create_bucket(world)
    with pytest.raises(NotReady, match="get_bucket_tagging"):
        await create_bucket(world)


async def test_one_just_made_that_is_not_yet_seen_may_be_seen_later(world: World) -> None:
    world.double.on("PutPublicAccessBlock", error(404, "NoSuchBucket"))
    with pytest.raises(Unavailable, match="is not there yet"):
        await create_bucket(world)


async def test_a_store_that_never_answers_is_away_after_ten_seconds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqi_service.storage.aws.retry.ANSWER_SECONDS", 0.05)
    world.double.on("ListObjectsV2", held(asyncio.Event()))
    with pytest.raises(Unavailable, match="no answer within"):
        await create_bucket(world)


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
@pytest.mark.parametrize("operation", sorted(WRITES))
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
