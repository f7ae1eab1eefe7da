"""Archive first: a table that is slow, down or silent holds back nobody who is sending, and costs nothing."""

import asyncio
import gzip
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.errors import Unavailable
from aqi_service.load.load import PATIENCE_SECONDS
from aqi_service.load.table_writer import CONCURRENT_GROUPS
from aqi_service.snapshots.sources import Source, archived_source, stored_source
from aqi_service.storage.ports import READ_LIMIT, Storage
from tests.doubles.documents import document_of, record
from tests.doubles.feed_server import feed_server, head
from tests.doubles.load_helpers import NAME, NOW, document, fates, manifest_of, run, written
from tests.doubles.storage_doubles import Before, Gate, MemoryArchive, MemoryStore, Stuck, failing
from tests.doubles.wire_fixtures import advance, by_hand, passing, task, turns, until

IDS = range(1, 1201)
BODY = document(*IDS)
HALVES = document_of(*(half for i in IDS for half in (record(i, p1="12.5"), record(i, p2="7.5"))))
ROOM = READ_LIMIT * CONCURRENT_GROUPS


FULL = 100
"""Turns of the loop after which whoever is sending is held back."""


async def waited_out(work: asyncio.Task[LoadReport]) -> LoadReport:
    """Let second after second pass until a load has ended."""
    while not work.done():
        advance(1)
        await asyncio.sleep(0)
    return await work


def sending(body: bytes) -> Source:
    """Give a peer that sends this as fast as it is taken."""

    async def read() -> AsyncGenerator[bytes, None]:
        yield body

    return replace(stored_source("feed", read), can_wait=False)


def storage_with(**hooks: Any) -> tuple[MemoryArchive, MemoryStore, Storage]:
    archive, store = MemoryArchive(), MemoryStore()
    return archive, store, Storage(archive, Before(store, **hooks))


@pytest.mark.parametrize("body", [BODY, HALVES], ids=["whole", "halves"])
@pytest.mark.parametrize("method", ["read", "put"])
@by_hand
async def test_the_feed_is_held_back_5_s_then_archived_and_the_table_gets_the_rest_from_there(
    method: str, body: bytes
) -> None:
    gate = Gate()
    archive, store, storage = storage_with(**{method: gate})
    work = task(run(sending(body), storage, live=True, deadline=900))
    await until(lambda: gate.calls == CONCURRENT_GROUPS)
    await turns(FULL)
    advance(PATIENCE_SECONDS - 0.5)
    await turns(FULL)
    assert not archive.snapshots
    advance(1)
    await until(lambda: NAME in archive.snapshots)
    assert (gate.calls, store.writes) == (CONCURRENT_GROUPS, 0)
    gate.open.set()
    report = await work
    merged = {"merged": len(IDS)} if body is HALVES else {}
    assert (report.status, fates(report)) == (Status.COMPLETE, {"stored": len(IDS), **merged})
    assert archive.snapshots[NAME] == body
    assert (store.writes, set(store.items)) == (len(IDS), {str(i) for i in IDS})
    assert manifest_of(archive.documents) == report.as_json()


@by_hand
async def test_waiting_adds_up_a_table_that_is_slow_each_time_holds_back_5_s_in_all() -> None:
    held = asyncio.Semaphore(0)

    async def slow() -> None:
        await held.acquire()

    archive, _, storage = storage_with(read=slow)
    work = task(run(sending(BODY), storage, live=True, deadline=900))
    for waited in range(1, 4):
        await until(lambda: len(held._waiters or ()) >= CONCURRENT_GROUPS)
        await turns(FULL)
        assert not archive.snapshots, waited
        advance(2)
        held.release()
    await until(lambda: NAME in archive.snapshots)
    for _ in IDS:
        held.release()
    report = await work
    assert (report.status, fates(report)) == (Status.COMPLETE, {"stored": len(IDS)})


@pytest.mark.parametrize("method", ["read", "put"])
@by_hand
async def test_a_table_that_stops_answering_leaves_the_load_incomplete_at_its_deadline_and_archived(
    method: str,
) -> None:
    stuck = Stuck()
    archive, store, storage = storage_with(**{method: stuck})
    async with feed_server((head(), BODY)) as feed:
        work = task(run(feed.url(), storage, live=True, deadline=900))
        await stuck.reached.wait()
        await passing(lambda: NAME in archive.snapshots)
        advance(900)
        report = await work
    assert (report.status, report.snapshot) == (Status.INCOMPLETE, NAME)
    assert fates(report) == {"pending": len(IDS)}
    assert (archive.snapshots[NAME], store.items) == (BODY, {})


@by_hand
async def test_a_table_that_is_down_for_a_while_is_tried_again_until_it_is_back() -> None:
    down = iter([True] * 9)

    async def sometimes() -> None:
        if next(down, False):
            raise Unavailable("throttled for ever")

    archive, store, storage = storage_with(put=sometimes)
    async with feed_server((head(), BODY)) as feed:
        work = task(run(feed.url(), storage, live=True, deadline=86_400))
        report = await waited_out(work)
    assert (report.status, fates(report), report.error) == (Status.COMPLETE, {"stored": len(IDS)}, None)
    assert set(store.items) == {str(i) for i in IDS}
    assert archive.snapshots[NAME] == BODY


@by_hand
async def test_a_snapshot_that_was_put_there_packed_is_read_again_from_where_the_table_failed() -> None:
    down = iter([False, False, True])

    async def once() -> None:
        if next(down, False):
            raise Unavailable("throttled")

    archive, store, storage = storage_with(put=once)
    archive.snapshots[NAME] = gzip.compress(BODY)
    work = task(run(archived_source(archive, NAME, int(NOW)), storage, deadline=86_400))
    report = await waited_out(work)
    assert (report.status, fates(report), report.error) == (Status.COMPLETE, {"stored": len(IDS)}, None)
    assert set(store.items) == {str(i) for i in IDS}


async def test_without_a_deadline_a_table_that_fails_ends_the_load_incomplete(tmp_path: Any) -> None:
    archive, store, storage = storage_with(put=failing(Unavailable("throttled for ever"), after=3))
    report = await run(written(tmp_path, BODY), storage)
    assert (report.status, report.error) == (Status.INCOMPLETE, "throttled for ever")
    assert fates(report)["pending"] + len(store.items) == len(IDS)
    assert archive.snapshots[NAME] == BODY


Repeat = Callable[[list[int]], list[dict[str, Any]]]
REPEATS: dict[str, Repeat] = {
    "neighbours": lambda ids: [record(i, p1=str(v), p2="1") for i in ids for v in (2, 3)],
    "far apart": lambda ids: [record(i, p1=str(v), p2="1") for v in (2, 3) for i in ids],
    "backwards": lambda ids: [record(i, p1=str(v), p2="1") for v in (2, 3) for i in reversed(ids)],
}


@pytest.mark.parametrize("failures", [1, 3, 5, 8])
@pytest.mark.parametrize("repeat", REPEATS)
@by_hand
async def test_repeated_ids_have_one_fate_each_however_often_the_table_fails(
    repeat: str, failures: int
) -> None:
    ids = list(IDS)[:700]
    down = iter([i % 2 == 0 for i in range(2 * failures)])

    async def sometimes() -> None:
        if next(down, False):
            raise Unavailable("not now")

    _, store, storage = storage_with(read=sometimes)
    body = document_of(*REPEATS[repeat](ids))
    async with feed_server((head(), body)) as feed:
        work = task(run(feed.url(), storage, live=True, deadline=86_400))
        report = await waited_out(work)
    assert report.status is Status.COMPLETE
    assert fates(report) == {"stored": len(ids), "superseded": len(ids)}
    assert {item.pm10 for item in store.items.values()} == {"3"}
