"""The newest finished snapshot, read out of the archive: when, on which scale, and what goes wrong."""

import asyncio
import csv
import io
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.scales import REPORT, US_EPA
from aqi_service.core.snapshot_names import latest_key
from aqi_service.errors import AqiError, ArchiveFailed, MissingResource, Unavailable
from aqi_service.lookup import refresh
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.refresh import POLL_SECONDS, MemoryRefresher
from aqi_service.shutdown import Stop
from aqi_service.snapshots.sources import FetchOptions
from aqi_service.storage.ports import READ_LIMIT, Storage
from tests.doubles.documents import document_of, record
from tests.doubles.load_helpers import AGENT, NAME, NOW, TABLE, document, records, run
from tests.doubles.log_lines import lines
from tests.doubles.memory_world import feed
from tests.doubles.patience import patience
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, failing, in_memory

LATEST = latest_key(TABLE)


class Rounds(Stop):
    """A Stop that waits for nothing; between two looks it does what a test says, and then asks to stop."""

    def __init__(self, *between: Callable[[], object]) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._between = list(between)

    async def wait(self, seconds: float | None = None) -> bool:
        self.seconds.append(seconds or 0)
        if not self._between:
            self.set()
            return True
        self._between.pop(0)()
        return False


class Counting(MemoryArchive):
    """Another's snapshots and documents; `reads` counts how often a snapshot was read."""

    def __init__(self, other: MemoryArchive) -> None:
        super().__init__()
        self.snapshots, self.documents = other.snapshots, other.documents
        self.reads = 0

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        self.reads += 1
        async for piece in super().read(name, offset):
            yield piece


async def loaded(*bodies: bytes, **changes: Any) -> Storage:
    """Load documents, one an hour."""
    storage = in_memory()
    for hour, body in enumerate(bodies):
        await run(feed(body), storage, now=NOW + 3600 * hour, live=True, **changes)
    return storage


def refreshing(storage: Storage, now: float = NOW + 7200) -> tuple[MemoryIndex, MemoryRefresher]:
    memory = MemoryIndex(lambda: now)
    return memory, MemoryRefresher(storage, TABLE, memory, FetchOptions(AGENT, 2**31), lambda _: None)


def snapshot(memory: MemoryIndex) -> str | None:
    return None if memory.index is None else memory.index.version.snapshot


def store_of(storage: Storage) -> MemoryStore:
    assert isinstance(storage.store, MemoryStore)
    return storage.store


def archive_of(storage: Storage) -> MemoryArchive:
    assert isinstance(storage.archive, MemoryArchive)
    return storage.archive


async def test_the_newest_finished_snapshot_is_read_at_once_and_then_the_table_is_not_asked() -> None:
    storage = await loaded(document(1, 2), document(2, 3))
    memory, refresher = refreshing(storage)
    await refresher.run(Rounds())
    lookup = Lookup(Before(storage.store, get=failing(Unavailable("away"))), lambda: NOW, memory=memory)
    assert await lookup.answer(b"3") == csv_reply(store_of(storage).items["3"])
    assert (await lookup.answer(b"1")).startswith(b"Unavailable: ")
    assert (lookup.counts.memory, lookup.counts.table) == (1, 1)


async def test_a_sensor_in_memory_has_the_humidity_of_its_box() -> None:
    box = {"location": {"id": 64, "latitude": "48.7", "longitude": "9.1", "indoor": 0}}
    values = {"sensordatavalues": [{"value_type": "humidity", "value": "94.10"}]}
    storage = await loaded(document_of(record(1, 10, 5, **box), record(2, **box, **values)))
    memory, refresher = refreshing(storage)
    await refresher.run(Rounds())
    reply = await Lookup(storage.store, lambda: NOW, memory=memory).answer(b"sensor 7")
    header, row = csv.reader(io.StringIO(reply.decode(), newline=""))
    assert dict(zip(header, row, strict=True))["humidity"] == "94.1"


async def test_a_newer_one_is_noticed_within_a_minute() -> None:
    storage = await loaded(document(1))
    memory, refresher = refreshing(storage)
    newer = await loaded(document(1), document(2, 3))

    def publish() -> None:
        assert snapshot(memory) == NAME
        for mine, theirs in (
            (archive_of(storage).snapshots, archive_of(newer).snapshots),
            (archive_of(storage).documents, archive_of(newer).documents),
        ):
            mine.update(theirs)

    stop = Rounds(publish)
    await refresher.run(stop)
    assert snapshot(memory) == "data_20_12_23_19_01.json"
    assert stop.seconds == [POLL_SECONDS] * 2
    assert POLL_SECONDS <= 30


async def test_a_load_of_this_process_that_has_finished_a_snapshot_is_followed_by_a_look_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refresh, "POLL_SECONDS", 86_400.0)
    storage, stop, looks = await loaded(document(1)), Stop(), asyncio.Event()

    async def look() -> None:
        looks.set()

    memory, refresher = refreshing(Storage(Before(storage.archive, get=look), storage.store))
    work = asyncio.create_task(refresher.run(stop))
    async with patience():
        for number in (2, 3):
            await looks.wait()
            looks.clear()
            body = document(1, number, timestamp=f"2023-12-20 {16 + number}:00:00")
            await run(feed(body), storage, now=NOW + 3600 * number, live=True, watch=memory.watch)
        await looks.wait()
        stop.set()
        await work
    assert not memory.renewable.is_set()


async def test_a_snapshot_that_is_finished_while_another_is_looked_at_is_looked_at_at_once() -> None:
    storage = await loaded(document(1))
    waits = Rounds()
    looks = 0

    async def finish() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            await run(feed(document(1, 2)), storage, now=NOW + 3600, live=True, watch=memory.watch)

    memory, refresher = refreshing(Storage(Before(storage.archive, get=finish), storage.store))
    await refresher.run(waits)
    assert memory.renewable.is_set()  # so that the wait would have been over at once


@pytest.mark.parametrize("scale", [REPORT, US_EPA])
async def test_it_is_scored_on_the_scale_and_expires_with_the_days_of_its_manifest(scale: Any) -> None:
    storage = await loaded(document(1), scale=scale, ttl=86_400)
    memory, refresher = refreshing(storage)
    await refresher.look()
    item = store_of(storage).items["1"]
    assert memory.index is not None
    assert item.expires_at is not None
    assert memory.index.reply(1, item.expires_at - 1) == csv_reply(item)
    assert memory.index.reply(1, item.expires_at) is None


async def test_a_scale_that_this_version_does_not_know_is_left_to_the_table() -> None:
    storage = await loaded(document(1))
    documents = archive_of(storage).documents
    documents[LATEST] = orjson.dumps(orjson.loads(documents[LATEST]) | {"scale": "of tomorrow"})
    memory, refresher = refreshing(storage)
    await refresher.look()
    assert memory.index is None


@pytest.mark.parametrize(
    "body", [None, b"", b"{}", b'{"table_id": "a table"}', b'{"table_id": "a table", "snapshot": 5}']
)
async def test_a_document_that_is_missing_or_names_no_snapshot_is_passed_over(body: bytes | None) -> None:
    storage = in_memory()
    archive_of(storage).documents |= {} if body is None else {LATEST: body}
    memory, refresher = refreshing(storage)
    await refresher.look()
    assert memory.index is None


async def test_what_memory_has_is_not_read_again() -> None:
    storage = await loaded(document(1))
    archive = Counting(archive_of(storage))
    _, refresher = refreshing(Storage(archive, storage.store))
    for _ in range(3):
        await refresher.look()
    assert archive.reads == 1


@pytest.mark.parametrize("port", ["archive", "store"])
async def test_what_cannot_be_read_now_is_one_log_line_and_is_read_later(
    port: str, caplog: pytest.LogCaptureFixture
) -> None:
    storage = await loaded(document(1))
    left = iter([Unavailable("away"), ArchiveFailed("away")])

    async def away() -> None:
        if error := next(left, None):
            raise error

    archive, store = storage.archive, storage.store
    broken = (
        Storage(Before(archive, get=away), store)
        if port == "archive"
        else Storage(archive, Before(store, identity=away))
    )
    memory, refresher = refreshing(broken)
    with caplog.at_level(logging.INFO, "aqi_service"):
        await refresher.run(Rounds(lambda: None, lambda: None))
    assert snapshot(memory) == NAME
    told = [line for line in lines(caplog) if "not_renewed" in line]
    assert told == ["memory_not_renewed error=away"] * 2


async def test_a_snapshot_that_is_damaged_in_the_archive_leaves_what_was_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    storage = await loaded(document(1), document(2, 3))
    memory, refresher = refreshing(storage)
    good = dict(archive_of(storage).snapshots)
    archive_of(storage).snapshots = {name: body[:-5] for name, body in good.items()}

    def mend() -> None:
        assert memory.index is None
        archive_of(storage).snapshots = good

    with caplog.at_level(logging.INFO, "aqi_service"):
        await refresher.run(Rounds(mend))
    assert snapshot(memory) == "data_20_12_23_19_01.json"
    assert "memory_not_renewed" in caplog.text


async def test_a_snapshot_that_stays_damaged_is_read_ever_more_seldom_and_a_newer_one_at_once() -> None:
    storage, newer = await loaded(document(1)), await loaded(document(1), document(2, 3))
    archive = Counting(archive_of(storage))
    archive.snapshots[NAME] = archive.snapshots[NAME][:-5]
    memory, refresher = refreshing(Storage(archive, storage.store))
    looks = []
    for number in range(200):
        before = archive.reads
        with suppress(AqiError):
            await refresher.look()
        looks += [number] * (archive.reads - before)
    assert looks == [0, 1, 3, 7, 15, 31, 63, 127, 191]
    archive.snapshots |= archive_of(newer).snapshots
    archive.documents |= archive_of(newer).documents
    await refresher.look()
    assert snapshot(memory) == "data_20_12_23_19_01.json"


async def test_a_defect_is_logged_and_the_next_look_comes(caplog: pytest.LogCaptureFixture) -> None:
    storage = await loaded(document(1))
    dying = iter([KeyError("a bug")])

    async def die() -> None:
        if error := next(dying, None):
            raise error

    memory, refresher = refreshing(Storage(Before(storage.archive, get=die), storage.store))
    await refresher.run(Rounds(lambda: None))
    assert snapshot(memory) == NAME
    assert [bool(r.exc_info) for r in caplog.records if r.levelno == logging.ERROR] == [True]


@pytest.mark.parametrize("gone", ["deleted", "made anew"])
async def test_memory_goes_with_the_table_that_it_speaks_of(gone: str) -> None:
    storage = await loaded(document(1))
    store = store_of(storage)
    hook = failing(MissingResource("no such table"), after=1)
    found: Any = Before(store, identity=hook) if gone == "deleted" else store
    memory, refresher = refreshing(Storage(storage.archive, found))
    await refresher.look()
    assert snapshot(memory) == NAME
    store.table_id = "another table"
    await refresher.look()
    assert memory.index is None


async def test_a_table_that_does_not_answer_leaves_memory_as_it_is() -> None:
    storage = await loaded(document(1))
    store: Any = Before(storage.store, identity=failing(Unavailable("away"), after=1))
    memory, refresher = refreshing(Storage(storage.archive, store))
    await refresher.run(Rounds(lambda: None))
    assert snapshot(memory) == NAME


async def test_a_newer_snapshot_is_followed_while_the_table_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    storage, newer = await loaded(document(1)), await loaded(document(1), document(2, 3))
    store: Any = Before(storage.store, identity=failing(Unavailable("away"), after=1))
    memory, refresher = refreshing(Storage(storage.archive, store))
    await refresher.look()
    archive_of(storage).snapshots.update(archive_of(newer).snapshots)
    archive_of(storage).documents.update(archive_of(newer).documents)
    await refresher.run(Rounds())
    assert snapshot(memory) == "data_20_12_23_19_01.json"
    assert memory.reply(3) == csv_reply(store_of(newer).items["3"])
    assert not [line for line in lines(caplog) if line.startswith("memory_not_renewed")]


@pytest.mark.parametrize("known", [False, True])
async def test_no_snapshot_of_a_table_that_was_never_seen_is_followed_while_it_is_away(known: bool) -> None:
    storage = await loaded(document(1))
    store: Any = Before(storage.store, identity=failing(Unavailable("away"), after=int(known)))
    memory, refresher = refreshing(Storage(storage.archive, store))
    await refresher.run(Rounds())
    newest = orjson.loads(archive_of(storage).documents[LATEST])
    archive_of(storage).documents[LATEST] = orjson.dumps(newest | {"table_id": "made anew"})
    with pytest.raises(Unavailable):
        await refresher.look()
    assert snapshot(memory) == (NAME if known else None)


async def test_where_the_table_had_newer_records_it_is_asked_which_of_them_it_has() -> None:
    many = records(range(1, 2 * READ_LIMIT + 50))
    newer = records((1, 230), timestamp="2023-12-20 19:30:00")
    storage = await loaded(document_of(*newer), document_of(*many))
    memory, refresher = refreshing(storage)
    await refresher.look()
    assert memory.index is not None
    assert set(range(1, 2 * READ_LIMIT + 50)) - memory.index.packed.keys() == {1, 230}


async def test_records_that_had_expired_do_not_hide_that_the_table_had_newer_ones() -> None:
    expired = records((1, 1), timestamp="2023-12-19 10:00:00")
    newer = document_of(*records((2,), timestamp="2023-12-20 17:30:00"))
    storage = await loaded(newer, document_of(*expired, *records((2, 3))), ttl=86_400)
    memory, refresher = refreshing(storage)
    await refresher.look()
    assert memory.index is not None
    assert set(memory.index.packed) == {3}


async def test_where_it_had_none_the_table_is_asked_for_nothing_though_ids_repeat() -> None:
    twice = [*records((1, 2), timestamp="2023-12-20 16:00:00"), *records((1, 3))]
    storage = await loaded(document_of(*twice))
    store: Any = Before(storage.store, get_many=failing(AssertionError("asked")))
    memory, refresher = refreshing(Storage(storage.archive, store))
    await refresher.look()
    assert memory.index is not None
    assert memory.index.reply(1, NOW) == csv_reply(store_of(storage).items["1"])


async def test_lookups_have_their_turn_while_it_is_read() -> None:
    body = document_of(*records(range(400)))
    storage = await loaded(body)
    memory, refresher = refreshing(storage)
    turns = 0

    async def lookups() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(lookups())
    await refresher.look()
    beside.cancel()
    assert memory.index is not None
    assert turns >= len(body) // 65_536 > 0


async def test_a_stop_ends_it_while_it_reads() -> None:
    storage = await loaded(document(1))
    stop = Stop()

    async def hang() -> None:
        stop.set()
        await asyncio.Event().wait()

    _, refresher = refreshing(Storage(Before(storage.archive, get=hang), storage.store))
    async with patience():
        await refresher.run(stop)


async def test_the_newest_timestamp_is_told_even_if_the_table_does_not_answer() -> None:
    storage = await loaded(document(1))
    told: list[object] = []
    store: Any = Before(storage.store, identity=failing(Unavailable("away")))
    refresher = MemoryRefresher(
        Storage(storage.archive, store),
        TABLE,
        MemoryIndex(lambda: NOW),
        FetchOptions(AGENT, 2**31),
        told.append,
    )
    await refresher.run(Rounds())
    assert told == ["2023-12-20 17:00:00"]
