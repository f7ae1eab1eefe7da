"""A feed that breaks, through a whole load: nothing half is archived, and each record has one fate."""

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.storage.dry import DryArchive
from tests.doubles.documents import BOM, REFUSED, document_of, record
from tests.doubles.feed_server import CHUNKED, RESET, Step, answer, chunked, feed_server, head
from tests.doubles.load_helpers import NAME, document, fates, run
from tests.doubles.storage_doubles import MemoryArchive, MemoryStore, in_memory

BODY = document(*range(1, 301))
PACKED = gzip.compress(BODY, mtime=0)
MIDDLE = len(BODY) // 2


async def loaded(*steps: Step, max_bytes: int = 2**31) -> tuple[LoadReport, MemoryArchive, MemoryStore]:
    """Load what a feed says, and see that no upload is left open."""
    archive, store = MemoryArchive(), MemoryStore()
    async with feed_server(steps) as feed:
        report = await run(feed.url(), in_memory(archive, store), live=True, max_bytes=max_bytes)
    assert archive.open == 0
    return report, archive, store


async def failed(*steps: Step, max_bytes: int = 2**31) -> LoadReport:
    """Load what a feed says; see that nothing is archived, and all that was counted as stored is there."""
    report, archive, store = await loaded(*steps, max_bytes=max_bytes)
    assert archive.snapshots == archive.documents == {}
    assert (report.snapshot, report.sha256, report.fates.pending) == (None, None, 0)
    assert report.fates.stored == len(store.items)
    return report


WHOLE = {
    "with its length": (answer(BODY),),
    "in chunks": (head(**CHUNKED), chunked(BODY[:1], BODY[1:MIDDLE], BODY[MIDDLE:])),
    "until the connection ends": (head(), BODY),
    "packed": (answer(PACKED, Content_Encoding="gzip"),),
    "packed, and not called so": (answer(PACKED),),
    "packed in two members": (answer(gzip.compress(BODY[:MIDDLE]) + gzip.compress(BODY[MIDDLE:])),),
    "called packed, and plain": (answer(BODY, Content_Encoding="gzip"),),
}


@pytest.mark.parametrize("steps", WHOLE.values(), ids=WHOLE)
async def test_a_whole_snapshot_is_archived_decoded_and_stored(steps: tuple[Step, ...]) -> None:
    report, archive, store = await loaded(*steps)
    assert (report.status, report.error, report.bytes) == (Status.COMPLETE, None, len(BODY))
    assert archive.snapshots == {NAME: BODY}
    assert fates(report) == {"stored": 300}
    assert len(store.items) == 300


CUT = {
    "F9 fewer bytes than announced": (head(Content_Length=len(BODY)), BODY[:MIDDLE]),
    "F9 one byte fewer than announced": (head(Content_Length=len(BODY) + 1), BODY),
    "F9 chunks without the last": (head(**CHUNKED), chunked(BODY, last=False)),
    "F9 a chunk cut inside": (head(**CHUNKED), b"%x\r\n" % len(BODY), BODY[:MIDDLE]),
    "F10 no length, cut short": (head(), BODY[:MIDDLE]),
    "F10 no length, only the bracket missing": (head(), BODY[:-1]),
    "F10 chunks in order, cut short": (head(**CHUNKED), chunked(BODY[:MIDDLE])),
    "F10 gzip cut inside whole framing": (answer(PACKED[: len(PACKED) // 2], Content_Encoding="gzip"),),
    "F10 gzip cut inside whole chunks": (head(**CHUNKED), chunked(PACKED[:-100])),
    "F10 gzip without its trailer": (answer(PACKED[:-8], Content_Encoding="gzip"),),
    "F10 gzip without its last byte": (answer(PACKED[:-1], Content_Encoding="gzip"),),
    "F13 reset after the headers": (head(Content_Length=len(BODY)), RESET),
    "F13 reset in the middle": (head(Content_Length=len(BODY)), BODY[:MIDDLE], RESET),
    "F13 reset before the last byte": (head(Content_Length=len(BODY)), BODY[:-1], RESET),
    "F11 gzip with a bad checksum": (answer(PACKED[:-8] + bytes(4) + PACKED[-4:]),),
    "F11 bytes after gzip": (answer(PACKED + b"more"),),
    "F11 gzip damaged inside": (answer(PACKED[:200] + bytes(20) + PACKED[220:]),),
}


@pytest.mark.parametrize("steps", CUT.values(), ids=CUT)
async def test_what_is_not_whole_fails_and_is_not_archived(steps: tuple[Step, ...]) -> None:
    report = await failed(*steps)
    assert report.status is Status.FAILED
    assert report.error is not None


REJECTED = {
    "F6 an HTML page": (b"<!DOCTYPE html><html></html>", "no JSON array"),
    "F6 an error in JSON": (b'{"error": "down"}', "no JSON array"),
    "F6 another value": (b"null", "no JSON array"),
    "F7 nothing": (b"", "the document is empty"),
    "F7 blanks": (b" \r\n\t ", "the document is empty"),
    "F16 bytes after the bracket": (BODY + b"\x00\x8f", "behind the JSON array"),
    "F16 a second document": (BODY + BODY, "behind the JSON array"),
    "F19 bytes between the elements": (BODY[:-1] + b";{}]", "in the JSON array"),
}


@pytest.mark.parametrize(("body", "why"), REJECTED.values(), ids=REJECTED)
async def test_what_is_no_snapshot_is_rejected_and_not_archived(body: bytes, why: str) -> None:
    report = await failed(answer(body))
    assert report.status is Status.REJECTED
    assert why in str(report.error)


async def test_what_was_stored_before_a_document_turned_out_bad_stays_and_is_counted() -> None:
    report, _, store = await loaded(answer(BODY + b"]"))
    assert (report.status, fates(report)) == (Status.REJECTED, {"stored": 300})
    assert set(store.items) == {str(i) for i in range(1, 301)}


async def test_an_empty_array_is_a_complete_load_with_a_warning() -> None:
    report, archive, _ = await loaded(answer(b"[]"))
    assert (report.status, report.records, report.warnings) == (Status.COMPLETE, 0, {"empty_feed": 1})
    assert archive.snapshots == {NAME: b"[]"}


def packed_zeros(first: bytes, count: int) -> Iterator[bytes]:
    """Pack `first` and a MB of blanks `count` times, piece by piece."""
    packer = zlib.compressobj(9, wbits=31)
    yield packer.compress(first)
    for _ in range(count):
        yield packer.compress(b" " * 1_000_000)
    yield packer.flush()


async def test_a_gzip_bomb_stops_at_the_size_limit_in_little_memory() -> None:
    bomb = b"".join(packed_zeros(BODY[:-1], 100))
    store = MemoryStore()
    async with feed_server((answer(bomb),)) as feed:
        tracemalloc.start()
        report = await run(feed.url(), in_memory(DryArchive(), store), max_bytes=50_000_000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (report.status, fates(report), len(store.items)) == (Status.REJECTED, {"stored": 300}, 300)
    assert "larger than 50000000 bytes" in str(report.error)
    assert peak < 5_000_000


def endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


@pytest.mark.parametrize("start", [head(), head(Content_Length=10**12)])
async def test_an_endless_body_stops_at_the_size_limit(start: bytes) -> None:
    report = await failed(start, b"[", endless(b" " * 100_000), max_bytes=1_000_000)
    assert report.status is Status.REJECTED
    assert "--max-bytes" in str(report.error)
    assert report.bytes <= 1_000_000


async def test_a_snapshot_of_just_the_size_limit_is_loaded() -> None:
    assert (await loaded(answer(BODY), max_bytes=len(BODY)))[0].status is Status.COMPLETE
    assert (await failed(answer(BODY), max_bytes=len(BODY) - 1)).status is Status.REJECTED


async def test_a_snapshot_of_more_records_than_the_most_is_rejected_and_what_was_stored_stays() -> None:
    archive, store = MemoryArchive(), MemoryStore()
    for most in (300, 299):
        async with feed_server((answer(BODY),)) as feed:
            report = await run(feed.url(), in_memory(archive, store), live=True, max_records=most)
        assert report.status is (Status.COMPLETE if most == 300 else Status.REJECTED)
        assert (report.error is None) is (most == 300)
    assert "more than 299 records; --max-records" in str(report.error)
    assert (archive.open, len(archive.snapshots), len(store.items)) == (0, 1, 300)


async def test_a_byte_order_mark_is_accepted_and_archived() -> None:
    report, archive, _ = await loaded(answer(BOM + BODY))
    assert (report.status, fates(report)) == (Status.COMPLETE, {"stored": 300})
    assert archive.snapshots == {NAME: BOM + BODY}


def bad(**changes: object) -> bytes:
    """Write one record with something wrong."""
    return document_of(record(9, p1="1") | changes)[1:-1]


BAD_ELEMENTS = {
    **{f"F18 {name}": (text, "unreadable") for name, text in REFUSED.items()},
    "F19 over 64 KiB": (b'{"a":"%b"}' % (b"x" * 70_000), "too_long"),
    "F19 a string of 5 MB": (b'{"a":"%b"}' % (b"x" * 5_000_000), "too_long"),
    "F19 a million brackets": (b"[" * 1_000_000 + b"]" * 1_000_000, "too_long"),
    "F19 nested 65 deep": (b'{"a":' * 64 + b"[]" + b"}" * 64, "too_deep"),
    "F19 no object": (b"[1]", "not_an_object"),
    "F20 no number": (bad(sensordatavalues=[{"value_type": "P1", "value": "1e999"}]), "no_pm_value"),
    "F21 mistyped parts": (bad(sensor=7, location=[], timestamp=None), "bad_timestamp"),
    "F23 a negative id": (bad(id=-1), "bad_id"),
    "F24 the year 1970": (bad(timestamp="1970-01-01 00:00:00"), "bad_timestamp"),
    "F24 the future": (bad(timestamp="2023-12-22 17:00:00"), "bad_timestamp"),
}


@pytest.mark.parametrize(("element", "reason"), BAD_ELEMENTS.values(), ids=BAD_ELEMENTS)
async def test_a_bad_record_is_rejected_and_costs_its_neighbours_nothing(element: bytes, reason: str) -> None:
    body = document_of(record(1, p1="12"), element, record(2, p2="7"))
    report, archive, store = await loaded(answer(body))
    assert (report.status, report.reasons) == (Status.COMPLETE, {reason: 1})
    assert fates(report) == {"stored": 2, "rejected": 1}
    assert (set(store.items), archive.snapshots) == ({"1", "2"}, {NAME: body})


@pytest.mark.parametrize("between", [b",", b",\n" + b" " * 70_000])
async def test_the_halves_of_a_measurement_are_one_item_across_pieces(between: bytes) -> None:
    first, second = (document_of(half)[1:-1] for half in (record(1, p1="12"), record(1, p2="7")))
    filler = document(*range(100, 250))[:-1]
    body = filler + b"," + first + between + second + b"]"
    report, _, store = await loaded(answer(body))
    assert fates(report) == {"stored": 151, "merged": 1}
    assert (store.items["1"].pm10, store.items["1"].pm25) == ("12", "7")


async def test_the_same_id_far_apart_is_two_records_of_which_the_later_stays() -> None:
    first, second = document_of(record(1, p1="12"))[:-1], document_of(record(1, p2="7"))[1:]
    body = first + b"," + document(*range(100, 400))[1:-1] + b"," + second
    report, _, store = await loaded(answer(body))
    assert fates(report) == {"stored": 301, "superseded": 1}
    assert (store.items["1"].pm10, store.items["1"].pm25) == (None, "7")


async def test_an_error_answer_fails_with_what_the_feed_asked_for() -> None:
    report = await failed(answer(status="503 Busy", Retry_After="90"))
    assert (report.status, report.retry_after, report.bytes) == (Status.FAILED, 90.0, 0)
    assert "answers 503 Service Unavailable" in str(report.error)
