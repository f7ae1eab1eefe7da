"""The toxics: which steps they make of a chunk; without a socket or a clock."""

from typing import Any

import pytest

from tests.doubles.faults.toxics import (
    FOREVER,
    Bandwidth,
    End,
    Latency,
    LimitData,
    ResetPeer,
    Seen,
    Slicer,
    SlowClose,
    Timeout,
    Toxic,
    Wait,
)


@pytest.mark.parametrize(
    ("toxic", "seen", "expected"),
    [
        (Latency(2), Seen(), [Wait(2), b"abcdef"]),
        (Latency(2), Seen(waited=1.5), [Wait(0.5), b"abcdef"]),
        (Latency(2), Seen(waited=9), [Wait(0), b"abcdef"]),
        (Latency(2, jitter=1), Seen(roll=lambda: 1.0), [Wait(3), b"abcdef"]),
        (Bandwidth(40), Seen(), [Wait(0.1), b"abcd", Wait(0.05), b"ef"]),
        (SlowClose(3), Seen(), [b"abcdef"]),
        (Timeout(), Seen(), []),
        (ResetPeer(3), Seen(), []),
        (Slicer(3, pause=1), Seen(), [b"abc", Wait(1), b"def", Wait(1)]),
        (Slicer(3, variation=2), Seen(roll=lambda: 1.0), [b"abcde", Wait(0), b"f", Wait(0)]),
        (LimitData(10), Seen(), [b"abcdef"]),
        (LimitData(10), Seen(passed=6), [b"abcd", End()]),
        (LimitData(6), Seen(), [b"abcdef", End()]),
    ],
)
def test_a_toxic_makes_these_steps_of_a_chunk(toxic: Toxic, seen: Seen, expected: list[Any]) -> None:
    assert list(toxic.shape(b"abcdef", seen)) == expected


def test_what_ends_a_connection_by_itself_says_when_and_how() -> None:
    toxics = (Timeout(3), Timeout(), ResetPeer(), SlowClose(2))
    assert [toxic.ends_after for toxic in toxics] == [3, None, 0, None]
    assert [toxic.resets for toxic in toxics] == [False, False, True, False]
    assert [toxic.lingers for toxic in toxics] == [FOREVER, FOREVER, FOREVER, 2]
