"""Where a window may be cut: guessed from its brackets, or as the last border was."""

import json

import pytest

from aqi_service.core.parse.borders import Border, likely_border
from tests.doubles.documents import record

ELEMENTS = [json.dumps(record(number, "7.5", "5"), separators=(",", ":")).encode() for number in range(200)]
WINDOW = b",".join(ELEMENTS)


def test_a_likely_border_stands_between_two_elements() -> None:
    end = likely_border(WINDOW)
    assert len(WINDOW) * 0.9 < end < len(WINDOW)
    assert len(json.loads(b"[" + WINDOW[:end] + b"]")) > 180


def test_a_border_that_looks_like_the_last_one_is_the_last_such_border_of_a_window() -> None:
    end = likely_border(WINDOW)
    border = Border.at(WINDOW, end)
    assert border is not None
    assert border.closing == b"}]}"
    assert border.opening == b',{"id"'
    assert border.last_in(WINDOW) == len(WINDOW) - len(ELEMENTS[-1]) - 1
    assert border.last_in(WINDOW[: end // 2]) in {len(b",".join(ELEMENTS[:n])) for n in range(200)}
    assert border.last_in(ELEMENTS[0]) == 0


@pytest.mark.parametrize(
    "text", [b'{"id":1},{"id":2}', b'{"a":[{"id":1},{"id":2}]}', b'{"a":{"b":1}},2', b"{}"]
)
def test_a_border_that_others_may_look_like_is_none_to_go_by(text: bytes) -> None:
    assert Border.at(text, text.find(b",")) is None
