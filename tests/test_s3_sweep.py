"""What a sweep of a bucket takes: uploads and documents of the dead, and nothing of the living."""

import pytest
import pytest_asyncio

from aqi_service.errors import AccessDenied, Unavailable
from aqi_service.storage.holder import holder_name
from aqi_service.storage.s3_holders import FOREIGN_SECONDS
from tests.aws_answers import Answer, Forward, Reply, Request, cut, error
from tests.aws_world import World, fresh
from tests.moto_names import Moto
from tests.s3_helpers import (
    ABROAD,
    KEY,
    NAME,
    NOW,
    SECOND,
    archive,
    begin,
    begun_id,
    dead,
    hold,
    page,
    uploading,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


class TestSweep:
    async def test_an_upload_that_nobody_holds_is_aborted(self, world: World) -> None:
        await begin(world)
        await begin(world, SECOND)
        await begin(world, SECOND)
        assert await archive(world).sweep() == 3
        assert await world.open_uploads() == []
        assert await archive(world).sweep() == 0

    async def test_an_upload_of_a_dead_process_is_aborted_and_its_document_deleted(
        self, world: World
    ) -> None:
        await begin(world, holder=dead())
        assert await archive(world).sweep() == 1
        assert await world.open_uploads() == []
        assert await world.holders() == []

    async def test_an_upload_of_a_live_process_stays_however_old(self, world: World) -> None:
        await begin(world, holder=holder_name())
        assert await archive(world, NOW + 100 * FOREIGN_SECONDS).sweep() == 0
        assert await world.open_uploads() == [NAME]
        assert await world.holders() == [KEY]

    @pytest.mark.parametrize(
        ("age", "stays"),
        [
            (0, True),
            (FOREIGN_SECONDS - 1, True),
            (FOREIGN_SECONDS, False),
            (1 - FOREIGN_SECONDS, True),
            (-FOREIGN_SECONDS, False),
        ],
    )
    async def test_an_upload_of_another_machine_stays_for_a_day(
        self, world: World, age: float, stays: bool
    ) -> None:
        await begin(world, holder=ABROAD)
        assert await archive(world, NOW + age).sweep() == (not stays)
        assert bool(await world.open_uploads()) is stays
        assert bool(await world.holders()) is stays

    @pytest.mark.parametrize(
        "body",
        [b"", b"{}", b"[]", b"\xff", b'{"holder": 1, "load_id": 2, "started": "soon"}', b"[" * 100_000],
    )
    async def test_a_document_that_tells_nothing_counts_from_the_time_of_its_writing(
        self, world: World, body: bytes
    ) -> None:
        await begin(world)
        await world.s3.put_object(Bucket=world.bucket, Key=KEY, Body=body)
        written = (await world.s3.head_object(Bucket=world.bucket, Key=KEY))["LastModified"].timestamp()
        assert await archive(world, written + FOREIGN_SECONDS - 10).sweep() == 0
        assert await world.open_uploads() == [NAME]
        assert await archive(world, written + FOREIGN_SECONDS + 10).sweep() == 1
        assert await world.holders() == []

    async def test_what_is_not_under_our_names_is_left_alone(self, world: World) -> None:
        keys = ["backup.bin", "data_/x.json", "data_99_99_23_18_55.json", f"{NAME}.gz", f"a/{NAME}"]
        for key in keys:
            await begin(world, key)
            await hold(world, key, dead())
        assert await archive(world).sweep() == 0
        assert sorted(await world.open_uploads()) == sorted(keys)
        assert len(await world.holders()) == len(keys)

    async def test_no_object_but_the_documents_of_holders_is_looked_at_however_old(
        self, world: World
    ) -> None:
        kept = [NAME, SECOND, f"manifests/t/{NAME}"]
        for key in kept:
            await world.s3.put_object(Bucket=world.bucket, Key=key, Body=b"[]")
        world.double.clear()
        assert await archive(world, NOW + 10_000 * FOREIGN_SECONDS).sweep() == 0
        asked = [(request.operation, request.query.get("prefix")) for request in world.double.requests]
        assert asked == [("ListMultipartUploads", "data_"), ("ListObjectsV2", "uploads/")]
        assert [await archive(world).get(key) for key in kept] == [b"[]"] * 3

    async def test_documents_without_an_upload_go_when_their_holder_is_dead(self, world: World) -> None:
        await hold(world, NAME, dead())
        await hold(world, SECOND, holder_name())
        assert await archive(world).sweep() == 0
        assert await world.holders() == [f"uploads/{SECOND}"]

    async def test_one_live_upload_does_not_keep_another_names_dead_one(self, world: World) -> None:
        await begin(world, holder=holder_name())
        await begin(world, SECOND, holder=dead())
        assert await archive(world).sweep() == 1
        assert await world.open_uploads() == [NAME]

    async def test_a_load_that_begins_just_before_the_list_is_not_taken_for_a_dead_one(
        self, world: World
    ) -> None:
        async def begun_meanwhile(request: Request, forward: Forward) -> Reply:
            await begin(world, holder=holder_name())
            return await forward(request)

        world.double.on("ListMultipartUploads", begun_meanwhile, times=1)
        assert await archive(world).sweep() == 0
        assert await world.open_uploads() == [NAME]

    async def test_a_document_that_a_new_load_writes_while_a_dead_ones_is_deleted_stays(
        self, world: World
    ) -> None:
        async def overtaken(request: Request, forward: Forward) -> Reply:
            await hold(world, NAME, holder_name())
            return await forward(request)

        await hold(world, NAME, dead())
        world.double.on("DeleteObject", overtaken)
        assert await archive(world).sweep() == 0
        assert await world.holders() == [KEY]

    async def test_an_upload_that_ends_meanwhile_is_not_counted(self, world: World) -> None:
        await begin(world)
        world.double.on("AbortMultipartUpload", error(404, "NoSuchUpload"))
        assert await archive(world).sweep() == 0

    @pytest.mark.parametrize(
        "operation",
        ["ListMultipartUploads", "GetObject", "AbortMultipartUpload", "ListObjectsV2", "DeleteObject"],
    )
    @pytest.mark.parametrize("answer", [cut, error(503, "SlowDown")])
    async def test_a_fault_that_passes_is_waited_out(
        self, world: World, operation: str, answer: Answer
    ) -> None:
        await begin(world, holder=dead())
        world.double.on(operation, answer, times=2)
        assert await archive(world).sweep() == 1
        assert await world.open_uploads() == []
        assert await world.holders() == []

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [(error(503, "SlowDown"), Unavailable), (error(403, "AccessDenied"), AccessDenied)],
    )
    async def test_an_abort_that_fails_says_so_and_leaves_the_document_to_the_next_sweep(
        self, world: World, answer: Answer, kind: type[Exception]
    ) -> None:
        await begin(world, holder=dead())
        world.double.on("AbortMultipartUpload", answer)
        with pytest.raises(kind):
            await archive(world).sweep()
        assert await world.holders() == [KEY]
        world.double.clear()
        assert await archive(world).sweep() == 1

    async def test_all_pages_of_uploads_are_read(self, world: World) -> None:
        ids = [await begun_id(world, name) for name in (NAME, SECOND)]

        async def paged(request: Request, _forward: Forward) -> Reply:
            marks = (request.query.get("key-marker"), request.query.get("upload-id-marker"))
            first = marks == (None, None)
            assert first or marks == (NAME, ids[0])
            return page(NAME if first else SECOND, ids[0] if first else ids[1], truncated=first)

        world.double.on("ListMultipartUploads", paged)
        assert await archive(world).sweep() == 2
        world.double.clear()
        assert await world.open_uploads() == []

    async def test_what_a_killed_process_leaves_is_gone_after_it(self, world: World, moto: Moto) -> None:
        with uploading(world, moto.environment) as process:
            assert await archive(world).sweep() == 0
            assert await world.open_uploads() == [NAME]
            process.kill()
        assert await archive(world).sweep() == 1
        assert await world.open_uploads() == []
        assert await world.holders() == []
