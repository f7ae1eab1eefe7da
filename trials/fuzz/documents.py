"""Documents: split whole and in pieces, their records made into items, and items of other programs read.

One rule: every record has one fate, and an item is one that DynamoDB takes, whatever it was made from.
"""

import csv
import io
import json
import re
import zlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson

from aqi_service.core.csv_reply import csv_reply, plain_text
from aqi_service.core.exclusions import NO_SENSORS
from aqi_service.core.items import ATTRIBUTES, COLUMNS, TIMES, Item
from aqi_service.core.packed_item import pack, unpack
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.record_item import REASONS, Rejection, ScoringRules
from aqi_service.core.parse.splitter import KEPT_TEXT, MAX_RECORD, WINDOW, RecordSplitter, Unreadable
from aqi_service.core.rejects import Rejects
from aqi_service.core.scales import SCALES
from aqi_service.errors import AqiError, CutShort, SnapshotRejected
from aqi_service.server.connection import READ_SIZE
from aqi_service.storage.aws.dynamodb_attributes import from_attributes, to_attributes
from tests.doubles.documents import SNAPSHOT_AT, WHOLE, Outcome, pieces, split
from tests.doubles.readings import Read
from trials.fuzz.mutations import cuts_of

WINDOWS = (64, 200, 1000, WINDOW)
SPLITTER_ERRORS = (CutShort, SnapshotRejected)


def splitter(data: bytes) -> None:
    """The same elements, offsets and end whatever cuts and window; a document that decodes is split right."""
    window = WINDOWS[zlib.crc32(data) % len(WINDOWS)]
    outcome = split([data], window)
    assert split(cuts_of(data), window) == outcome
    assert window == WINDOW or split([data]) == outcome
    end = 0
    for offset, text, value in outcome.elements:
        assert offset >= end
        assert data.startswith(text, offset)
        end = offset + len(text)
        too_long = value == Unreadable("too_long")
        assert too_long or len(text) <= MAX_RECORD
        assert not too_long or len(text) == KEPT_TEXT
    _as_decoded(data, outcome)
    _raise_as(outcome)


def _as_decoded(data: bytes, outcome: Outcome) -> None:
    """Compare with what a JSON decoder makes of the whole document, where it makes anything of it."""
    try:
        values = orjson.loads(data)
    except orjson.JSONDecodeError:
        return
    if isinstance(values, list):
        assert outcome.end == WHOLE
        assert len(outcome.elements) == len(values)
        for (_, _, found), value in zip(outcome.elements, values, strict=True):
            assert isinstance(found, Unreadable) or found == value
            assert not isinstance(found, Unreadable) or found.reason in ("too_long", "too_deep")


def _raise_as(outcome: Outcome) -> None:
    end, offset = outcome.end
    if end == "cut short":
        raise CutShort("as it should")
    if end == "rejected":
        raise SnapshotRejected("as it should", offset or 0)


def splitter_alone(data: bytes) -> None:
    """Only split it, as it arrives; nothing is kept, and little is held."""
    reading = RecordSplitter()
    try:
        for piece in pieces(data, READ_SIZE):
            for _ in reading.feed(piece):
                pass
            assert len(reading._buffer) <= MAX_RECORD + WINDOW
        for _ in reading.close():
            pass
    except SPLITTER_ERRORS:
        pass


# Records into items.


def _rules(data: bytes) -> ScoringRules:
    number = zlib.crc32(data)
    scale = list(SCALES.values())[number % len(SCALES)]
    excluded = frozenset({1, 2, 3, 141}) if number & 896 == 0 else NO_SENSORS
    return ScoringRules(scale, SNAPSHOT_AT, ttl=86_400 if number & 64 else None, excluded=excluded)


def ordinary(data: bytes) -> None:
    """The same whether what is ordinary goes its own way or not, whatever cuts and windows."""
    rules, number = _rules(data), zlib.crc32(data)
    parts, window = cuts_of(data) if number % 3 else [data], WINDOWS[number // 5 % len(WINDOWS)]
    own, careful = Read(parts, rules, window), Read(parts, rules, window, careful=True)
    assert own.seen == careful.seen == Read([data], rules, careful=True).seen
    assert _words(own.error) == _words(careful.error)
    if careful.error is not None:
        raise careful.error


def _words(error: AqiError | None) -> str:
    """Return what an error says, but for how much it shows of the bytes that had come by then."""
    return str(error).partition(" should not be there: ")[0]


def items(data: bytes) -> None:
    """One fate for each record whatever the cuts, anew from any position; items that every store takes."""
    rules, number = _rules(data), zlib.crc32(data)
    window = WINDOWS[number % len(WINDOWS)]
    read = Read([data], rules, window)
    assert Read(cuts_of(data), rules, window).seen == read.seen
    _counted(read)
    for item in read.items:
        _sound(item, rules)
    for rejection in read.rejections:
        assert rejection.reason in REASONS
        assert data.startswith(rejection.text, rejection.offset)
    _listed(read.rejections)
    if read.positions:
        position = read.positions[number % len(read.positions)]
        again = Read([data[position.offset :]], rules, WINDOWS[number // 7 % len(WINDOWS)], position)
        assert (again.items, type(again.error)) == (read.items[position.number :], type(read.error))
    if read.error is not None:
        raise read.error


def _counted(read: Read) -> None:
    found = read.counts
    decided = len(read.items) + len(read.rejections) + found.merged + found.without_pm
    assert found.records == decided + found.pending_half
    assert read.error is not None or not found.pending_half
    assert found.rejected == len(read.rejections) == sum(found.reasons.values())
    assert found.pm_records - found.pm_rejected == len(read.items)


_CANONICAL = re.compile(r"0|-?(?!0\Z)(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_BOUNDS = {"latitude": 90, "longitude": 180, "indoor": 1, "id": 2**63 - 1, "sensor_id": 2**63 - 1}


def _sound(item: Item, rules: ScoringRules) -> None:
    """Hold an item to what is promised of it, and bring it through every form that it takes."""
    assert (item.snapshot_at, item.scale) == (SNAPSHOT_AT, rules.scale.name)
    assert item.timestamp is not None
    assert item.date == item.timestamp[:10]
    assert item.pm25 is not None or item.pm10 is not None
    for field, name, kind in (*ATTRIBUTES, ("id", "id", "N")):
        value = getattr(item, field)
        if value is not None and kind == "N":
            assert type(value) is (int if field in TIMES else str), name
            _stored_number(str(value))
            limit = _BOUNDS.get(field)
            assert limit is None or abs(Decimal(value)) <= limit
    assert from_attributes(to_attributes(item, "N")) == from_attributes(to_attributes(item, "S")) == item
    packed = pack(item)
    assert packed is None or unpack(packed) == item
    _rendered(item)


def _stored_number(text: str) -> None:
    """Hold a number to DynamoDB's limits and to its one form."""
    assert _CANONICAL.fullmatch(text), text
    number = Decimal(text)
    assert len(text.lstrip("-").replace(".", "").strip("0")) <= 38
    assert number == 0 or -130 <= number.adjusted() <= 125


def _rendered(item: Item) -> None:
    """Read an item's CSV with the standard library's reader."""
    reply = csv_reply(item).decode("utf-8")
    head, row = csv.reader(io.StringIO(reply, newline=""), strict=True)
    assert head == [column.name for column in COLUMNS]
    cells = ["" if value is None else str(value) for value in item[: len(COLUMNS)]]
    texts = [
        cell if column.kind == "N" else plain_text(cell) for cell, column in zip(cells, COLUMNS, strict=True)
    ]
    assert row == texts


def _listed(rejections: Sequence[Rejection]) -> None:
    """Read the list of rejects: a JSON object a line."""
    rejects = Rejects()
    rejects.add(rejections)
    lines = [json.loads(line) for line in rejects.body({}).splitlines()]
    assert [(line["offset"], line["id"]) for line in lines] == [(each.offset, each.id) for each in rejections]


def items_alone(data: bytes) -> None:
    """Only make items of it, as it arrives; nothing is kept."""
    reader = DocumentReader(_rules(b""))
    try:
        for piece in pieces(data, READ_SIZE):
            for _ in reader.feed(piece):
                pass
        for _ in reader.close():
            pass
    except SPLITTER_ERRORS:
        pass


# Attributes of a table that another program filled.


def _values(data: bytes) -> dict[str, dict[str, Any]]:
    """Read attributes out of lines, whatever they hold; text is UTF-8, as DynamoDB's is."""
    lines = (line.split("\x1f", 2) for line in data.decode("utf-8", "replace").split("\x1e"))
    triples = (line for line in lines if len(line) == 3)
    return {name: {kind: None if text == "None" else text} for name, kind, text in triples}


def attributes(data: bytes) -> None:
    """What another program stored is an item that can be rendered, its numbers canonical or left out."""
    item = from_attributes(_values(data))
    for field, _, kind in ATTRIBUTES:
        value = getattr(item, field)
        if value is not None and kind == "N":
            _stored_number(str(value))
    if item.id is not None:
        _rendered(item)


def attributes_alone(data: bytes) -> None:
    """Only read and render them."""
    csv_reply(from_attributes(_values(data)))
