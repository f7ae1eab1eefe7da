"""The frame codec, wherever reads end and whatever they bring."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.frames import (
    MAX_REQUEST,
    NOT_FOUND,
    FrameSplitter,
    encode,
)
from aqi_service.errors import FrameError
from tests.doubles.frames import taken


@given(st.lists(st.binary(max_size=MAX_REQUEST), max_size=6), st.lists(st.integers(1, 200), min_size=1))
def test_payloads_come_back_in_order_wherever_the_reads_end(payloads: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(map(encode, payloads))
    splitter = FrameSplitter(MAX_REQUEST)
    received, place, turn = [], 0, 0
    while place < len(stream):
        size = sizes[turn % len(sizes)]
        splitter.feed(stream[place : place + size])
        received += taken(splitter)
        place, turn = place + size, turn + 1
    assert received == payloads
    assert len(splitter) == 0


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_arbitrary_pieces_raise_nothing_but_a_frame_error(pieces: list[bytes]) -> None:
    splitter = FrameSplitter(MAX_REQUEST, bare=NOT_FOUND)
    try:
        for piece in pieces:
            splitter.feed(piece)
            taken(splitter)
    except FrameError:
        with pytest.raises(FrameError):
            splitter.take()


DIGITS = st.text("0123456789", min_size=1, max_size=2).map(str.encode)
ALIKE = st.tuples(st.binary(max_size=21) | DIGITS, st.integers(3, 6)).map(
    lambda drawn: encode(drawn[0]) * drawn[1]
)
"""Frames of one length, as those of ids are; bytes that look like the beginning of a header among them."""


@given(
    st.lists(st.binary(max_size=30) | st.binary(max_size=30).map(encode) | ALIKE, max_size=8),
    st.integers(0, 40),
)
def test_all_frames_at_once_are_those_that_are_taken_one_by_one(pieces: list[bytes], limit: int) -> None:
    at_once, one_by_one = FrameSplitter(limit), FrameSplitter(limit)
    for piece in pieces:
        at_once.feed(piece)
        one_by_one.feed(piece)
        wanted: list[bytes] = []
        try:
            while (payload := one_by_one.take()) is not None:
                wanted.append(payload)
        except FrameError:
            if not wanted:
                with pytest.raises(FrameError):
                    at_once.take_all()
                return
        assert at_once.take_all() == wanted
        assert len(at_once) == len(one_by_one)
