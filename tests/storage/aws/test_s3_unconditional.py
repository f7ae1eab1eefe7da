"""Stores that know no If-None-Match and If-Match on writes: what is there is looked at before a write."""

import pytest
import pytest_asyncio

from aqi_service.errors import NameInUse, RequestRefused
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, error, lost
from tests.doubles.aws_world import World, fresh
from tests.doubles.log_lines import lines
from tests.doubles.snapshot_name import NAME

COMPLETE = "CompleteMultipartUpload"
SAID = "A header you provided implies functionality that is not implemented"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


def without_conditions(status: int, code: str, then: Answer | None = None) -> Answer:
    """Refuse a write that has a condition; do any other, or answer it with `then`."""

    async def answer(request: Request, forward: Forward) -> Reply:
        if {"If-None-Match", "If-Match"} & set(request.headers):
            return await error(status, code, SAID)(request, forward)
        return await (then(request, forward) if then else forward(request))

    return answer


async def keep(archive: S3Archive, name: str = NAME, load_id: str = "load-1") -> None:
    async with archive.upload(name, SnapshotInfo("a.json", load_id)) as upload:
        await upload.write(b"[1]")
        await upload.complete()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in lines(caplog) if line.startswith("writes_unconditional ")]


@pytest.mark.parametrize(
    ("status", "code"), [(501, "NotImplemented"), (400, "InvalidArgument"), (400, "InvalidRequest")]
)
async def test_such_a_store_is_asked_what_is_there_and_warned_of_once(
    world: World, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    for operation in (COMPLETE, "PutObject"):
        world.double.on(operation, without_conditions(status, code))
    archive = world.archive()
    for name in (NAME, NAME.replace("18_55", "19_55")):
        await keep(archive, name)
        await archive.change("manifests/t/latest.json", lambda there: (there or b"") + b"x")
    assert sorted(await archive.names()) == [NAME, NAME.replace("18_55", "19_55")]
    assert await archive.get("manifests/t/latest.json") == b"xx"
    assert [line.partition(" hint")[0][-len(SAID) - 2 : -2] for line in told(caplog)] == [SAID]
    asked = world.double.operations()
    assert asked.count(COMPLETE) == 3  # the first one twice
    first, last = (i for i, each in enumerate(asked) if each == COMPLETE and i != asked.index(COMPLETE))
    assert asked[first - 1] == asked[last - 1] == "HeadObject"
    assert await world.open_uploads() == []


async def test_another_loads_snapshot_is_seen_there_and_stays(world: World) -> None:
    world.double.on(COMPLETE, without_conditions(501, "NotImplemented"))
    await world.s3.put_object(Bucket=world.bucket, Key=NAME, Body=b"[2]", Metadata={"load-id": "load-2"})
    with pytest.raises(NameInUse, match=f"another load's snapshot has the name {NAME} .seen before Complete"):
        await keep(world.archive())
    assert b"".join([piece async for piece in world.archive().read(NAME)]) == b"[2]"
    assert await world.open_uploads() == []


async def test_a_complete_whose_answer_is_lost_there_is_found_done(world: World) -> None:
    world.double.on(COMPLETE, without_conditions(501, "NotImplemented", lost), times=2)
    await keep(world.archive())
    assert b"".join([piece async for piece in world.archive().read(NAME)]) == b"[1]"


async def test_a_store_that_refuses_without_a_condition_as_well_is_told_in_its_own_words(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for operation in (COMPLETE, "PutObject"):
        world.double.on(operation, error(400, "InvalidRequest", "no such thing here"))
    archive = world.archive()
    with pytest.raises(RequestRefused, match="no such thing here"):
        await keep(archive)
    with pytest.raises(RequestRefused, match="no such thing here"):
        await archive.change("manifests/t/latest.json", lambda _: b"x")
    assert told(caplog) == []
    assert (await world.open_uploads(), world.waits) == ([], [])
