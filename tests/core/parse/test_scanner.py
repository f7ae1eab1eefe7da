"""The scanner: the end of an element, found in whatever pieces it comes, and how deep it was."""

import pytest

from aqi_service.core.parse.scanner import ElementScanner
from tests.doubles.documents import REFUSED, pieces


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
    assert ElementScanner().advance(b"{}," + text + behind, 3) == 3 + len(text)
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
