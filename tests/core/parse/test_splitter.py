"""The splitter: the same elements, offsets and errors however the bytes arrive."""

import json

import pytest

from aqi_service.core.parse.splitter import WINDOW, RecordSplitter
from aqi_service.errors import CutShort, SnapshotRejected
from tests.doubles.documents import (
    CUT,
    CUT_SHORT,
    GENERATED,
    WHOLE,
    Outcome,
    batches,
    every_way,
    joined,
    pieces,
    rejected_at,
    split,
)
from tests.doubles.written_json import by_json


@pytest.mark.parametrize("window", [512, WINDOW])
def test_the_cut_capture_gives_all_its_whole_records_and_then_is_cut_short(window: int) -> None:
    outcome = split(pieces(CUT, 1000), window)
    assert len(outcome.elements) == 158
    assert outcome == Outcome(by_json(CUT), CUT_SHORT)


@pytest.mark.parametrize("window", [100, 4096, WINDOW])
def test_the_text_of_every_batch_is_the_documents_bytes_at_its_offset(window: int) -> None:
    document, seen = GENERATED * 1, 0
    for batch in batches(pieces(document, 700), window):
        assert batch.offset >= seen
        assert document[batch.offset : batch.offset + len(batch.text)] == batch.text
        assert all(document[o : o + len(t)] == t for o, t in map(batch.locate, range(len(batch.values))))
        seen = batch.offset + len(batch.text)
    assert seen > 66_000


@pytest.mark.parametrize("window", [1024, 4096, WINDOW])
def test_a_window_of_plain_records_is_taken_at_once_but_for_its_last_part(window: int) -> None:
    texts = [b'{"id":%d,"a":[{"b":1},{"c":[2]},{}],"d":{"e":5},"f":""}' % number for number in range(1000)]
    document, _ = joined(texts, [])
    splitter = RecordSplitter(window)
    sizes = [len(batch.text) for piece in pieces(document, 10_000) for batch in splitter.feed(piece)]
    assert len(document) - sum(sizes) < 2 * window
    assert min(sizes) >= window * 15 // 16


@pytest.mark.parametrize("text", [b"1", b"-2.5e3", b'"a,b]"', b"true", b"null", b"[]", b'[{"a":[1]},2]'])
def test_an_element_that_is_no_object_is_given_as_it_decodes(text: bytes) -> None:
    document, elements = joined([text, b"{}", text], [b"\n"])
    assert elements[0][2] == json.loads(text)
    assert all(outcome == Outcome(elements, WHOLE) for outcome in every_way(document))


@pytest.mark.parametrize(
    "between", [b"", b" ", b",,", b", ,", b";", b":", b",;", b"\x00", b",\xff", b"}", b"\xc2\xa0,"]
)
@pytest.mark.parametrize("many", [1, 40])
def test_what_is_neither_blank_nor_comma_or_a_comma_too_many_or_too_few_rejects_the_document(
    between: bytes, many: int
) -> None:
    before, elements = joined([b'{"a":"x,{"}'] * many, [])
    document = before[:-1] + between + b'{"b":1}]'
    offset = document.index(between + b'{"b"') + {
        b"": 0,
        b" ": 1,
        b",,": 1,
        b", ,": 2,
        b",;": 1,
        b",\xff": 1,
    }.get(between, 0)
    for outcome in every_way(document):
        assert outcome == Outcome(elements, rejected_at(offset))


@pytest.mark.parametrize(
    ("document", "offset"), [(b"[,{}]", 1), (b"[{},]", 4), (b"[{} , ]", 6), (b"[}", 1), (b"[:1]", 1)]
)
def test_a_comma_without_an_element_beside_it_rejects_the_document(document: bytes, offset: int) -> None:
    assert {outcome.end for outcome in every_way(document)} == {rejected_at(offset)}


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n", b" \t\r"])
@pytest.mark.parametrize("size", [10, 97, 10_000])
def test_every_record_of_a_batch_is_located_whatever_blanks_are_between(between: bytes, size: int) -> None:
    texts = [b'{"id":%d,"a":"}, {"}' % number for number in range(30)] + [b'{"id":%d}' % n for n in range(30)]
    document, elements = joined(texts, [between, b""] * 30)
    assert split(pieces(document, size), 200) == Outcome(elements, WHOLE)


def test_a_document_cut_anywhere_is_cut_short_and_gives_the_records_that_were_whole() -> None:
    document, elements = joined([b'{"a":"]"}', b"{}", b'{"b":[1,{"c":"\\""}]}', b'{"d":null}'], [b" ", b""])
    for cut in range(1, len(document)):
        whole = [element for element in elements if element[0] + len(element[1]) <= cut]
        for window in (1, 16, WINDOW):
            assert split([document[:cut]], window) == Outcome(whole, CUT_SHORT)


def test_the_error_of_a_cut_document_says_after_how_many_bytes() -> None:
    for document in (b'[{"a":1},', b'[{"a":1},{"b":'):
        with pytest.raises(CutShort, match=f"after {len(document)} bytes"):
            list(batches([document]))


@pytest.mark.parametrize(
    ("document", "where", "shown"),
    [(b"[:1]", "byte 1, in the", ":1]"), (b"[{}]" + b"x" * 30, "byte 4, behind the", "x" * 20)],
)
def test_the_error_of_a_rejected_document_says_at_which_byte_and_shows_20_of_them(
    document: bytes, where: str, shown: str
) -> None:
    with pytest.raises(SnapshotRejected, match=f"^{where} JSON array, should not be there: '{shown}'$"):
        list(batches([document]))


def test_a_rejected_document_is_refused_while_it_is_fed_and_what_came_before_stands() -> None:
    splitter = RecordSplitter(window=4)
    given_out = splitter.feed(b'[{"a":1},{"b":2};' + b" " * 10)
    assert [value for _ in range(2) for value in next(given_out).values] == [{"a": 1}, {"b": 2}]
    with pytest.raises(SnapshotRejected) as caught:
        next(given_out)
    assert caught.value.offset == 16


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_splitter_may_begin_at_any_element(size: int) -> None:
    document, elements = joined([b'{"a":1}', b"12", b'{"b":[2]}', b'{"c":3}'] * 9, [b"\n"])
    for number, (start, _, _) in enumerate(elements):
        splitter, found = RecordSplitter(16, start=start), []
        for batch in [b for piece in pieces(document[start:], size) for b in splitter.feed(piece)]:
            found += [(*batch.locate(index), value) for index, value in enumerate(batch.values)]
        found += [(*batch.locate(0), *batch.values) for batch in splitter.close()]
        assert found == elements[number:]


@pytest.mark.parametrize("text", [b"12", b"123456", b'"ab"', b"[1]", b"true", b"X"])
def test_elements_without_a_brace_are_not_cut_in_two(text: bytes) -> None:
    document, elements = joined([text] * 40, [])
    assert all(outcome == Outcome(elements, WHOLE) for outcome in every_way(document))


def test_a_string_full_of_what_looks_like_borders_hides_none_and_is_cut_at_none() -> None:
    document, elements = joined([b"12", b'"' + b"},]" * 100 + b'"', b"34"], [])
    assert all(outcome == Outcome(elements, WHOLE) for outcome in every_way(document))


def test_what_fills_the_window_is_given_out_without_more_bytes() -> None:
    splitter = RecordSplitter(window=7)
    assert list(splitter.feed(b"[")) == []
    assert [batch.values for batch in splitter.feed(b'{"a":1}')] == [[{"a": 1}]]
