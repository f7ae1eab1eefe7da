"""Requests counted by kind and outcome: each once, and with the time that it was waited for."""

import asyncio

import pytest

from aqi_service.core.request_counts import KINDS, OUTCOMES, Done, RequestCounts
from aqi_service.errors import AqiError, BadRequest, Busy, NoAnswer, NotFound, Unavailable
from tests.doubles.faults.clock import HandClock


def ended(counts: RequestCounts) -> dict[tuple[str, str], int]:
    """Give what was counted."""
    return {labels: count for labels, count in counts.ended.items() if count}


def test_every_kind_and_outcome_is_there_at_zero_and_none_is_added() -> None:
    counts = RequestCounts(HandClock(0.0))
    assert len(counts.ended) == len(KINDS) * len(OUTCOMES)
    assert set(counts.ended.values()) == {0}
    with pytest.raises(KeyError):
        counts.note("what a peer says", "found")


def test_a_request_counts_when_its_answer_is_there_and_once() -> None:
    clock = HandClock(100.0)
    counts = RequestCounts(clock)
    with counts.counting("near") as done:
        clock.advance(0.03)
        done("found")
        clock.advance(50.0)
        done("not_found")
    assert ended(counts) == {("near", "found"): 1}
    assert counts.seconds["near"].total == pytest.approx(0.03)
    assert dict(counts.seconds["near"].buckets())["0.025"] == 0
    assert dict(counts.seconds["near"].buckets())["0.05"] == 1


@pytest.mark.parametrize(("error", "outcome"), [
    (BadRequest("x"), "bad_request"), (NotFound("x"), "not_found"), (Busy("x"), "busy"),
    (NoAnswer("x"), "unavailable"), (KeyError("x"), "failed"), (Unavailable("x"), "failed"),
])  # fmt: skip
def test_what_is_raised_is_an_outcome_and_goes_on(error: Exception, outcome: str) -> None:
    counts = RequestCounts(HandClock(0.0))
    with pytest.raises(type(error)), counts.counting("box"):
        raise error
    assert ended(counts) == {("box", outcome): 1}


def test_what_fails_while_it_is_sent_was_answered_and_what_is_cancelled_has_no_outcome() -> None:
    counts = RequestCounts(HandClock(0.0))

    def fails_after(done: Done) -> None:
        done("found")
        raise AqiError

    with pytest.raises(AqiError), counts.counting("box") as done:
        fails_after(done)
    with pytest.raises(asyncio.CancelledError), counts.counting("near"):
        raise asyncio.CancelledError
    assert ended(counts) == {("box", "found"): 1}
