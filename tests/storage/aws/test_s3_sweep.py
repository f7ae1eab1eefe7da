"""What a sweep takes: uploads under our names that are over a day old by S3's clock, and no others."""

from datetime import timedelta

import pytest
import pytest_asyncio

from aqi_service.core.times import DAY
from aqi_service.errors import AccessDenied, NameInUse, Unavailable
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, cut, error
from tests.doubles.aws_world import World, fresh
from tests.doubles.moto_names import Moto
from tests.doubles.s3_helpers import NOW, begin, date_of, killed_while_uploading, listed, page
from tests.doubles.snapshot_name import NAME, SECOND

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = "ListMultipartUploads"
TWO_DAYS = timedelta(days=2)


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


async def still_open(world: World) -> list[str]:
    """Name what is open, past the double's rules."""
    world.double.clear()
    return await world.open_uploads()


class TestAge:
    @pytest.mark.parametrize(("age", "stays"), [(0, True), (DAY, True), (DAY + 1, False), (-2 * DAY, True)])
    @pytest.mark.parametrize("now", [NOW, NOW + 10_000 * DAY])
    async def test_an_upload_stays_for_a_day_by_the_clock_of_s3_whatever_ours_says(
        self, world: World, now: float, age: float, stays: bool
    ) -> None:
        left = await begin(world, begun=now - age)
        world.double.on(LIST, listed(left, date=date_of(now)))
        assert await world.archive().sweep() == (not stays)
        assert await still_open(world) == [NAME] * stays

    @pytest.mark.parametrize(
        "date",
        ["soon", "0", "2033-12-20T18:55:00Z", "Tue, 20 Dec 2033 18:55:00", "Tue, 20 Dec 2033 18:55:00 -0000"],
    )
    async def test_where_s3_does_not_say_what_time_it_is_nothing_is_aborted(
        self, world: World, date: str
    ) -> None:
        world.double.on(LIST, listed(await begin(world), date=date))
        assert await world.archive().sweep() == 0
        assert world.double.seen(LIST)
        assert await still_open(world) == [NAME]

    async def test_each_page_is_judged_by_its_own_time_and_all_pages_are_read(self, world: World) -> None:
        lefts = [await begin(world, name, NOW) for name in (NAME, SECOND)]

        async def paged(request: Request, _forward: Forward) -> Reply:
            marks = (request.query.get("key-marker"), request.query.get("upload-id-marker"))
            if marks == (None, None):
                return page(lefts[:1], date_of(NOW + DAY), more=lefts[0])
            assert marks == (NAME, lefts[0].upload_id)
            return page(lefts[1:], date_of(NOW + DAY + 1))

        world.double.on(LIST, paged)
        assert await world.archive().sweep() == 1
        assert await still_open(world) == [NAME]


class TestWhat:
    async def test_of_one_name_each_upload_is_judged_alone(self, world: World) -> None:
        young, *old = [await begin(world, begun=begun) for begun in (NOW, NOW - 2 * DAY, NOW - 3 * DAY)]
        world.double.on(LIST, listed(young, *old, date=date_of(NOW)))
        assert await world.archive().sweep() == 2
        world.double.clear()
        [left] = (await world.s3.list_multipart_uploads(Bucket=world.bucket))["Uploads"]
        assert left["UploadId"] == young.upload_id

    async def test_what_is_not_under_our_names_is_left_alone(self, world: World) -> None:
        keys = ["backup.bin", "data_/x.json", "data_99_99_23_18_55.json", f"{NAME}.gz", f"a/{NAME}"]
        lefts = [await begin(world, key) for key in keys]
        world.double.on(LIST, listed(*lefts, date=date_of(NOW)))
        assert await world.archive().sweep() == 0
        assert world.double.operations()[-1] == LIST
        assert sorted(await still_open(world)) == sorted(keys)

    async def test_no_object_is_looked_at(self, world: World) -> None:
        kept = [NAME, SECOND, f"manifests/t/{NAME}", f"uploads/{NAME}"]
        for key in kept:
            await world.s3.put_object(Bucket=world.bucket, Key=key, Body=b"[]")
        await begin(world)
        world.double.clear()
        world.double.ahead = TWO_DAYS
        assert await world.archive().sweep() == 1
        asked = [(request.operation, request.query.get("prefix")) for request in world.double.requests]
        assert asked == [(LIST, "data_"), ("AbortMultipartUpload", None)]
        assert [await world.archive().get(key) for key in kept] == [b"[]"] * 4


class TestFaults:
    async def test_an_upload_that_ends_meanwhile_is_not_counted(self, world: World) -> None:
        await begin(world)
        world.double.ahead = TWO_DAYS
        world.double.on("AbortMultipartUpload", error(404, "NoSuchUpload"))
        assert await world.archive().sweep() == 0

    @pytest.mark.parametrize("operation", [LIST, "AbortMultipartUpload"])
    @pytest.mark.parametrize("answer", [cut, error(503, "SlowDown")])
    async def test_a_fault_that_passes_is_waited_out(
        self, world: World, operation: str, answer: Answer
    ) -> None:
        await begin(world)
        world.double.ahead = TWO_DAYS
        world.double.on(operation, answer, times=2)
        assert await world.archive().sweep() == 1
        assert await world.open_uploads() == []

    @pytest.mark.parametrize("operation", [LIST, "AbortMultipartUpload"])
    @pytest.mark.parametrize(
        ("answer", "kind"),
        [(error(503, "SlowDown"), Unavailable), (error(403, "AccessDenied"), AccessDenied)],
    )
    async def test_one_that_stays_is_said_and_the_upload_left_to_the_next_sweep(
        self, world: World, operation: str, answer: Answer, kind: type[Exception]
    ) -> None:
        await begin(world)
        world.double.ahead = TWO_DAYS
        world.double.on(operation, answer)
        with pytest.raises(kind):
            await world.archive().sweep()
        world.double.clear()
        assert await world.archive().sweep() == 1


class TestTwoLoads:
    async def test_a_load_that_begins_costs_one_under_way_of_the_same_name_nothing_but_the_first_is_kept(
        self, world: World
    ) -> None:
        async with world.archive().upload(NAME, SnapshotInfo("a.json", "load-1")) as first:
            await first.write(b"[1")
            assert await world.archive().sweep() == 0
            async with world.archive().upload(NAME, SnapshotInfo("b.json", "load-2")) as second:
                await second.write(b"[2]")
                await first.write(b"]")
                await first.complete()
                with pytest.raises(NameInUse):
                    await second.complete()
        assert b"".join([piece async for piece in world.archive().read(NAME)]) == b"[1]"
        assert await world.open_uploads() == []

    async def test_what_a_killed_process_leaves_is_there_for_a_day_and_gone_after_it(
        self, world: World, moto: Moto
    ) -> None:
        where = moto.environment | {"AWS_ENDPOINT_URL": world.double.endpoint}
        await killed_while_uploading(world.bucket, where)
        assert await world.archive().sweep() == 0
        world.double.ahead = timedelta(days=1, seconds=2)
        assert await world.archive().sweep() == 1
        assert await world.open_uploads() == []
