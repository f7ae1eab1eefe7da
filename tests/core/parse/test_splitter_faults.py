"""The splitter under the faults F6 to F8 and F16 to F19: what is no snapshot, and what is no record."""

import json

import pytest

from aqi_service.core.parse.splitter import KEPT_TEXT, MAX_RECORD, WINDOW, RecordSplitter
from aqi_service.errors import SnapshotRejected
from tests.doubles.documents import (
    BOM,
    WHOLE,
    WINDOWS,
    Outcome,
    every_way,
    joined,
    pieces,
    reasons,
    rejected_at,
    split,
)


@pytest.mark.parametrize(
    ("document", "offset"),
    [
        (b"<!DOCTYPE html><html></html>", 0),
        (b'{"error":"no data"}', 0),
        (b'"text"', 0),
        (b"17", 0),
        (b"null", 0),
        (b"\x1f\x8b\x08\x00", 0),
        (b"\xef\xbb", 0),
        (b"\xef\xbb\xbf", 3),
        (b" \n<html>", 2),
        (b"\xef\xbb\xbf{}", 3),
        (b" \xef\xbb\xbf[]", 1),
    ],
)
def test_a_document_that_is_no_array_is_rejected_where_that_shows(document: bytes, offset: int) -> None:
    assert {str(o) for o in every_way(document)} == {str(Outcome([], rejected_at(offset)))}


def test_an_empty_document_is_rejected() -> None:
    splitter = RecordSplitter()
    assert list(splitter.feed(b"")) == []
    with pytest.raises(SnapshotRejected, match="empty"):
        list(splitter.close())


@pytest.mark.parametrize("document", [b"[]", b"[ ]", b" \t[\r\n] \n"])
def test_an_empty_array_is_whole_and_has_no_elements(document: bytes) -> None:
    assert all(outcome == Outcome([], WHOLE) for outcome in every_way(document))


@pytest.mark.parametrize("window", WINDOWS)
def test_a_byte_order_mark_before_the_array_is_passed_over_and_counts_in_the_offsets(window: int) -> None:
    for between in (b"", b" \n"):
        document, elements = joined([b'{"a":1}'], [], BOM + between + b"[")
        assert elements[0][0] == 4 + len(between)
        for outcome in every_way(document, [window]):
            assert outcome == Outcome(elements, WHOLE)


@pytest.mark.parametrize("behind", [b"x", b"\x00", b"]", b",", b'[{"a":1}]', b'{"a":1}', b" \n\x8f\x01"])
def test_bytes_or_a_second_document_behind_the_array_reject_it_at_the_first_of_them(behind: bytes) -> None:
    document, elements = joined([b'{"a":1}', b'{"b":2}'], [])
    offset = len(document) + len(behind) - len(behind.lstrip())
    for outcome in every_way(document + behind):
        assert outcome == Outcome(elements, rejected_at(offset))


def nested(depth: int, kind: str) -> bytes:
    """Write an object so deep, of objects alone, of arrays inside, or of both in turn."""
    pairs = [(b'{"a":', b"}")] + {
        "objects": [(b'{"a":', b"}")],
        "arrays": [(b"[", b"]")],
        "in turn": [(b"[", b"]"), (b'{"a":', b"}")],
    }[kind] * depth
    return b"".join(p[0] for p in pairs[:depth]) + b"1" + b"".join(p[1] for p in pairs[:depth][::-1])


@pytest.mark.parametrize("kind", ["objects", "arrays", "in turn"])
@pytest.mark.parametrize(
    ("neighbours", "window"), [(0, 64), (0, WINDOW), (90, 64), (90, 4096), (1000, WINDOW)]
)
def test_a_record_nested_64_deep_is_read_and_one_65_deep_is_not(
    kind: str, neighbours: int, window: int
) -> None:
    beside = [b'{"id":1,"name":"a plain record of about sixty bytes, more or less"}'] * neighbours
    document, elements = joined([*beside, nested(64, kind), nested(65, kind), *beside], [])
    outcome = split(pieces(document, 10_000), window)
    assert reasons(outcome) == [None] * (neighbours + 1) + ["too_deep"] + [None] * neighbours
    assert [element[:2] for element in outcome.elements] == [element[:2] for element in elements]
    assert outcome.elements[neighbours][2] == json.loads(nested(64, kind))


@pytest.mark.parametrize("window", [1000, 4096, WINDOW])
@pytest.mark.parametrize("size", [61, 1000, MAX_RECORD, 1 << 20])
def test_a_record_of_64_kib_is_read_and_one_byte_more_is_too_long(size: int, window: int) -> None:
    def sized(length: int) -> bytes:
        return b'{"a":"' + b"x" * (length - 8) + b'"}'

    good = b'{"b":1}'
    document, elements = joined([good, sized(65_536), good, sized(65_537), good], [b" "])
    outcome = split(pieces(document, size), window)
    assert reasons(outcome) == [None, None, None, "too_long", None]
    assert [element[0] for element in outcome.elements] == [element[0] for element in elements]
    assert outcome.elements[1] == elements[1]
    assert outcome.elements[3][1] == sized(65_537)[:KEPT_TEXT]
    assert outcome.elements[4] == elements[4]


@pytest.mark.parametrize("window", [4096, WINDOW])
@pytest.mark.parametrize(
    "text", [b'{"a":"' + b"}," * 100_000 + b'"}', b"7" * 200_000, b'["' + b"\\\\" * 100_000 + b'"]']
)
def test_a_record_far_too_long_costs_only_itself(text: bytes, window: int) -> None:
    good = b'{"b":1}'
    document, elements = joined([good, text, good, text, good], [b"\n"])
    outcome = split(pieces(document, 50_000), window)
    assert reasons(outcome) == [None, "too_long", None, "too_long", None]
    assert [element[0] for element in outcome.elements] == [element[0] for element in elements]
    assert outcome.elements[3][1] == text[:KEPT_TEXT]
    assert outcome.elements[4] == elements[4]
