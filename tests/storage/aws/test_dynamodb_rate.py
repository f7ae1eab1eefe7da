"""How fast items go to a table that refuses some: near its limit, and seldom over it.

The table is a bucket of write units that fills at its limit, as AWS describes it; time is simulated.
"""

import heapq
from random import Random

import pytest

from aqi_service.storage.aws.dynamodb_rate import AdaptiveRate

HALFWAY = 0.01
"""Seconds from a request's going to the table, and from there to its answer."""


class Table:
    """Takes `limit` units a second, and keeps what it did not use for `burst` seconds."""

    def __init__(self, limit: float, burst: float = 1.0) -> None:
        self._burst = burst
        self._seen = 0.0
        self.set(limit)
        self.requests: list[tuple[float, int, int]] = []  # when, of how many items, how many were left

    def set(self, limit: float) -> None:
        """Change the limit."""
        self._limit, self._units = limit, limit * self._burst

    def take(self, items: int, now: float) -> int:
        """Take some of a request; return how many are left."""
        self._units = min(self._limit * self._burst, self._units + (now - self._seen) * self._limit)
        self._seen = now
        taken = min(items, int(self._units))
        self._units -= taken
        self.requests.append((now, items, items - taken))
        return items - taken

    def shares(self, begun: float, end: float) -> tuple[float, float]:
        """Return the share of the units used in that time, and that of requests that were refused some."""
        counted = [each for each in self.requests if begun <= each[0] < end]
        taken = sum(items - left for _, items, left in counted)
        return taken / (self._limit * (end - begun)), sum(left > 0 for _, _, left in counted) / len(counted)


def write(table: Table, rate: AdaptiveRate, begun: float, until: float, writers: int = 8) -> None:
    """Write until then with so many requests at once, each of 25 items, or of what was left of its last."""
    draw = Random(1)  # noqa: S311  # spreads load, guards nothing
    steps: list[tuple[float, int, str, int]] = [(begun, number, "ask", 0) for number in range(writers)]
    while steps:
        now, writer, step, items = heapq.heappop(steps)
        if step == "ask" and now < until:
            items = rate.most(min(25, items or 25))
            heapq.heappush(steps, (now + rate.due(items, now) + HALFWAY, writer, "arrive", items))
        elif step == "arrive":
            left = table.take(items, now)
            heapq.heappush(steps, (now + HALFWAY, writer, f"answer {items - left}", left))
        elif step.startswith("answer"):
            rate.took(int(step.split()[1]), items, now)
            pause = draw.random() * 0.1 if items else 0.0
            heapq.heappush(steps, (now + pause, writer, "ask", items))


@pytest.mark.parametrize("limit", [4, 25, 100, 1000, 4000])
def test_a_load_uses_nine_tenths_of_a_tables_limit_and_few_requests_are_refused(limit: int) -> None:
    table = Table(limit)
    write(table, AdaptiveRate(), 0, 120)
    used, refused = table.shares(20, 120)
    assert used >= (0.9 if limit >= 25 else 0.8)  # a table so small takes whole items only
    assert refused < 0.05


@pytest.mark.parametrize("limit", [25, 1000])
def test_a_table_that_had_saved_up_units_for_five_minutes_is_asked_for_no_more_than_its_limit_after_that(
    limit: int,
) -> None:
    table = Table(limit, burst=300)
    write(table, AdaptiveRate(), 0, 300)
    used, refused = table.shares(200, 300)
    assert used >= 0.9
    assert refused < 0.05


@pytest.mark.parametrize("outage", [0.0, 5.0])
def test_refusals_before_much_was_taken_are_made_good_within_two_minutes(outage: float) -> None:
    table, rate = Table(1000), AdaptiveRate()
    for now in (0.0, outage):
        rate.due(25, now)
        rate.took(0, 25, now)
    write(table, rate, outage, 150)
    used, refused = table.shares(120, 150)
    assert used >= 0.9
    assert refused < 0.05


def test_a_limit_that_is_lowered_or_raised_is_found() -> None:
    table, rate = Table(200), AdaptiveRate()
    write(table, rate, 0, 60)
    for limit, begun, end in ((1000, 60, 180), (300, 180, 300)):
        table.set(limit)
        write(table, rate, begun, end)
        used, refused = table.shares(end - 30, end)
        assert used >= 0.9
        assert refused < 0.05


def test_a_table_that_stops_refusing_is_not_asked_for_more_than_can_be_sent() -> None:
    table, rate = Table(100), AdaptiveRate()
    write(table, rate, 0, 60)
    table.set(1e12)
    write(table, rate, 60, 600)
    sendable = 8 * 25 / (2 * HALFWAY)
    assert rate.items_per_second is not None
    assert sendable / 2 < rate.items_per_second < sendable * 2


def test_a_pause_is_no_time_in_which_the_table_took_nothing() -> None:
    table, rate = Table(1000), AdaptiveRate()
    write(table, rate, 0, 30)
    write(table, rate, 80, 110)
    used, refused = table.shares(85, 110)
    assert used >= 0.9
    assert refused < 0.1
