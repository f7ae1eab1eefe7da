"""The frame codec: the header's one form, the limits, and a splitter that does not care where reads end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.frames import (
    BUSY,
    HEADER,
    MAX_REQUEST,
    NOT_FOUND,
    FrameSplitter,
    checked_id,
    decode_header,
    encode,
    encode_header,
    kind,
)
from aqi_service.errors import BadId, FrameError
from tests.doubles.frames import MALFORMED, malformed, taken


@given(st.integers(0, 10**19 - 1))
def test_a_header_gives_back_the_length_that_was_written(length: int) -> None:
    header = encode_header(length)
    assert len(header) == HEADER
    assert decode_header(header) == length


def test_a_header_is_digits_and_then_spaces() -> None:
    assert encode_header(11) == b"11" + b" " * 62


def test_leading_zeros_are_digits() -> None:
    assert decode_header(b"0005".ljust(HEADER)) == 5


@pytest.mark.parametrize("length", [-1, 10**19])
def test_a_length_that_no_header_can_hold_is_refused(length: int) -> None:
    with pytest.raises(FrameError):
        encode_header(length)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_header_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(FrameError, match=r"^[^\n]+$"):
        decode_header(malformed(name))


@pytest.mark.parametrize("size", [0, 1, 63, 65])
def test_a_header_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(FrameError):
        decode_header(b"5".ljust(size)[:size])


@given(st.binary(max_size=80) | st.binary(min_size=64, max_size=64))
def test_arbitrary_bytes_are_a_length_or_a_frame_error(header: bytes) -> None:
    try:
        length = decode_header(header)
    except FrameError:
        return
    assert decode_header(encode_header(length)) == length


@pytest.mark.parametrize("tail", [b"", b"5", encode(b"12345")[:-1]], ids=["no tail", "digit", "cut frame"])
def test_what_follows_the_last_frame_waits(tail: bytes) -> None:
    splitter = FrameSplitter(MAX_REQUEST)
    splitter.feed(encode(b"one") + encode(b"") + tail)
    assert taken(splitter) == [b"one", b""]
    assert len(splitter) == len(tail)


def test_all_complete_frames_are_given_at_once_and_a_fault_behind_them_the_next_time() -> None:
    splitter = FrameSplitter(MAX_REQUEST)
    assert splitter.take_all() == []
    rare = b"003".ljust(HEADER) + b"two" + encode(b"x" * 100)
    splitter.feed(encode(b"one") + rare + encode(b"three") + b"GET / HTTP/1.1")
    assert splitter.take_all() == [b"one", b"two", b"x" * 100, b"three"]
    for _ in range(2):
        with pytest.raises(FrameError):
            splitter.take_all()


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_header_is_refused_at_its_first_wrong_byte(name: str) -> None:
    header = malformed(name)
    wrong = next(size for size in range(1, HEADER + 1) if _wrong(header[:size]))
    splitter = FrameSplitter(MAX_REQUEST)
    splitter.feed(header[: wrong - 1])
    assert splitter.take() is None
    splitter.feed(header[wrong - 1 : wrong])
    with pytest.raises(FrameError):
        splitter.take()


def _wrong(header: bytes) -> bool:
    digits = header.rstrip(b" ")
    return not (digits.isdigit() and len(digits) <= 19)


def test_a_length_over_the_limit_is_refused_before_its_payload() -> None:
    splitter = FrameSplitter(MAX_REQUEST)
    splitter.feed(encode_header(MAX_REQUEST + 1))
    with pytest.raises(FrameError, match="1025"):
        splitter.take()


def test_a_payload_of_exactly_the_limit_is_taken() -> None:
    splitter = FrameSplitter(MAX_REQUEST)
    splitter.feed(encode(b"x" * MAX_REQUEST))
    assert splitter.take() == b"x" * MAX_REQUEST


@pytest.mark.parametrize("size", range(1, len(NOT_FOUND) + 1))
def test_a_reply_without_header_is_known_as_its_bytes_arrive(size: int) -> None:
    splitter = FrameSplitter(MAX_REQUEST, bare=NOT_FOUND)
    splitter.feed(NOT_FOUND[:size])
    assert splitter.take() == (NOT_FOUND if size == len(NOT_FOUND) else None)


def test_frames_may_follow_a_reply_without_header() -> None:
    splitter = FrameSplitter(MAX_REQUEST, bare=NOT_FOUND)
    splitter.feed(NOT_FOUND + encode(b"one") + NOT_FOUND)
    assert taken(splitter) == [NOT_FOUND, b"one", NOT_FOUND]


@pytest.mark.parametrize("text", [b"Item not fount", b"J", b" ", b"Item  "])
def test_another_text_without_header_is_refused(text: bytes) -> None:
    splitter = FrameSplitter(MAX_REQUEST, bare=NOT_FOUND)
    splitter.feed(text)
    with pytest.raises(FrameError):
        splitter.take()


@pytest.mark.parametrize("text", [NOT_FOUND, *(bytes([n]) for n in range(256) if n not in b"0123456789")])
def test_without_a_bare_reply_every_reply_has_a_header(text: bytes) -> None:
    splitter = FrameSplitter(MAX_REQUEST)
    splitter.feed(text)
    with pytest.raises(FrameError):
        splitter.take()


def test_the_first_bytes_that_wait_are_shown_and_still_wait() -> None:
    splitter = FrameSplitter(MAX_REQUEST)
    splitter.feed(b"GET / HTTP/1.1")
    assert [splitter.start(size) for size in (0, 3, 99)] == [b"", b"GET", b"GET / HTTP/1.1"]
    assert len(splitter) == 14


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (b"id,AQI\r\n1,2\r\n", "found"),
        (b"", "found"),
        (b"Item not found", "not_found"),
        (b"Bad request: no digits", "bad_request"),
        (b"Unavailable: no table", "unavailable"),
        (BUSY + b"later", "busy"),
        (b"Busy", "found"),
    ],
)
def test_a_reply_is_named_by_how_it_starts(reply: bytes, name: str) -> None:
    assert kind(reply) == name


@pytest.mark.parametrize("text", ["1", "0", "007", "1" * 20])
def test_one_to_twenty_digits_can_be_an_id(text: str) -> None:
    assert checked_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "../../x", "/etc/x", "1" * 300, "\u0665", "1\n", " 1", "-1", "1_0", "1\x00"]
)
def test_any_other_text_cannot_be_an_id(text: str) -> None:
    with pytest.raises(BadId, match=r"^[ -~]{1,120}$"):
        checked_id(text)
