"""Complete meets another load's object, or does not say what it did: HEAD decides, and nothing stays open."""

import pytest
import pytest_asyncio

from aqi_service.errors import ArchiveFailed, NameInUse
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, body, cut, error, lost
from tests.doubles.aws_world import World, fresh
from tests.doubles.faults import effects
from tests.doubles.faults.clients import through
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.s3_rules import Aws
from tests.doubles.faults.shim import Shim
from tests.doubles.snapshot_name import NAME

COMPLETE = "CompleteMultipartUpload"
IN_200 = "<?xml version='1.0'?>\n<Error><Code>{}</Code><Message>no</Message></Error>"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def keep(world: World, load_id: str = "load-1", content: bytes = b"[1]") -> None:
    async with world.archive().upload(NAME, SnapshotInfo("a.json", load_id)) as upload:
        await upload.write(content)
        await upload.complete()


async def put_another(world: World) -> None:
    """Let another load complete its snapshot, past the double's rules and records."""
    await world.s3.put_object(Bucket=world.bucket, Key=NAME, Body=b"[2]", Metadata={"load-id": "load-2"})


async def kept(world: World) -> bytes | None:
    """Give the object that is there, once it is sure that nothing else is."""
    assert await world.open_uploads() == []
    if not await world.archive().names():
        return None
    return b"".join([piece async for piece in world.archive().read(NAME)])


async def test_another_loads_object_stays_and_our_upload_is_aborted(world: World) -> None:
    await put_another(world)
    with pytest.raises(NameInUse, match=f"another load's snapshot has the name {NAME} .PreconditionFailed"):
        await keep(world)
    assert world.double.count(COMPLETE) == 1
    assert await kept(world) == b"[2]"


async def test_an_object_that_no_load_wrote_has_the_name_as_well(world: World) -> None:
    await world.s3.put_object(Bucket=world.bucket, Key=NAME, Body=b"by hand")
    with pytest.raises(NameInUse):
        await keep(world)
    assert await kept(world) == b"by hand"


@pytest.mark.parametrize("head", [cut, error(403, "403"), error(404, "404")])
async def test_a_name_that_is_taken_counts_as_taken_even_where_head_cannot_tell(
    world: World, head: Answer
) -> None:
    await put_another(world)
    world.double.on("HeadObject", head)
    with pytest.raises(NameInUse):
        await keep(world)
    world.double.clear()
    assert await kept(world) == b"[2]"


@pytest.mark.parametrize(
    "answer",
    [
        error(409, "ConditionalRequestConflict"),
        error(409, "OperationAborted"),
        body(IN_200.format("ConditionalRequestConflict")),
    ],
)
async def test_a_conflict_is_neither_repeated_nor_looked_into(world: World, answer: Answer) -> None:
    world.double.on(COMPLETE, answer)
    with pytest.raises(NameInUse, match=f"^bucket {world.bucket}: .*(ConditionalRequest|OperationAborted)"):
        await keep(world)
    assert world.double.count(COMPLETE) == 1
    assert world.double.count("HeadObject") == 0
    assert world.waits == []
    assert await kept(world) is None


@pytest.mark.parametrize(
    "answer",
    [cut, error(500, "InternalError"), error(404, "NoSuchUpload"), body(IN_200.format("PreconditionFailed"))],
)
async def test_whatever_complete_says_another_loads_object_means_that_the_name_is_taken(
    world: World, answer: Answer
) -> None:
    await put_another(world)
    world.double.on(COMPLETE, answer)
    with pytest.raises(NameInUse):
        await keep(world)
    assert await kept(world) == b"[2]"


async def test_a_name_that_is_taken_says_that_complete_was_not_answered(world: World) -> None:
    await put_another(world)
    world.double.on(COMPLETE, cut)
    with pytest.raises(NameInUse, match=rf"the name {NAME} \(no answer\)$"):
        await keep(world)


async def test_a_repeated_complete_that_finds_no_upload_and_no_object_fails(world: World) -> None:
    world.double.on(COMPLETE, error(404, "NoSuchUpload"))
    world.double.on(COMPLETE, cut, times=1)
    with pytest.raises(ArchiveFailed, match="NoSuchUpload") as caught:
        await keep(world)
    assert not isinstance(caught.value, NameInUse)
    assert await kept(world) is None


async def test_a_repeated_complete_that_finds_our_object_is_done(world: World) -> None:
    world.double.on(COMPLETE, error(404, "NoSuchUpload"))
    world.double.on(COMPLETE, lost, times=1)
    await keep(world)
    assert world.double.count(COMPLETE) == 2
    assert await kept(world) == b"[1]"


async def test_the_other_load_may_win_between_two_tries(world: World) -> None:
    async def won_meanwhile(_request: Request, _forward: Forward) -> Reply:
        await put_another(world)
        return None

    world.double.on(COMPLETE, won_meanwhile, times=1)
    with pytest.raises(NameInUse):
        await keep(world)
    assert await kept(world) == b"[2]"


@pytest.mark.parametrize("fault", [error(503, "SlowDown"), error(500, "InternalError"), cut, lost])
async def test_an_abort_after_it_is_repeated_until_nothing_is_open(world: World, fault: Answer) -> None:
    await put_another(world)
    world.double.on("AbortMultipartUpload", fault, times=3)
    with pytest.raises(NameInUse):
        await keep(world)
    assert await kept(world) == b"[2]"


async def test_the_name_is_free_again_once_the_other_object_is_gone(world: World) -> None:
    await put_another(world)
    with pytest.raises(NameInUse):
        await keep(world)
    await world.s3.delete_object(Bucket=world.bucket, Key=NAME)
    await keep(world)
    assert await kept(world) == b"[1]"


@pytest.mark.parametrize("ends", [frozenset({409, 412}), frozenset[int]()])
@pytest.mark.parametrize("rule", [None, Rule(COMPLETE, effects.Refuse("ConditionalRequestConflict"))])
async def test_nothing_stays_open_whether_or_not_s3_ends_the_upload_itself(
    moto_endpoint: str, ends: frozenset[int], rule: Rule | None
) -> None:
    shim = Shim(moto_endpoint, aws=Aws(ends_upload=ends))
    async with shim, through(shim) as behind:
        there = behind.fresh()
        await there.make_bucket()
        if rule:
            there.shim.book.add(rule)
        else:
            await there.s3.put_object(Bucket=there.bucket, Key=NAME, Body=b"[2]")
        with pytest.raises(NameInUse):
            async with there.archive.upload(NAME, SnapshotInfo("a.json", "load-1")) as upload:
                await upload.complete()
        there.shim.book.clear()
        assert not (await there.s3.list_multipart_uploads(Bucket=there.bucket)).get("Uploads")
