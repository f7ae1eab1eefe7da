"""What an owner lets a process write: N units a second over any ten seconds, and nearly all of them used."""

import asyncio
from itertools import pairwise
from random import Random

import pytest

from aqi_service.core.costs import WINDOW_SECONDS
from aqi_service.storage.aws.dynamodb_cap import WriteCap
from aqi_service.storage.aws.dynamodb_rate import Throttle
from tests.doubles.aws_world import Waits

Sent = list[tuple[float, int]]
"""When a request went out, and of how many units."""


def run(per_second: int, seconds: float, seed: int, pauses: bool) -> Sent:
    """Write for so long by a clock of its own, each request as soon as it may, or after a pause."""
    cap, draw, now, sent = WriteCap(per_second), Random(seed), 1_000.0, Sent()  # noqa: S311  # guards nothing
    end = now + seconds
    while now < end:
        units = [draw.choice((1, 2, 2, 2, 3)) for _ in range(draw.choice((1, 7, 25)))]
        units = units[: cap.fitting(units)]
        now += cap.due(sum(units), now)
        sent.append((now, sum(units)))
        if pauses and draw.random() < 0.2:
            now += draw.choice((0.01, 0.5, 3.0, 40.0))
    return sent


def most_in_a_window(sent: Sent) -> int:
    """Give the most units of any ten seconds, both ends included."""
    return max(
        sum(units for at, units in sent[first:] if at <= begun + WINDOW_SECONDS)
        for first, (begun, _) in enumerate(sent)
    )


@pytest.mark.parametrize("pauses", [False, True])
@pytest.mark.parametrize("per_second", [1, 2, 5, 24, 50, 500])
def test_no_ten_seconds_have_more_than_ten_times_the_cap(per_second: int, pauses: bool) -> None:
    for seed in range(3):
        sent = run(per_second, 60 if per_second > 100 else 300, seed, pauses)
        assert most_in_a_window(sent) <= per_second * WINDOW_SECONDS


@pytest.mark.parametrize(("per_second", "share"), [(1, 0.7), (5, 0.9), (50, 0.9), (500, 0.98), (5_000, 0.99)])
def test_who_writes_without_a_pause_uses_nearly_all_of_the_cap(per_second: int, share: float) -> None:
    sent = run(per_second, 30 if per_second > 100 else 300, 1, pauses=False)
    took = sent[-1][0] - sent[0][0]
    assert sum(units for _, units in sent) >= share * per_second * took


def test_requests_go_out_in_the_order_of_their_turns() -> None:
    assert all(first <= then for (first, _), (then, _) in pairwise(run(24, 60, 2, pauses=True)))


def test_a_request_has_no_more_items_than_the_bucket_holds_and_one_at_least() -> None:
    assert WriteCap(500).fitting([2] * 25) == 25
    assert WriteCap(500).fitting([3] * 25) == 16
    assert WriteCap(10).fitting([2] * 25) == 5
    assert WriteCap(1).fitting([3, 2]) == 1


async def test_a_turn_waits_for_the_cap_also_where_the_table_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, waits = [100.0], Waits()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
    throttle = Throttle(waits, WriteCap(100))
    assert await throttle.turn(25, [2] * 25) == 25
    assert waits == []
    assert await throttle.turn(25, [3] * 25) == 16
    assert list(waits) == pytest.approx([48 / 95])
    now[0] += 48 / 95 + 50 / 95
    assert await throttle.turn(1, [2]) == 1
    assert len(waits) == 1
