"""Decoding: many elements at once only where that finds what the scanner would, and one for itself."""

from typing import Any

import pytest

from aqi_service.core.parse.decoding import Unreadable, decode_bulk, decode_one
from tests.doubles.documents import REFUSED

PLAIN = b'{"a":[1,{"b":"x"}]},\n{}, 2 ,"",[]'


def test_elements_without_brackets_in_their_strings_are_decoded_at_once() -> None:
    assert decode_bulk(PLAIN) == [{"a": [1, {"b": "x"}]}, {}, 2, "", []]


@pytest.mark.parametrize("sign", ["{", "}", "[", "]", "\\n", '\\"', "{}", "[]"])
def test_a_bracket_or_a_backslash_in_a_string_is_left_to_the_scanner(sign: str) -> None:
    assert decode_bulk(b'{"a":"%b"}' % sign.encode()) is None
    assert decode_bulk(b'%b,{"%b":""}' % (PLAIN, sign.encode())) is None


@pytest.mark.parametrize("text", [b"", b",", b"1,", b"{}{}", b"{},[1,]", *REFUSED.values()])
def test_what_does_not_decode_and_what_holds_no_element_is_left_to_the_scanner(text: bytes) -> None:
    assert decode_bulk(text) is None


@pytest.mark.parametrize("pair", [b"[]", b"{}"])
def test_elements_64_deep_are_decoded_at_once_and_a_deeper_one_is_left_to_the_scanner(pair: bytes) -> None:
    def nested(depth: int) -> bytes:
        opening = pair[:1] if pair == b"[]" else b'{"a":'
        return opening * (depth - 1) + pair + pair[1:] * (depth - 1)

    values = decode_bulk(nested(64) + b"," + nested(64))
    assert values is not None
    assert len(values) == 2
    assert decode_bulk(nested(64) + b"," + nested(65)) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a":1e999,"b":"1e999"}', {"a": None, "b": "1e999"}),
        (b'{"a":[-1.5E+400,2],"b":"\\"1e999"}', {"a": [None, 2], "b": '"1e999'}),
        (b'{"a":1e-999}', {"a": 0.0}),
        (b'{"a":1e30}', {"a": 1e30}),
    ],
)
def test_a_number_too_large_for_a_float_is_null_and_a_text_that_looks_like_one_stays(
    text: bytes, value: dict[str, Any]
) -> None:
    assert decode_one(text) == value


@pytest.mark.parametrize("text", [*REFUSED.values(), b'{"a":1e999,}', b""])
def test_an_element_that_no_decoder_takes_is_unreadable(text: bytes) -> None:
    assert decode_one(text) == Unreadable("unreadable")
