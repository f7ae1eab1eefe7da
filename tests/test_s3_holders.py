"""The document that says who uploads a snapshot: there while the upload runs, and no longer."""

import asyncio
import json
import time

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.errors import AqiError, NameTaken
from aqi_service.storage import SnapshotInfo, s3_holders
from aqi_service.storage.holder import holder_name
from aqi_service.storage.s3_bucket import Document
from aqi_service.storage.s3_holders import Holder, decode, encode
from tests.aws_answers import Answer, Forward, Reply, Request, cut, error, held, lost
from tests.aws_world import World, fresh
from tests.core.helpers import QUICK
from tests.s3_helpers import ABROAD, KEY, NAME, NOW, STARTED, archive, dead, hold, keep

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, bucket=True)


class TestTheDocument:
    async def test_it_names_the_holder_the_load_and_its_start_while_the_upload_runs(
        self, world: World
    ) -> None:
        async with archive(world).upload(NAME, SnapshotInfo("a.json", "load-1")) as upload:
            assert json.loads(await archive(world).get(KEY) or b"") == {
                "holder": holder_name(),
                "load_id": "load-1",
                "started": STARTED,
            }
            await upload.complete()
        assert await world.holders() == []

    async def test_it_is_written_before_the_upload_begins_and_deleted_after_it_was_completed(
        self, world: World
    ) -> None:
        await keep(world)
        assert world.double.operations() == [
            *("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
            *("GetObject", "DeleteObject"),
        ]

    async def test_a_live_holders_stays_and_the_name_is_taken(self, world: World) -> None:
        await hold(world, NAME, ABROAD)
        with pytest.raises(NameTaken, match=f"another load is writing the snapshot {NAME} now"):
            await keep(world)
        assert decode(Document(await archive(world).get(KEY) or b"", "", 0)).name == ABROAD
        assert world.double.count("CreateMultipartUpload") == 0

    async def test_a_dead_holders_is_written_over(self, world: World) -> None:
        await hold(world, NAME, dead())
        await keep(world)
        assert await archive(world).names() == [NAME]
        assert await world.holders() == []

    async def test_it_is_deleted_after_the_upload_was_aborted(self, world: World) -> None:
        async with archive(world).upload(NAME, SnapshotInfo("a.json", "load-1")):
            pass
        assert world.double.operations()[-3:] == ["AbortMultipartUpload", "GetObject", "DeleteObject"]
        assert await world.holders() == []

    @pytest.mark.parametrize("answer", [cut, lost, error(503, "SlowDown"), error(403, "AccessDenied")])
    async def test_without_it_no_upload_begins(self, world: World, answer: Answer) -> None:
        world.double.on("PutObject", answer)
        with pytest.raises(AqiError, match=f"^bucket {world.bucket}: "):
            await keep(world)
        assert world.double.count("CreateMultipartUpload") == 0
        assert await world.holders() == []

    @pytest.mark.parametrize("answer", [cut, lost, error(503, "SlowDown")])
    @pytest.mark.parametrize("operation", ["PutObject", "GetObject", "DeleteObject"])
    async def test_a_fault_that_passes_costs_it_nothing(
        self, world: World, operation: str, answer: Answer
    ) -> None:
        world.double.on(operation, answer, times=2)
        await keep(world)
        assert await archive(world).names() == [NAME]
        assert await world.holders() == []

    @pytest.mark.parametrize("operation", ["GetObject", "DeleteObject"])
    @pytest.mark.parametrize("answer", [cut, error(503, "SlowDown"), error(403, "AccessDenied")])
    async def test_that_it_cannot_be_deleted_costs_the_snapshot_nothing(
        self, world: World, operation: str, answer: Answer
    ) -> None:
        world.double.on(operation, answer)
        await keep(world)
        assert await archive(world).names() == [NAME]
        assert await world.holders() == [KEY]

    @pytest.mark.parametrize("operation", ["GetObject", "DeleteObject"])
    async def test_a_bucket_that_does_not_delete_it_keeps_nobody_waiting(
        self, world: World, operation: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3_holders, "RELEASE_SECONDS", 0.05)
        world.double.on(operation, held(asyncio.Event()))
        await keep(world)
        assert await world.holders() == [KEY]

    async def test_one_that_another_load_wrote_over_ours_stays(self, world: World) -> None:
        async with archive(world).upload(NAME, SnapshotInfo("a.json", "load-1")) as upload:
            await hold(world, NAME, ABROAD)
            await upload.complete()
        assert world.double.count("DeleteObject") == 0
        assert await world.holders() == [KEY]

    async def test_one_that_another_load_writes_while_ours_is_deleted_stays(self, world: World) -> None:
        async def overtaken(request: Request, forward: Forward) -> Reply:
            await hold(world, NAME, ABROAD)
            return await forward(request)

        world.double.on("DeleteObject", overtaken)
        await keep(world)
        assert decode(Document(await archive(world).get(KEY) or b"", "", 0)).name == ABROAD


@pytest.mark.parametrize("zone", ["XXX-9", "XXX5"])
async def test_its_start_is_in_utc_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        written = encode(Holder("h", "load-1", NOW))
    time.tzset()
    assert json.loads(written)["started"] == STARTED


TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


@QUICK
@given(TEXTS, TEXTS, st.integers(0, 2**33))
async def test_a_holder_is_read_back_as_it_was_written(name: str, load_id: str, started: int) -> None:
    holder = Holder(name, load_id, started)
    assert decode(Document(encode(holder), "", 0)) == holder


@QUICK
@given(st.binary(max_size=40))
async def test_whatever_a_document_holds_it_is_read_as_some_holder(body: bytes) -> None:
    assert decode(Document(body, "", 5.0)) == Holder("", "", 5.0)
