"""Loads that end before their time: interrupted, past their deadline, or with a defect, wherever they are."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.errors import AqiError, ArchiveFailed, Unavailable
from aqi_service.load.ending import LAST_WORDS_SECONDS
from aqi_service.load.expiry import EXPIRE_SECONDS
from aqi_service.load.load import MANIFEST_SECONDS
from aqi_service.load.upload_claim import LOOK_SECONDS
from aqi_service.snapshots.sources import archived_source
from aqi_service.storage.ports import SnapshotInfo, Storage
from tests.doubles.documents import document_of, record
from tests.doubles.feed_server import Step, feed_server, head
from tests.doubles.load_helpers import NAME, NOW, TABLE, document, fates, manifest_of, run
from tests.doubles.load_places import Place, place
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, Stuck, failing
from tests.doubles.wire_fixtures import advance, by_hand, task, turns, until

__all__ = ["place"]  # a fixture

BODY = document(*range(1, 301))
DEADLINE = 9.0
ENDS: dict[str, tuple[Callable[["Running"], None], str]] = {
    "interrupted": (lambda running: running.cancel(), "interrupted"),
    "deadline": (lambda _: advance(DEADLINE + 1), "not finished within 9 s (--load-deadline)"),
}


@dataclass
class Running:
    """A load under way, and what it loads into."""

    work: asyncio.Task[LoadReport]
    archive: MemoryArchive
    store: MemoryStore
    records: int = 0

    def cancel(self) -> None:
        self.work.cancel()

    async def report(self) -> LoadReport:
        """Wait for the end; see that nothing is left under way and each record is counted once."""
        report = await self.work
        assert self.archive.open == 0
        assert asyncio.all_tasks() <= {asyncio.current_task(), *feed_tasks()}
        assert report.fates.stored <= len(self.store.items)
        if report.snapshot is None:
            assert self.archive.documents == self.archive.snapshots == {}
        return report


def feed_tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if "serve" in repr(task.get_coro())}


@asynccontextmanager
async def running(*steps: Step, port: str, **hooks: Any) -> AsyncIterator[Running]:
    """Load what a feed says, with hooks before the methods of one port."""
    archive, store = MemoryArchive(), MemoryStore()
    hooked: dict[str, Any] = {"archive": archive, "store": store}
    if port:
        hooked[port] = Before(hooked[port], **hooks)
    async with feed_server(steps) as feed:

        def watch(_: int, records: int, _total: int | None) -> None:
            load.records = records

        storage = Storage(**hooked)
        work = task(run(feed.url(), storage, live=True, deadline=DEADLINE, progress=watch))
        load = Running(work, archive, store)
        yield load


PHASES = {
    "listing": ("archive", "names", None),
    "beginning the upload": ("archive", "upload", None),
    "archiving": ("archive", "write", None),
    "reading the table": ("store", "read", None),
    "writing the table": ("store", "put", None),
    "completing": ("archive", "complete", None),
    "completing, the answer is lost": ("archive", "after_complete", NAME),
    "making durable": ("store", "settle", NAME),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("phase", PHASES)
@by_hand
async def test_a_load_that_ends_in_any_phase_says_why_and_whether_it_is_archived(
    phase: str, end: str
) -> None:
    port, method, snapshot = PHASES[phase]
    stuck = Stuck()
    async with running(head(), BODY, port=port, **{method: stuck}) as load:
        await stuck.reached.wait()
        ENDS[end][0](load)
        report = await load.report()
    assert report.error == ENDS[end][1]
    assert report.snapshot == snapshot
    assert report.status is (Status.INCOMPLETE if snapshot else Status.FAILED)
    if snapshot:
        assert manifest_of(load.archive.documents) == report.as_json()
        assert f"manifests/{TABLE}/latest.json" not in load.archive.documents


@pytest.mark.parametrize("end", [lambda load: load.cancel(), lambda _: advance(EXPIRE_SECONDS + 1)])
@by_hand
async def test_an_expiring_that_does_not_end_costs_a_load_nothing(end: Callable[[Running], None]) -> None:
    stuck = Stuck()
    async with running(head(), BODY, port="store", expire=stuck) as load:
        await stuck.reached.wait()
        end(load)
        report = await load.report()
    assert (report.status, report.snapshot, fates(report)) == (Status.COMPLETE, NAME, {"stored": 300})


@by_hand
async def test_a_load_that_is_interrupted_twice_still_returns_its_report() -> None:
    stuck, asked = Stuck(), Stuck()
    async with running(head(), BODY, port="archive", complete=stuck, info=asked) as load:
        await stuck.reached.wait()
        load.cancel()
        await asked.reached.wait()
        load.cancel()
        report = await load.report()
    assert (report.status, report.error) == (Status.FAILED, "interrupted")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("steps", [(), (head(), BODY[:20_000])], ids=["no answer", "half of it"])
@by_hand
async def test_a_load_whose_feed_stalls_ends_and_leaves_nothing(steps: tuple[Step, ...], end: str) -> None:
    sent = asyncio.Event()
    async with running(*steps, sent.set, asyncio.Event(), port="") as load:
        await sent.wait()
        ENDS[end][0](load)
        report = await load.report()
    assert (report.status, report.error) == (Status.FAILED, ENDS[end][1])


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("half", "fate"),
    [(record(301, p1="1"), "pending"), (record("x", p1="1"), "rejected")],
    ids=["good", "bad"],
)
@by_hand
async def test_a_half_that_waits_for_its_neighbour_has_a_fate_at_the_end(
    half: dict[str, Any], fate: str, end: str
) -> None:
    without_pm = [record(i) for i in range(600)]  # nothing in them ends the waiting
    body = BODY[:-1] + b"," + document_of(half, *without_pm)[1:-1]
    async with running(head(), body, asyncio.Event(), port="") as load:
        await until(lambda: load.records > 400)
        ENDS[end][0](load)
        report = await load.report()
    assert fates(report) == {"stored": 300, fate: 1, "without_pm": report.records - 301}
    assert "301" not in load.store.items


@pytest.mark.parametrize("end", ENDS)
@by_hand
async def test_what_another_load_archived_under_the_name_does_not_count_as_ours(end: str) -> None:
    stuck = Stuck()
    async with running(head(), BODY, port="archive", complete=stuck) as load:
        await stuck.reached.wait()
        load.archive.infos[NAME] = SnapshotInfo("elsewhere", "load-2")
        ENDS[end][0](load)
        report = await load.report()
    assert (report.status, report.snapshot) == (Status.FAILED, None)


@pytest.mark.parametrize("error", [Unavailable("down"), ArchiveFailed("damaged"), None])
@pytest.mark.parametrize("end", ENDS)
@by_hand
async def test_an_archive_that_does_not_tell_whether_the_snapshot_is_there_is_asked_for_a_moment_only(
    end: str, error: AqiError | None
) -> None:
    stuck = Stuck()

    async def asked() -> None:
        if error:
            raise error
        advance(LOOK_SECONDS + 0.1)
        await asyncio.Event().wait()

    async with running(head(), BODY, port="archive", complete=stuck, info=asked) as load:
        await stuck.reached.wait()
        ENDS[end][0](load)
        report = await load.report()
    assert (report.status, report.error, report.snapshot) == (Status.FAILED, ENDS[end][1], None)


@pytest.mark.parametrize("end", ENDS)
@by_hand
async def test_an_archived_snapshot_whose_load_ends_before_its_time_is_incomplete(end: str) -> None:
    archive, store, stuck = MemoryArchive(), MemoryStore(), Stuck()
    archive.snapshots[NAME] = BODY
    storage = Storage(archive, Before(store, put=stuck))
    work = task(run(archived_source(archive, NAME, int(NOW)), storage, deadline=DEADLINE))
    await stuck.reached.wait()
    ENDS[end][0](Running(work, archive, store))
    report = await work
    assert (report.status, report.error, report.snapshot) == (Status.INCOMPLETE, ENDS[end][1], NAME)
    assert fates(report) == {"pending": report.records}
    assert manifest_of(archive.documents) == report.as_json()


@pytest.mark.own_deadlines
@by_hand
async def test_what_was_parsed_of_a_bad_document_has_four_seconds_to_reach_the_table() -> None:
    stuck = Stuck()
    async with running(head(), BODY + b"]", port="store", put=stuck) as load:
        await stuck.reached.wait()
        await until(lambda: load.archive.open == 0)  # the upload is left: the last words begin
        await turns()
        advance(LAST_WORDS_SECONDS + 1)
        report = await load.report()
    assert (report.status, fates(report)) == (Status.REJECTED, {"pending": 300})
    assert "behind the JSON array" in str(report.error)


@by_hand
async def test_a_load_that_is_interrupted_while_it_ends_returns_its_report() -> None:
    stuck = Stuck()
    async with running(head(), BODY + b"]", port="store", settle=stuck) as load:
        await stuck.reached.wait()
        load.cancel()
        report = await load.report()
    assert (report.status, report.error) == (Status.FAILED, "interrupted")
    assert fates(report) == {"stored": 300}


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (lambda load: load.cancel(), "interrupted before the manifest was written"),
        (lambda _: advance(MANIFEST_SECONDS + 1), "the manifest could not be written: no answer"),
    ],
    ids=["interrupted", "no answer"],
)
@pytest.mark.parametrize("number", [1, 2])
@by_hand
async def test_a_load_whose_manifest_cannot_be_written_is_incomplete(
    number: int, end: Callable[[Running], None], why: str
) -> None:
    stuck = Stuck()
    calls = iter(range(10))

    async def stuck_from_the_second() -> None:
        if next(calls) >= number - 1:
            await stuck()

    body = document_of(record(1, p1="1"), record("x", p1="1"))
    async with running(
        head(), body, port="archive", put=stuck_from_the_second, change=stuck_from_the_second
    ) as load:
        await stuck.reached.wait()
        end(load)
        report = await load.report()
    assert (report.status, report.error, report.snapshot) == (Status.INCOMPLETE, why, NAME)
    assert fates(report) == {"stored": 1, "rejected": 1}
    assert len(load.archive.documents) == number - 1


async def test_a_defect_of_a_store_ends_the_load_with_its_error_and_leaves_nothing_under_way() -> None:
    archive = MemoryArchive()
    store = Before(MemoryStore(), put=failing(ZeroDivisionError("a defect")))
    async with feed_server((head(), BODY)) as feed:
        with pytest.raises(ZeroDivisionError):
            await run(feed.url(), Storage(archive, store))
    assert (archive.open, archive.documents) == (0, {})


async def test_an_interrupted_load_leaves_no_object_and_no_upload_and_the_next_one_is_complete(
    place: Place,
) -> None:
    begun, read = asyncio.Event(), asyncio.Event()
    padded = BODY[:-1] + b" " * 6_000_000  # more than one part of an upload

    def watch(count: int, _: int, _total: int | None) -> None:
        if count == len(padded):
            read.set()

    async with feed_server((head(), padded, begun.set, asyncio.Event()), (head(), padded, b"]")) as feed:
        work = task(run(feed.url(), place.storage, live=True, table=place.table, progress=watch))
        await read.wait()
        work.cancel()
        report = await work
        assert (report.status, report.error) == (Status.FAILED, "interrupted")
        assert sum(fates(report).values()) == report.records == 300
        assert (await place.documents(), await place.under_way()) == ({}, [])
        assert len(await place.items()) >= report.fates.stored
        again = await run(feed.url(), place.storage, live=True, table=place.table)
    assert (again.status, again.snapshot, again.fates.total) == (Status.COMPLETE, NAME, 300)
    assert len(await place.items()) == 300
    assert manifest_of(await place.documents(), table=place.table) == again.as_json()
