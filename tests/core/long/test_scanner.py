"""The end of an element and its depth, in any pieces."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.parse.scanner import ElementScanner
from tests.doubles.documents import QUICK, pieces

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
