"""What a load tells those who answer lookups: that it ends, once it writes no more, and what it finished."""

import asyncio
from typing import Any

import pytest

from aqi_service.core.manifest import version_of
from aqi_service.core.report import LoadReport
from aqi_service.errors import NameInUse, Unavailable
from aqi_service.load.load import load
from aqi_service.storage.ports import Storage
from tests.doubles.load_helpers import NAME, NOW, document, plan, run
from tests.doubles.memory_world import feed
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, Stuck, failing, in_memory
from tests.doubles.watch import Told
from tests.doubles.wire_fixtures import by_jumps


async def told(body: bytes, storage: Storage, **changes: Any) -> tuple[LoadReport, Told]:
    watch = Told()
    report = await run(feed(body), storage, live=True, watch=lambda: watch, **changes)
    return report, watch


async def test_a_load_that_is_complete_tells_the_snapshot_that_latest_json_names() -> None:
    storage = in_memory()
    report, watch = await told(document(1, 2), storage)
    assert report.status == "complete"
    assert isinstance(storage.archive, MemoryArchive)
    assert watch == Told(["1", "2"], [], [version_of(report.as_json())])
    assert watch.ends_with[0] is not None
    assert watch.ends_with[0].snapshot == NAME


@pytest.mark.parametrize("end", ["failed", "incomplete", "unchanged"])
@by_jumps
async def test_a_load_of_any_other_end_tells_that_it_has_ended(end: str) -> None:
    storage, body = in_memory(), document(1, 2)
    if end == "failed":
        body = body[:-1]
    elif end == "incomplete":
        storage = Storage(storage.archive, Before(storage.store, put=failing(Unavailable("throttled"))))
    else:
        await run(feed(body), storage, live=True)
    report, watch = await told(body, storage, deadline=30.0)
    assert report.status == end
    assert watch.ends_with == [None]


async def test_one_whose_manifest_cannot_be_written_has_finished_nothing() -> None:
    archive: Any = Before(MemoryArchive(), change=failing(Unavailable("away")))
    report, watch = await told(document(1), Storage(archive, MemoryStore()))
    assert (report.status, watch.ends_with) == ("incomplete", [None])


async def test_one_that_is_cancelled_tells_its_end_when_nothing_is_written_any_more() -> None:
    written, watch = Stuck(), Told()
    store: Any = Before(MemoryStore(), put=written)
    how = plan(live=True, watch=lambda: watch)
    work = asyncio.ensure_future(
        load(feed(document(1)), Storage(MemoryArchive(), store), how, now=lambda: NOW)
    )
    await written.reached.wait()
    assert watch.ends_with == []
    work.cancel()
    await work
    assert watch == Told(["1"], [], [None])


async def test_one_that_begins_anew_is_two_loads() -> None:
    watches: list[Told] = []

    def watch() -> Told:
        watches.append(Told())
        return watches[-1]

    left = iter([NameInUse("another was quicker")])

    async def taken() -> None:
        if error := next(left, None):
            raise error

    storage = Storage(Before(MemoryArchive(), complete=taken), MemoryStore())
    report = await run(feed(document(1)), storage, live=True, watch=watch)
    assert report.status == "complete"
    assert watches == [Told(["1"], [], [None]), Told([], [], [version_of(report.as_json())])]
