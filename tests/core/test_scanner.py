"""The scanner: the end of an element, found in whatever pieces it comes, and how deep it was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.scanner import ElementScanner
from tests.core.helpers import QUICK, REFUSED, pieces

TEXTS = st.text(st.sampled_from('{}[],:"\\ \né'), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CLOSED = st.dictionaries(TEXTS, VALUES, max_size=4) | st.lists(VALUES, max_size=4) | TEXTS
BEHIND = st.sampled_from([b",", b"]", b" ", b"\n,", b"x", b"{", b'"'])


def depth_of(value: Any) -> int:
    """Count the objects and lists around the deepest point."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@QUICK
@given(CLOSED, BEHIND, st.integers(0, 3), st.booleans())
def test_the_end_and_the_depth_of_an_element_are_found_from_where_it_begins(
    value: Any, behind: bytes, before: int, plain: bool
) -> None:
    text = json.dumps(value, ensure_ascii=plain).encode()
    scanner = ElementScanner()
    assert scanner.advance(b"," * before + text + behind, before) == before + len(text)
    assert scanner.deepest == depth_of(value)


@QUICK
@given(CLOSED, st.integers(1, 9))
def test_pieces_in_one_growing_buffer_give_the_same_end(value: Any, size: int) -> None:
    text = json.dumps(value).encode()
    scanner, buffer = ElementScanner(), bytearray()
    ends = []
    for piece in pieces(text, size):
        seen = len(buffer)
        buffer += piece
        ends.append(scanner.advance(buffer, seen))
    assert ends == [-1] * (len(ends) - 1) + [len(text)]
    assert scanner.deepest == depth_of(value)


@QUICK
@given(CLOSED, BEHIND, st.integers(1, 9))
def test_pieces_that_are_dropped_once_seen_give_the_same_end(value: Any, behind: bytes, size: int) -> None:
    text = json.dumps(value).encode()
    scanner, done = ElementScanner(), 0
    for piece in pieces(text + behind, size):
        end = scanner.advance(piece, 0)
        if end >= 0:
            assert done + end == len(text)
            return
        done += len(piece)
    pytest.fail("the end was not found")


@pytest.mark.parametrize("kind", [kind for kind, text in REFUSED.items() if text.startswith(b"{")])
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_an_element_that_no_decoder_takes_ends_at_its_own_brackets(kind: str, size: int) -> None:
    text, scanner, buffer = REFUSED[kind], ElementScanner(), bytearray()
    for piece in pieces(text + b',{"b":2}]', size):
        seen = len(buffer)
        buffer += piece
        if (end := scanner.advance(buffer, seen)) >= 0:
            break
    assert end == len(text)


@pytest.mark.parametrize("text", [b"1", b"-1.5e+3", b"true", b"null", b"NaN", b"1.2.3"])
@pytest.mark.parametrize("behind", [b",", b"]", b" ", b"}", b'"', b"\xff"])
def test_a_number_or_a_word_ends_where_other_bytes_begin_and_not_before_they_come(
    text: bytes, behind: bytes
) -> None:
    assert ElementScanner().advance(text + behind, 0) == len(text)
    scanner = ElementScanner()
    assert scanner.advance(text, 0) == -1
    assert scanner.advance(text + behind, len(text)) == len(text)
    assert scanner.deepest == 0


@pytest.mark.parametrize(
    "text", [b"{", b'{"', b'{"a', b'{"a\\', b'{"a\\"', b'{"a":[{}', b'"', b'"\\', b'["]"', b"[[]"]
)
def test_an_element_that_is_not_closed_has_no_end_yet(text: bytes) -> None:
    assert ElementScanner().advance(text, 0) == -1


@pytest.mark.parametrize(
    ("start", "rest", "end"),
    [
        (b'{"a\\', b'"":1}', 5),
        (b'{"\\\\', b'":1}', 4),
        (b'{"a\\\\\\', b'"}":1}', 6),
        (b'"\\', b'"",', 2),
        (b'"a\\', b'\\",', 2),
    ],
)
def test_what_a_backslash_at_the_end_of_a_piece_escapes_comes_with_the_next(
    start: bytes, rest: bytes, end: int
) -> None:
    scanner = ElementScanner()
    assert scanner.advance(start, 0) == -1
    assert scanner.advance(rest, 0) == end


def test_nothing_new_changes_nothing() -> None:
    scanner = ElementScanner()
    assert scanner.advance(b"", 0) == -1
    assert scanner.advance(b'{"a":"\\', 0) == -1
    assert scanner.advance(b"", 0) == -1
    assert scanner.advance(b'"}"}', 0) == 4


def test_an_element_may_begin_with_a_bracket_a_quote_or_what_numbers_and_words_are_made_of() -> None:
    assert {bytes([b]) for b in range(256) if ElementScanner.begins(bytes([b]))} == {
        sign.encode() for sign in '{["+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
    }
