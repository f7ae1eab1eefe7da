"""Half a measurement where a document ends: it is pending, never an item, and the next load brings the whole.

One rule: alone the half is index 1, Low, and the measurement that it is of 10, Very High.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.parse.splitter import WINDOW
from aqi_service.core.report import LoadReport, Status
from aqi_service.errors import ArchiveFailed, Unavailable
from aqi_service.storage.dry import DryArchive, DryStore
from aqi_service.storage.ports import Storage
from tests.doubles.documents import document_of, record
from tests.doubles.feed_server import RESET, Step, answer, feed_server, head
from tests.doubles.load_helpers import NAME, document, fates, manifest_of, records, run, written
from tests.doubles.load_places import Place, place
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, failing, in_memory
from tests.doubles.watch import Told

__all__ = ["place"]  # a fixture

ID, GOOD, FILLER = "900", 50, 600
HALF, OTHER = record(int(ID), p1="10"), record(int(ID), p2="80")
BEFORE = records(range(1, GOOD + 1))
BETWEEN = [record(i) for i in range(1000, 1000 + FILLER)]  # they part no neighbours, and fill several windows
WHOLE = document_of(*BEFORE, HALF, *BETWEEN, OTHER, *records(range(901, 911)))
BEGUN = document_of(*BEFORE, HALF, *BETWEEN)[:-1]
READ = GOOD + FILLER // 2
"""Of so many records that are read, the half is one."""


def packed(body: bytes) -> bytes:
    """Pack a body, and leave gzip's stream open."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH)


@dataclass
class Telling:
    """What a load tells while it runs: the ids that it writes, and when enough is read."""

    read: asyncio.Event = field(default_factory=asyncio.Event)
    watch: Told = field(default_factory=Told)

    def progress(self, _bytes: int, count: int, _total: int | None) -> None:
        if count > READ:
            self.read.set()


def ends(read: asyncio.Event) -> dict[str, tuple[Step, ...]]:
    """Give what a feed may do instead of sending the other half."""
    whole = head(Content_Length=len(WHOLE))
    return {
        "cut short of its length": (whole, BEGUN, read.wait),
        "cut without a length": (head(), BEGUN),
        "cut behind the comma": (head(), BEGUN + b",\n"),
        "cut in the other half": (head(), WHOLE[: WHOLE.index(b'"80"')]),
        "reset": (whole, BEGUN, read.wait, RESET),
        "a bad byte": (answer(BEGUN + b"\x00"),),
        "a bad byte behind the comma": (answer(BEGUN + b",\x00" + WHOLE[len(BEGUN) :]),),
        "gzip without its trailer": (answer(packed(BEGUN)),),
        "damaged gzip": (answer(packed(BEGUN) + bytes(20)),),
    }


def check_half(report: LoadReport) -> None:
    """See that all but the half, which is pending, has its fate."""
    without_pm = report.records - GOOD - 1
    assert fates(report) == {"stored": GOOD, "pending": 1, "without_pm": without_pm}
    assert READ < report.records <= GOOD + 1 + FILLER
    assert report.newest == "2023-12-20 17:00:00"
    assert report.sensors == GOOD


@pytest.mark.parametrize(
    ("place", "end"),
    [("aws", "reset"), *(("local", end) for end in ends(asyncio.Event()))],
    indirect=["place"],
)
async def test_a_half_where_the_feed_ends_is_neither_stored_nor_told_and_the_next_load_brings_the_whole(
    end: str, place: Place
) -> None:
    telling = Telling()
    how: dict[str, Any] = {"live": True, "table": place.table, "watch": lambda: telling.watch}
    async with feed_server(ends(telling.read)[end], (answer(WHOLE),)) as feed:
        report = await run(feed.url(), place.storage, progress=telling.progress, **how)
        assert report.status is (Status.REJECTED if "bad byte" in end else Status.FAILED)
        check_half(report)
        assert ID not in {*telling.watch.written, *await place.items()}
        again = await run(feed.url(), place.storage, **how)
    assert again.status is Status.COMPLETE
    assert fates(again) == {"stored": 11, "unchanged": GOOD, "merged": 1, "without_pm": FILLER}
    item = (await place.items())[ID]
    assert (item["P10"], item["P2.5"], item["AQI"], item["AQI_range"]) == ("10", "80", "10", "Very High")
    assert ID in telling.watch.written


@pytest.mark.parametrize("place", ["local"], indirect=True)
async def test_a_half_where_a_file_is_cut_is_pending(place: Place, tmp_path: Path) -> None:
    report = await run(written(tmp_path, BEGUN), place.storage, table=place.table)
    assert report.status is Status.FAILED
    check_half(report)
    assert ID not in await place.items()
    await run(written(tmp_path, WHOLE), place.storage, table=place.table)
    assert (await place.items())[ID]["AQI"] == "10"


async def test_a_dry_run_counts_a_half_where_the_document_ends_as_pending(tmp_path: Path) -> None:
    storage = Storage(DryArchive(), DryStore())
    check_half(await run(written(tmp_path, BEGUN), storage, dry_run=True))


async def test_a_half_is_pending_where_the_archive_fails_behind_it(tmp_path: Path) -> None:
    store = MemoryStore()
    archive = Before(MemoryArchive(), write=failing(ArchiveFailed("the disk is full"), after=2))
    report = await run(written(tmp_path, WHOLE), Storage(archive, store))
    assert report.status is Status.FAILED
    check_half(report)
    assert ID not in store.items


@pytest.mark.parametrize("behind", [b"x", b"]", WHOLE])
@pytest.mark.parametrize("later", [False, True])
async def test_a_half_right_before_the_closing_bracket_is_pending_if_more_than_white_space_follows(
    behind: bytes, later: bool
) -> None:
    store = MemoryStore()
    blank = b"\n" * (2 * WINDOW if later else 1)
    async with feed_server((answer(BEGUN + b"]" + blank + behind),)) as feed:
        report = await run(feed.url(), in_memory(store=store), live=True)
    assert (report.status, ID in store.items) == (Status.REJECTED, False)
    assert fates(report) == {"stored": GOOD, "pending": 1, "without_pm": FILLER}


async def test_a_half_right_before_the_closing_bracket_is_a_whole_one_if_only_white_space_follows() -> None:
    store = MemoryStore()
    async with feed_server((answer(BEGUN + b"]" + b" \r\n\t" * WINDOW),)) as feed:
        report = await run(feed.url(), in_memory(store=store), live=True)
    assert (report.status, store.items[ID].aqi) == (Status.COMPLETE, "1")
    assert fates(report) == {"stored": GOOD + 1, "without_pm": FILLER}


class Cut(MemoryArchive):
    """An archive that ends, or fails, between the halves when it is read."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        yield self.snapshots[name][offset : len(BEGUN)]
        if self.error:
            raise self.error


ERRORS = [None, ArchiveFailed("damaged"), Unavailable("away")]


@pytest.mark.parametrize("error", ERRORS, ids=["the end", "damaged", "away"])
async def test_an_archive_that_is_cut_between_the_halves_while_the_rest_is_read_leaves_the_whole_pending(
    error: Exception | None,
) -> None:
    archive, store = Cut(error), MemoryStore()
    down = Before(store, put=failing_once())
    async with feed_server((answer(WHOLE),)) as feed:
        report = await run(feed.url(), Storage(archive, down), live=True, deadline=900)
    assert (report.status, report.snapshot) == (Status.INCOMPLETE, NAME)
    assert fates(report) == {"stored": GOOD, "pending": 11, "merged": 1, "without_pm": FILLER}
    assert (ID in store.items, manifest_of(archive.documents)) == (False, report.as_json())


def failing_once() -> Callable[[], Any]:
    left = iter([Unavailable("throttled")])

    async def fail() -> None:
        if error := next(left, None):
            raise error

    return fail


async def test_the_example_is_an_id_that_the_table_has() -> None:
    newer = {"timestamp": "2023-12-20 17:30:00"}
    body = document_of(*BEFORE, record(7000, p1="1", p2="1", **newer), record(7001, p1="1", **newer))
    store = MemoryStore(refuses={"7000": "never"})
    async with feed_server((head(), body[:-1]), (head(), document(8000))) as feed:
        report = await run(feed.url(), in_memory(store=store), live=True)
        assert (report.example, report.newest) == ("1", "2023-12-20 17:30:00")
        down = Before(store, put=failing(Unavailable("throttled")))
        assert (await run(feed.url(), in_memory(store=down), live=True)).example is None
