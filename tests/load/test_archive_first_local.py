"""Archive first, on one machine: a locked database holds nobody back, and little is held in memory."""

import asyncio
import sqlite3
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from aqi_service.core.items import Item
from aqi_service.core.report import Status
from aqi_service.load.table_writer import CONCURRENT_GROUPS
from aqi_service.storage.local.archive import BEHIND_LIMIT
from aqi_service.storage.local.store import FILE
from aqi_service.storage.ports import PutResult, Storage
from tests.doubles.feed_server import answer, feed_server, head
from tests.doubles.load_helpers import NAME, NOW, TABLE, document, fates, run
from tests.doubles.load_places import local_place
from tests.doubles.storage_doubles import Before, Gate, MemoryStore
from tests.doubles.wire_fixtures import advance, by_hand, passing, task, until

IDS = range(1, 1001)
BODY = document(*IDS)

MANY = 2_500
NOTE = "x" * 7800
MOST = BEHIND_LIMIT + 4 * 1024 * 1024
"""Bytes: what may wait for a slow disk, and the rest of a load."""
"""Bytes that a load may hold; the document of the test is over three times as long."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Write to the folder's database without an end, as another program might."""
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


@by_hand
async def test_a_database_that_another_program_has_locked_costs_no_snapshot_and_is_filled_at_the_next_start(
    tmp_path: Path,
) -> None:
    archived = asyncio.Event()

    async def note() -> None:
        archived.set()

    async with local_place(tmp_path / "d", busy_seconds=0.01) as place, feed_server((answer(BODY),)) as feed:
        storage = Storage(Before(place.storage.archive, after_complete=note), place.storage.store)
        with locked(place.folder):
            work = task(run(feed.url(), storage, live=True, deadline=900))
            await archived.wait()
            advance(900)
            report = await work
        assert (report.status, report.snapshot) == (Status.INCOMPLETE, NAME)
        assert fates(report) == {"pending": len(IDS)}
        documents = await place.documents()
        assert documents[NAME] == BODY
        assert orjson.loads(documents[f"manifests/{TABLE}/{NAME}"])["status"] == "incomplete"
        assert await place.items() == {}

        again = await run(feed.url(), place.storage, live=True, now=NOW + 60)
        assert (again.status, again.snapshot, fates(again)) == (Status.COMPLETE, NAME, {"stored": len(IDS)})
        async with local_place(tmp_path / "undisturbed") as other:
            await run(feed.url(), other.storage, live=True, now=NOW + 60)
            assert await place.items() == await other.items()


class Sieve(MemoryStore):
    """A table that takes everything and keeps nothing."""

    async def put(self, items: Sequence[Item], **how: Any) -> PutResult:
        done = await super().put(items, **how)
        self.items.clear()
        return done


def long_document() -> Iterator[bytes]:
    """Write a document of MANY records, a few at a time."""
    for start in range(0, MANY, 100):
        text = document(*range(start + 1, start + 101), note=NOTE)
        yield (b"[" if start == 0 else b",") + text[1:-1]
    yield b"]"


@by_hand
async def test_memory_is_flat_while_the_table_is_silent_and_while_the_rest_is_read_out_of_the_archive(
    tmp_path: Path,
) -> None:
    gate, archived, store = Gate(), asyncio.Event(), Sieve()

    async def note() -> None:
        archived.set()

    async with local_place(tmp_path) as place, feed_server((head(), long_document())) as feed:
        archive = Before(place.storage.archive, after_complete=note)
        tracemalloc.start()
        try:
            work = task(run(feed.url(), Storage(archive, Before(store, put=gate)), live=True))
            await until(lambda: gate.calls == CONCURRENT_GROUPS)
            await passing(archived.is_set)
            silent = tracemalloc.get_traced_memory()[1]
            gate.open.set()
            report = await work
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (report.status, fates(report)) == (Status.COMPLETE, {"stored": MANY})
    assert silent <= peak < MOST < report.bytes / 2
