"""What becomes of a snapshot when S3 answers wrong or not at all: one object, or none and nothing open."""

import random

import pytest
import pytest_asyncio

from aqi_service.errors import AccessDenied, AqiError, ArchiveFailed
from aqi_service.storage.aws.s3_upload import PART_SIZE
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.aws_answers import Answer, body, cut, done_but, error, lost
from tests.doubles.aws_world import World, fresh
from tests.doubles.snapshot_name import NAME

BODY = random.Random(1).randbytes(PART_SIZE + 10)  # noqa: S311 (a body that no compression shortens)
"""Two parts. Where no part is what fails, one of two bytes does: `make matrix` has each fault with two."""
SHORT = b"[]"
UPLOAD = ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
PASSING: dict[str, Answer] = {
    "500": error(500, "InternalError"),
    "503": error(503, "SlowDown"),
    "429": error(429, "TooManyRequests"),
    "timeout": error(400, "RequestTimeout"),
    "reset": cut,
    "html": body("<html>a proxy's page<p>", 502),
}
EMPTY = '<?xml version="1.0"?><CompleteMultipartUploadResult></CompleteMultipartUploadResult>'
ERROR_IN_200 = '<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>try again</Message></Error>'


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def keep(world: World, load_id: str = "load-1", content: bytes = BODY) -> None:
    async with world.archive().upload(NAME, SnapshotInfo("a.json", load_id)) as upload:
        await upload.write(content)
        await upload.complete()


def content_for(operation: str) -> bytes:
    return BODY if operation == "UploadPart" else SHORT


async def kept(world: World) -> bytes | None:
    """Give the object that is there, once it is sure that nothing else is."""
    assert await world.open_uploads() == []
    if not await world.archive().names():
        return None
    return b"".join([piece async for piece in world.archive().read(NAME)])


@pytest.mark.parametrize("operation", UPLOAD)
@pytest.mark.parametrize("fault", PASSING)
async def test_a_fault_that_passes_is_waited_out_and_gives_one_whole_object(
    world: World, operation: str, fault: str
) -> None:
    world.double.on(operation, PASSING[fault], times=2)
    content = content_for(operation)
    await keep(world, content=content)
    assert await kept(world) == content
    assert all(0 <= wait <= 0.2 * 2**number for number, wait in enumerate(world.waits))


@pytest.mark.parametrize("operation", UPLOAD)
@pytest.mark.parametrize("fault", PASSING)
async def test_a_fault_that_stays_fails_in_a_sentence_and_leaves_nothing(
    world: World, operation: str, fault: str
) -> None:
    world.double.on(operation, PASSING[fault])
    with pytest.raises(AqiError, match=f"^bucket {world.bucket}: [^\n]*$"):
        await keep(world, content=content_for(operation))
    assert len(world.waits) in (4, 8)  # of one call, or of both parts
    assert await kept(world) is None


@pytest.mark.parametrize("fault", PASSING)
async def test_an_abort_is_repeated_until_nothing_is_left_open(world: World, fault: str) -> None:
    world.double.on("AbortMultipartUpload", PASSING[fault], times=3)
    async with world.archive().upload(NAME, SnapshotInfo("a.json", "load-1")) as upload:
        await upload.write(BODY)
    assert await kept(world) is None


async def test_a_refusal_is_not_repeated_and_stays_a_refusal(world: World) -> None:
    world.double.on("UploadPart", error(403, "AccessDenied"))
    with pytest.raises(AccessDenied, match="lack a permission"):
        await keep(world, content=b"[]")
    assert world.waits == []
    assert await kept(world) is None


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
async def test_an_answer_that_is_lost_after_the_work_was_done_gives_one_object(
    world: World, operation: str
) -> None:
    world.double.on(operation, lost, times=1)
    await keep(world)
    assert await kept(world) == BODY


@pytest.mark.parametrize(
    "answer",
    [
        done_but(412, "PreconditionFailed"),
        done_but(404, "NoSuchUpload"),
        done_but(500, "InternalError"),
        lost,
    ],
)
async def test_a_complete_that_was_done_counts_as_done_whatever_its_answer_says(
    world: World, answer: Answer
) -> None:
    world.double.on("CompleteMultipartUpload", answer)
    await keep(world, content=SHORT)
    assert await kept(world) == SHORT


async def test_an_upload_that_someone_else_aborted_fails(world: World) -> None:
    async with world.archive().upload(NAME, SnapshotInfo("a.json", "load-1")) as upload:
        await upload.write(BODY)
        world.double.on("CompleteMultipartUpload", error(404, "NoSuchUpload"))
        with pytest.raises(ArchiveFailed, match="NoSuchUpload"):
            await upload.complete()
    assert await kept(world) is None


async def test_an_error_inside_a_200_is_repeated(world: World) -> None:
    world.double.on("CompleteMultipartUpload", body(ERROR_IN_200), times=2)
    await keep(world)
    assert world.double.count("CompleteMultipartUpload") == 3
    assert await kept(world) == BODY


@pytest.mark.parametrize("operation", ["UploadPart", "CompleteMultipartUpload"])
async def test_a_200_that_confirms_nothing_is_repeated(world: World, operation: str) -> None:
    world.double.on(operation, body(EMPTY), times=2)
    await keep(world, content=b"[]")
    assert world.double.count(operation) == 3
    assert await kept(world) == b"[]"


@pytest.mark.parametrize("operation", UPLOAD)
@pytest.mark.parametrize("text", [ERROR_IN_200, EMPTY, "", "<html>", "no XML"])
async def test_a_200_that_confirms_nothing_is_no_success(world: World, operation: str, text: str) -> None:
    world.double.on(operation, body(text))
    with pytest.raises(AqiError, match=f"^bucket {world.bucket}: [^\n]*$"):
        await keep(world, content=content_for(operation))
    assert await kept(world) is None


async def test_a_200_without_an_etag_counts_once_head_shows_our_object(world: World) -> None:
    async def emptied(request, forward):  # type: ignore[no-untyped-def]  # an Answer
        await forward(request)
        return await body(EMPTY)(request, forward)

    world.double.on("CompleteMultipartUpload", emptied)
    await keep(world)
    assert await kept(world) == BODY


@pytest.mark.parametrize("head", [cut, error(403, "403"), error(404, "404")])
async def test_a_complete_without_an_answer_fails_where_head_cannot_tell(world: World, head: Answer) -> None:
    world.double.on("CompleteMultipartUpload", cut)
    world.double.on("HeadObject", head)
    with pytest.raises(ArchiveFailed, match="no answer"):
        await keep(world, content=SHORT)
    assert await kept(world) is None
