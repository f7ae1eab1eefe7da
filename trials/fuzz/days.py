"""Daily files into a sensor's day: whatever bytes, one record, the same however they come.

One rule: a day's file is never at fault as a whole: no error at all comes out.
"""

import gzip
import zlib

import orjson

from aqi_service.core.day_names import DayName
from aqi_service.core.items import Item
from aqi_service.core.parse.day_csv import DayCounts, DayDocument
from aqi_service.core.parse.day_means import LEAST_HOURS
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.record_item import REASONS, ScoringRules
from aqi_service.core.scales import DAQI
from tests.doubles.day_files import PMS5003, SDS011, csv_of, day_of, hours, row
from tests.doubles.documents import pieces
from trials.fuzz.mutations import cuts_of

NAME = DayName(19_711, "sds011", 123, indoor=False)
"""The 20th of December 2023."""

END = 1_703_116_799
PIECE = 64 * 1024
LIMIT = 1 << 26

SEEDS = (
    day_of(),
    csv_of(hours(*range(24)), PMS5003),
    csv_of([*hours(*range(18)), row("2023-12-20 23:10:00.5+00:00", p1="1999.9"), row("23:59:59", p2=".5")]),
    csv_of(hours(*range(20)), ";".join(reversed(SDS011.split(";"))), "\r\n"),
    gzip.compress(day_of(), mtime=0),
    gzip.compress(csv_of(hours(*range(24))), mtime=0)[:-9],
    b"<html></html>",
)

COLUMNS = b"sensor_id;timestamp;P1;P2\n"


def days(data: bytes) -> None:
    """Read a file whole, cut, and packed: one record, and at most one item, which has hours enough.

    How much zlib gives before damage depends on the cuts, so there only the record is the same.
    """
    whole = _read([data])
    cut = _read(cuts_of(data))
    assert whole[1].warnings["damaged_file"] == cut[1].warnings["damaged_file"]
    assert whole[1].warnings["damaged_file"] or cut == whole
    if data[:2] != b"\x1f\x8b":
        packed = gzip.compress(data, 1, mtime=0)
        assert _read(cuts_of(packed)) == whole
    [record] = orjson.loads(whole[0])
    assert set(record["hours"]) <= {"P1", "P2"}
    reader = DocumentReader(ScoringRules(DAQI, END, daily=True))
    batches = [*reader.feed(whole[0]), *reader.close()]
    assert reader.counts.records == 1
    for item in (item for batch in batches for item in batch.items):
        _sound(item)
    assert all(rejection.reason in REASONS for batch in batches for rejection in batch.rejections)


def _sound(item: Item) -> None:
    assert item.id == "9202312200000000123"
    for value, hours_there in ((item.pm25, item.hours_p25), (item.pm10, item.hours_p10)):
        assert value is None or LEAST_HOURS <= int(hours_there or 0) <= 24
        assert value is None or len(value.partition(".")[2]) <= 2


def _read(parts: list[bytes]) -> tuple[bytes, DayCounts]:
    document = DayDocument([NAME], LIMIT)
    reader = document.open(NAME)
    for part in parts:
        reader.feed(part)
    reader.close()
    return document.close(NAME) + document.end(), document.counts


def days_alone(data: bytes) -> None:
    """Only read it, as a disk gives it; each piece is taken whole before the next."""
    document = DayDocument([NAME], LIMIT)
    reader = document.open(NAME)
    for piece in pieces(data, PIECE):
        reader.feed(piece)
    reader.close()
    document.close(NAME)


def rows(size: int) -> bytes:
    """Write rows of which each has a value of its own, and one in another zone."""
    line = b"123;2023-12-20T10:00:00+00:00;%d.%d;1\n"
    made = b"".join(line % (zlib.crc32(b"%d" % n) % 1000, n) for n in range(size // 44))
    return (COLUMNS + made)[:size]
