"""A load that is cancelled, at whatever request: no upload of its own is left."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
import pytest_asyncio

from aqi_service.errors import Unavailable
from aqi_service.storage.aws import s3_upload
from aqi_service.storage.aws.s3_upload import PART_SIZE
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, cut, done_but, error, held, lost
from tests.doubles.aws_world import World, fresh, until
from tests.doubles.snapshot_name import NAME

BODY = b"[" + b" " * PART_SIZE + b"]"
CREATE = "CreateMultipartUpload"
REQUESTS = (CREATE, "UploadPart", "CompleteMultipartUpload")
"""Of an upload, in order."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def keep(world: World) -> None:
    async with world.archive().upload(NAME, SnapshotInfo("a.json", "load-1")) as upload:
        await upload.write(BODY)
        await upload.complete()


async def clean(world: World) -> None:
    """See that the bucket has one whole object or none, and nothing else."""
    world.double.clear()
    assert await world.open_uploads() == []
    for name in await world.archive().names():
        assert b"".join([piece async for piece in world.archive().read(name)]) == BODY


async def left_to_the_sweep(world: World, count: int) -> None:
    """See that so many uploads are left without a part, and nothing when they were swept."""
    world.double.clear()
    listed = (await world.s3.list_multipart_uploads(Bucket=world.bucket))["Uploads"]
    for upload in listed:
        parts = await world.s3.list_parts(Bucket=world.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        assert parts.get("Parts", []) == []
    assert len(listed) == count
    world.double.ahead = timedelta(days=2)
    assert await world.archive().sweep() == count
    await clean(world)


async def ended(task: asyncio.Task[None]) -> None:
    with pytest.raises(asyncio.CancelledError):
        await task


def done_and_held(gate: asyncio.Event, done: asyncio.Event | None = None) -> Answer:
    """Do the work, tell that it is done, and keep the answer until the gate is open."""

    async def answer(request: Request, forward: Forward) -> Reply:
        response = await forward(request)
        if done:
            done.set()
        await gate.wait()
        return response

    return answer


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("times", [1, 2])
async def test_cancelled_at_any_request_it_leaves_one_whole_object_or_none(
    world: World, operation: str, done: bool, times: int
) -> None:
    async def cancel(request: Request, forward: Forward) -> Reply:
        if not done:
            task.cancel()
            await asyncio.sleep(0)
            return await forward(request)
        response = await forward(request)
        task.cancel()
        await asyncio.sleep(0)
        return response

    world.double.on(operation, cancel, times=times)
    task = asyncio.create_task(keep(world))
    await ended(task)
    await clean(world)


@pytest.mark.parametrize("answer", [held, done_and_held])
async def test_a_create_that_is_on_its_way_is_let_to_its_end_and_its_upload_aborted(
    world: World, answer: Callable[[asyncio.Event], Answer]
) -> None:
    gate = asyncio.Event()
    world.double.on(CREATE, answer(gate))
    task = asyncio.create_task(keep(world))
    await until(lambda: world.double.count(CREATE) == 1)
    task.cancel()
    await asyncio.sleep(0)
    gate.set()
    await ended(task)
    assert world.double.count("AbortMultipartUpload") == 1
    assert world.double.count("ListMultipartUploads") == 0
    await clean(world)


async def test_a_create_that_never_answers_keeps_nobody_waiting_and_leaves_an_empty_upload_to_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_upload, "CREATE_SECONDS", 0.05)
    monkeypatch.setattr(s3_upload, "ABORT_SECONDS", 60.0)
    done = asyncio.Event()
    world.double.on(CREATE, done_and_held(asyncio.Event(), done))
    task = asyncio.create_task(keep(world))
    await done.wait()
    task.cancel()
    await ended(task)
    await left_to_the_sweep(world, 1)


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
async def test_a_request_whose_work_was_done_but_not_answered_leaves_nothing_open(
    world: World, operation: str
) -> None:
    world.double.on(operation, done_and_held(asyncio.Event()))
    task = asyncio.create_task(keep(world))
    await until(lambda: world.double.count(operation) > 0)
    task.cancel()
    await ended(task)
    await clean(world)


async def test_a_second_cancellation_does_not_cut_the_clean_up_short(world: World) -> None:
    gate = asyncio.Event()
    world.double.on("UploadPart", held(asyncio.Event()))
    world.double.on("AbortMultipartUpload", held(gate))
    task = asyncio.create_task(keep(world))
    await until(lambda: world.double.count("UploadPart") > 0)
    task.cancel()
    await until(lambda: world.double.count("AbortMultipartUpload") == 1)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    await ended(task)
    await clean(world)


@pytest.mark.parametrize("answer", [lost, done_but(500, "InternalError"), done_but(503, "SlowDown")])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_create_whose_answer_was_lost_costs_the_load_nothing(
    world: World, answer: Answer, times: int
) -> None:
    world.double.on(CREATE, answer, times=times)
    await keep(world)
    assert await world.archive().names() == [NAME]
    await left_to_the_sweep(world, times)


async def test_a_create_whose_answers_are_all_lost_fails(world: World) -> None:
    world.double.on(CREATE, lost)
    with pytest.raises(Unavailable):
        await keep(world)
    assert world.double.count(CREATE) == 5
    await left_to_the_sweep(world, 5)


async def test_a_lost_create_costs_another_loads_upload_of_that_name_nothing(world: World) -> None:
    async with world.archive().upload(NAME, SnapshotInfo("b.json", "load-2")) as other:
        world.double.on(CREATE, lost, times=1)
        async with world.archive().upload(NAME, SnapshotInfo("a.json", "load-1")):
            pass
        await other.write(BODY)
        await other.complete()
    await left_to_the_sweep(world, 1)


@pytest.mark.parametrize("answer", [cut, error(503, "SlowDown")])
async def test_an_upload_that_was_never_begun_asks_for_no_abort(world: World, answer: Answer) -> None:
    world.double.on(CREATE, answer)
    with pytest.raises(Unavailable):
        await keep(world)
    assert world.double.count("AbortMultipartUpload") == 0
    await clean(world)
