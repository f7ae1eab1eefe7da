"""What the tests of the core share: captures, records of the feed's form, and ways to feed a document."""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

import orjson
from hypothesis import settings

from aqi_service.core.items import Item
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.measurements import MeasurementBuilder
from aqi_service.core.parse.record_item import Rejection, ScoringRules
from aqi_service.core.parse.splitter import WINDOW, Batch, RecordSplitter, Unreadable
from aqi_service.core.scales import DAQI
from aqi_service.errors import CutShort, SnapshotRejected
from tests import DATA

SNAPSHOT_AT = 1_703_095_200
"""2023-12-20T18:00:00Z, the time of the snapshots that the tests make up."""

RULES = ScoringRules(DAQI, SNAPSHOT_AT)

QUICK = settings(max_examples=50)
"""For a property that needs no more."""

WINDOWS = (1, 2, 3, 7, 32, 100, 400, WINDOW)
"""Window sizes from far below one record to the real one."""

CUT = gzip.decompress((DATA / "sensor-community-2017-08-10-cut.json.gz").read_bytes())
GENERATED = gzip.decompress((DATA / "generated-2026-form.json.gz").read_bytes())


def real_capture() -> bytes:
    """Return the real capture that ships with the program."""
    packed = files("aqi_service").joinpath("data", "data_10_08_17_11_23.json.gz").read_bytes()
    return gzip.decompress(packed)


BOM = b"\xef\xbb\xbf"

REFUSED = {
    "invalid UTF-8": b'{"a":"\xff\xfe"}',
    "a UTF-8 sequence cut by the closing quote": b'{"a":"\xe2\x82"}',
    "a lone surrogate": b'{"a":"\\ud83d"}',
    "a raw control character": b'{"a":"\x01"}',
    "a raw newline in a string": b'{"a":"\n"}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":[-Infinity]}',
    "an integer of 5,000 digits": b'{"a":%b}' % (b"7" * 5000),
    "a missing value": b'{"a":}',
    "a trailing comma": b'{"a":1,}',
    "brackets that do not match": b'{"a":[1}}',
    "single quotes": b"{'a':1}",
    "a word that is no JSON": b"nul",
    "a number that is none": b"-",
}
"""Elements that no JSON decoder takes, though their ends can be told."""


class Outcome(NamedTuple):
    """What a document came to: each element's offset, text and value, and how the document ended."""

    elements: list[tuple[int, bytes, Any]]
    end: tuple[str, int | None]


WHOLE: tuple[str, int | None] = ("whole", None)
CUT_SHORT: tuple[str, int | None] = ("cut short", None)


def rejected_at(offset: int) -> tuple[str, int | None]:
    """Name the end of a document that was rejected for its byte `offset`."""
    return ("rejected", offset)


def value_of(text: bytes) -> Any:
    """Decode one element alone, as the splitter promises to."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return Unreadable("unreadable")


def joined(
    texts: list[bytes], blanks: list[bytes], start: bytes = b"["
) -> tuple[bytes, list[tuple[int, bytes, Any]]]:
    """Write a document and, from its making alone, where each element lies."""
    document, expected = bytearray(start), []
    for number, text in enumerate(texts):
        before, after = (blanks[(number + n) % len(blanks)] if blanks else b"" for n in (0, 1))
        document += (b"," if number else b"") + before
        expected.append((len(document), text, value_of(text)))
        document += text + after
    return bytes(document) + b"]", expected


def pieces(document: bytes, size: int) -> list[bytes]:
    """Cut a document into chunks of one size."""
    return [document[start : start + size] for start in range(0, len(document), size)]


def cut_at(document: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut a document at the given positions."""
    edges = [0, *sorted(cut % (len(document) + 1) for cut in cuts), len(document)]
    return [document[low:high] for low, high in pairwise(edges)]


def batches(chunks: Iterable[bytes], window: int = WINDOW) -> Iterator[Batch]:
    """Yield all batches of a document."""
    splitter = RecordSplitter(window)
    for chunk in chunks:
        yield from splitter.feed(chunk)
    yield from splitter.close()


def split(chunks: Iterable[bytes], window: int = WINDOW) -> Outcome:
    """Split a document; only the two errors that a document may raise become its end."""
    elements: list[tuple[int, bytes, Any]] = []
    end = WHOLE
    try:
        for batch in batches(chunks, window):
            elements += [(*batch.locate(index), value) for index, value in enumerate(batch.values)]
    except CutShort:
        end = CUT_SHORT
    except SnapshotRejected as error:
        end = rejected_at(error.offset)
    return Outcome(elements, end)


def every_way(document: bytes, windows: Sequence[int] = WINDOWS) -> Iterator[Outcome]:
    """Split a document fed whole, byte by byte and in small chunks, with every window."""
    for window in windows:
        for size in (1, 7, max(1, len(document))):
            yield split(pieces(document, size), window)


def reasons(outcome: Outcome) -> list[str | None]:
    """Tell of each element why it is not readable, or None."""
    return [value.reason if isinstance(value, Unreadable) else None for _, _, value in outcome.elements]


def record(record_id: object = 1, p1: object = None, p2: object = None, **changes: Any) -> dict[str, Any]:
    """Make a record of the feed's form; None leaves a pollutant out, and `changes` replace whole keys."""
    values = [
        {"value_type": kind, "value": value} for kind, value in (("P1", p1), ("P2", p2)) if value is not None
    ]
    made: dict[str, Any] = {
        "id": record_id,
        "timestamp": "2023-12-20 17:00:00",
        "location": {"latitude": "51.5", "longitude": "-0.1", "altitude": "20", "country": "GB", "indoor": 0},
        "sensor": {"id": 7, "sensor_type": {"name": "SDS011"}},
        "sensordatavalues": values,
    }
    return made | changes


def document_of(*elements: object) -> bytes:
    """Write an array; an element given as bytes stands in it as it is."""
    texts = (e if isinstance(e, bytes) else json.dumps(e).encode() for e in elements)
    return b"[" + b",\n".join(texts) + b"]"


def assemble(
    document: bytes, *, size: int = 1 << 20, window: int = WINDOW, rules: ScoringRules = RULES
) -> tuple[list[Item | Rejection], ParseCounts]:
    """Take a document through splitter and builder."""
    builder = MeasurementBuilder(rules)
    out: list[Item | Rejection] = []
    for batch in batches(pieces(document, size), window):
        out += builder.add(batch)
    out += builder.close()
    return out, builder.counts


def only_item(document: bytes, rules: ScoringRules = RULES) -> tuple[Item, dict[str, int]]:
    """Return the one item of a document, and the warnings."""
    (item,), counts = assemble(document, rules=rules)
    assert isinstance(item, Item)
    return item, dict(counts.warnings)


def only_rejection(document: bytes, rules: ScoringRules = RULES) -> Rejection:
    """Return the one rejection of a document."""
    (rejection,), counts = assemble(document, rules=rules)
    assert isinstance(rejection, Rejection)
    assert counts.rejected == 1
    assert counts.reasons == {rejection.reason: 1}
    return rejection
