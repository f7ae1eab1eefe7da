"""A table that fails, refuses or is slow, and one that must not be written: how the load ends."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from aqi_service.core.load_notes import with_notes
from aqi_service.core.report import Status
from aqi_service.core.snapshot_names import latest_key
from aqi_service.errors import AccessDenied, AqiError, LeaseLost, MissingResource, Unavailable
from aqi_service.load.table_writer import CONCURRENT_GROUPS
from aqi_service.snapshots.sources import source_of, stored_source
from aqi_service.storage.ports import Storage
from tests.doubles.load_helpers import NAME, TABLE, document, fates, run, written
from tests.doubles.storage_doubles import Before, Gate, MemoryArchive, MemoryStore, failing, in_memory
from tests.doubles.wire_fixtures import advance, by_hand, task, turns, until

BODY = document(*range(1, 401))


@pytest.mark.parametrize("error", [Unavailable("down"), MissingResource("deleted"), AccessDenied("denied")])
@pytest.mark.parametrize("method", ["read", "put", "settle"])
async def test_a_table_that_fails_or_refuses_makes_the_load_incomplete(
    tmp_path: Path, method: str, error: AqiError
) -> None:
    archive = MemoryArchive()
    store = Before(MemoryStore(), **{method: failing(error)})
    report = await run(written(tmp_path, BODY), Storage(archive, store))
    assert (report.status, report.error, report.snapshot) == (Status.INCOMPLETE, str(error), NAME)
    assert fates(report) == ({"stored": 400} if method == "settle" else {"pending": 400})
    assert set(archive.documents) == {f"manifests/{TABLE}/{NAME}"}


@pytest.mark.parametrize("live", [True, False], ids=["live", "replay"])
async def test_a_load_that_loses_its_lease_before_it_writes_leaves_the_table_as_it_was(
    tmp_path: Path, live: bool
) -> None:
    archive, store = MemoryArchive(), MemoryStore()

    def guard() -> None:
        if archive.open:
            raise LeaseLost("the lease is another's")

    report = await run(written(tmp_path, BODY), Storage(archive, store), live=live, guard=guard)
    assert (report.status, report.error) == (Status.INCOMPLETE, "the lease is another's")
    assert (fates(report), store.items) == ({"pending": 400}, {})


async def test_a_table_that_fails_under_what_is_not_archived_fails_the_load_at_once(tmp_path: Path) -> None:
    archive, source = MemoryArchive(), replace(source_of(str(written(tmp_path, BODY))), to_archive=False)
    store = Before(MemoryStore(), put=failing(Unavailable("down")))
    report = await run(source, Storage(archive, store), deadline=900)
    assert (report.status, report.error, report.snapshot) == (Status.FAILED, "down", None)
    assert (fates(report), archive.documents) == ({"pending": 400}, {})


@by_hand
async def test_a_file_is_held_back_as_long_as_the_table_likes(caplog: pytest.LogCaptureFixture) -> None:
    async def read() -> AsyncGenerator[bytes, None]:
        yield document(*range(1000))

    gate, store = Gate(), MemoryStore()
    work = task(run(stored_source("file", read), in_memory(store=Before(store, put=gate))))
    await until(lambda: gate.calls == CONCURRENT_GROUPS)
    await turns()  # until there is no room for another group
    advance(10_000)
    await turns()
    gate.open.set()
    report = await work
    assert (report.status, store.writes, caplog.messages) == (Status.COMPLETE, 1000, [])


async def test_a_table_that_fails_under_known_bytes_fails_the_load(tmp_path: Path) -> None:
    archive, source = MemoryArchive(), written(tmp_path, BODY)
    await run(source, in_memory(archive))
    before = dict(archive.documents)
    store = Before(MemoryStore(), put=failing(Unavailable("down")))
    report = await run(source, Storage(archive, store))
    assert (report.status, report.error, fates(report)) == (Status.FAILED, "down", {"pending": 400})
    assert with_notes(orjson.loads(archive.documents.pop(latest_key(TABLE))), {}) == orjson.loads(
        before.pop(latest_key(TABLE))
    )
    assert archive.documents == before


@pytest.mark.parametrize("deadline", [None, 900.0])
@pytest.mark.parametrize("live", [True, False], ids=["live", "replay"])
async def test_a_table_that_refuses_every_item_leaves_the_load_unfinished_for_good(
    tmp_path: Path, live: bool, deadline: float | None
) -> None:
    archive, store = MemoryArchive(), MemoryStore(refuses={str(i): "wrong index" for i in range(1, 401)})
    report = await run(written(tmp_path, BODY), Storage(archive, store), live=live, deadline=deadline)
    assert (report.status, report.for_good) == (Status.INCOMPLETE, True)
    assert report.error == "every item is refused in the same words: wrong index"
    assert (fates(report), report.reasons) == ({"pending": 400}, {})
    assert set(archive.documents) == {f"manifests/{TABLE}/{NAME}"}


@pytest.mark.parametrize(
    ("error", "for_good"), [(AccessDenied("denied"), True), (Unavailable("down"), False)]
)
async def test_what_only_a_person_can_change_of_the_table_is_told_as_such(
    tmp_path: Path, error: AqiError, for_good: bool
) -> None:
    report = await run(written(tmp_path, BODY), in_memory(store=Before(MemoryStore(), put=failing(error))))
    assert (report.status, report.for_good) == (Status.INCOMPLETE, for_good)
