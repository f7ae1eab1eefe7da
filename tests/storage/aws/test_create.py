"""`--create` as a whole: bucket and table are made each whatever becomes of the other."""

import pytest
import pytest_asyncio

from aqi_service.errors import AqiError, ConfigError, Unavailable
from aqi_service.storage.aws.open import AwsBackend
from tests.doubles.aws_answers import Answer, error
from tests.doubles.aws_world import World, fresh

pytestmark = pytest.mark.asyncio(loop_scope="module")

DENIED, AWAY = error(403, "AccessDenied"), error(400, "SomethingNew")
"""What waiting cannot mend, and what is not repeated in the same call but may pass."""


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws)


def backend(world: World) -> AwsBackend:
    return AwsBackend(world.clients, world.table, world.bucket, None)


@pytest.mark.parametrize(("answer", "kind"), [(DENIED, ConfigError), (AWAY, Unavailable)])
async def test_a_bucket_that_cannot_be_made_does_not_stop_the_table(
    world: World, answer: Answer, kind: type[AqiError]
) -> None:
    world.double.on("CreateBucket", answer)
    with pytest.raises(kind, match=f"^bucket {world.bucket}: "):
        await backend(world).create()
    await world.store().check()
    assert world.double.count("UpdateTimeToLive") == 1


@pytest.mark.parametrize(("answer", "kind"), [(DENIED, ConfigError), (AWAY, Unavailable)])
async def test_a_table_that_cannot_be_made_does_not_stop_the_bucket(
    world: World, answer: Answer, kind: type[AqiError]
) -> None:
    world.double.on("CreateTable", answer)
    with pytest.raises(kind, match=f"^table {world.table}: "):
        await backend(world).create()
    await world.archive().check()
    assert world.double.count("PutBucketLifecycleConfiguration") == 1


async def test_what_may_pass_is_told_first_and_of_what_does_not_all_is_told_at_once(world: World) -> None:
    world.double.on("CreateTable", DENIED)
    world.double.on("CreateBucket", AWAY, times=1)
    with pytest.raises(Unavailable):
        await backend(world).create()
    world.double.on("CreateBucket", DENIED)
    with pytest.raises(ConfigError, match=rf"^bucket {world.bucket}: .*; table {world.table}: .*"):
        await backend(world).create()


async def test_what_bucket_and_table_have_to_do_without_is_returned(world: World) -> None:
    for operation in ("PutPublicAccessBlock", "PutBucketLifecycleConfiguration", "UpdateTimeToLive"):
        world.double.on(operation, error(501, "NotImplemented"))
    lacks = await backend(world).create()
    assert [lack.partition(":")[0] for lack in lacks] == [
        "block of public access",
        "lifecycle rule that ends incomplete uploads under data_ after a day",
        "TTL on expires_at",
    ]
