"""How fast items go to a table that refuses some: near its limit, and seldom over it.

The table is a bucket of write units that fills at its limit, as AWS describes it; time is simulated.
"""

import heapq
from random import Random

import pytest

from aqi_service.storage.rate import FORGET_SECONDS, Rate

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


def write(table: Table, rate: Rate, begun: float, until: float, writers: int = 8) -> None:
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
    write(table, Rate(), 0, 120)
    used, refused = table.shares(20, 120)
    assert used >= (0.9 if limit >= 25 else 0.8)  # a table so small takes whole items only
    assert refused < 0.05


@pytest.mark.parametrize("limit", [25, 1000])
def test_a_table_that_had_saved_up_units_for_five_minutes_is_asked_for_no_more_than_its_limit_after_that(
    limit: int,
) -> None:
    table = Table(limit, burst=300)
    write(table, Rate(), 0, 300)
    used, refused = table.shares(200, 300)
    assert used >= 0.9
    assert refused < 0.05


@pytest.mark.parametrize("outage", [0.0, 5.0])
def test_refusals_before_much_was_taken_are_made_good_within_two_minutes(outage: float) -> None:
    table, rate = Table(1000), Rate()
    for now in (0.0, outage):
        rate.due(25, now)
        rate.took(0, 25, now)
    write(table, rate, outage, 150)
    used, refused = table.shares(120, 150)
    assert used >= 0.9
    assert refused < 0.05


def test_a_limit_that_is_lowered_or_raised_is_found() -> None:
    table, rate = Table(200), Rate()
    write(table, rate, 0, 60)
    for limit, begun, end in ((1000, 60, 180), (300, 180, 300)):
        table.set(limit)
        write(table, rate, begun, end)
        used, refused = table.shares(end - 30, end)
        assert used >= 0.9
        assert refused < 0.05


def test_a_table_that_stops_refusing_is_not_asked_for_more_than_can_be_sent() -> None:
    table, rate = Table(100), Rate()
    write(table, rate, 0, 60)
    table.set(1e12)
    write(table, rate, 60, 600)
    sendable = 8 * 25 / (2 * HALFWAY)
    assert rate.items_per_second is not None
    assert sendable / 2 < rate.items_per_second < sendable * 2


def test_a_pause_is_no_time_in_which_the_table_took_nothing() -> None:
    table, rate = Table(1000), Rate()
    write(table, rate, 0, 30)
    write(table, rate, 80, 110)
    used, refused = table.shares(85, 110)
    assert used >= 0.9
    assert refused < 0.1


def test_where_nothing_is_refused_nothing_waits() -> None:
    rate = Rate()
    for now in range(1000):
        assert rate.due(25, now) == 0
        rate.took(25, 0, now)
    assert rate.items_per_second is None
    assert rate.most(25) == 25


def test_after_a_first_refusal_it_asks_for_what_was_taken_until_then_a_second() -> None:
    rate = Rate()
    rate.due(500, 10)
    rate.took(400, 100, 14)
    assert rate.items_per_second == pytest.approx(97)
    pause = 25 / 97
    assert rate.due(10, 14) == pytest.approx(pause)
    assert rate.due(10, 14) == pytest.approx(pause + 10 / 97)


def test_refusals_that_follow_at_once_change_nothing() -> None:
    rate = Rate()
    rate.due(25, 0)
    rate.took(0, 25, 0)
    assert rate.items_per_second == 25
    for now in (0.1, 0.5, 0.9, 3.9):
        rate.took(0, 25, now)
        assert rate.items_per_second == 25
    rate.took(0, 25, 4)
    assert rate.items_per_second == 1


def test_a_request_has_no_more_items_than_the_table_takes_in_a_second() -> None:
    rate = Rate()
    rate.due(25, 0)
    rate.took(0, 25, 0)
    rate.took(20, 5, 5)
    assert rate.items_per_second == pytest.approx(3.88)
    assert rate.most(25) == 3
    assert rate.most(2) == 2


def test_after_a_minute_without_a_write_the_limit_is_found_anew() -> None:
    rate = Rate()
    rate.due(25, 0)
    rate.took(0, 25, 0)
    rate.due(25, FORGET_SECONDS)
    assert rate.items_per_second == 25
    assert rate.due(25, 2 * FORGET_SECONDS + 3) == 0
    assert rate.items_per_second is None


def refused_at(now: float, taken: int = 0) -> Rate:
    """Give a rate whose table took so many items at once, and then refused one."""
    rate = Rate()
    rate.due(taken + 1, now)
    rate.took(taken, 1, now)
    return rate


def held_back(rate: Rate, now: float, requests: int) -> None:
    """Have so many requests of one item, each of which is waited for, taken whole."""
    rate.due(100_000, now)
    for _ in range(requests):
        rate.took(1, 0, now)


@pytest.mark.parametrize(("seconds", "found"), [(0.0, 388), (0.5, 388), (1.0, 388), (1.5, 388 / 1.5)])
def test_what_was_taken_in_less_than_a_second_was_taken_in_one(seconds: float, found: float) -> None:
    rate = Rate()
    rate.due(401, 100)
    rate.took(150, 0, 100)
    rate.took(250, 1, 100 + seconds)
    assert rate.items_per_second == pytest.approx(found)


@pytest.mark.parametrize(
    ("seconds", "taken", "found"),
    [
        (0.99, 1000, 97),
        (1.0, 99, 97),
        (1.0, 100, 97),
        (1.0, 200, 194),
        (3.9, 99, 97),
        (4.0, 60, 14.55),
        (4.0, 4, 1),
    ],
)
def test_a_later_refusal_tells_the_limit_after_a_second_and_100_items_or_after_four_seconds(
    seconds: float, taken: int, found: float
) -> None:
    rate = refused_at(100, taken=100)
    rate.took(taken, 1, 100 + seconds)
    assert rate.items_per_second == pytest.approx(found)


@pytest.mark.parametrize(("taken", "hold"), [(0, 10), (100, 100)])
def test_it_grows_after_a_hold_that_is_short_when_the_refusal_said_little(taken: int, hold: int) -> None:
    rate = refused_at(100, taken)
    first = rate.items_per_second
    assert first is not None
    held_back(rate, 100, hold)
    assert rate.items_per_second == first
    held_back(rate, 100, 1)
    assert rate.items_per_second == pytest.approx(first * 1.0025)


def test_each_further_hold_doubles_its_growth_up_to_a_twentieth() -> None:
    rate = refused_at(100)
    held_back(rate, 100, 10)
    expected = 25.0
    for growth in [0.0025] * 9 + [0.005] * 10 + [0.01] * 10 + [0.02] * 10 + [0.04] * 10 + [0.05] * 30:
        held_back(rate, 100, 1)
        expected *= 1 + growth
        assert rate.items_per_second == pytest.approx(expected)


def test_a_request_that_need_not_wait_begins_the_hold_anew() -> None:
    rate = refused_at(100)
    for _ in range(10):
        rate.took(1, 0, 100.5)
    rate.took(1, 0, 101)
    assert rate.due(25, 101) == 0
    for _ in range(10):
        rate.took(1, 0, 101.5)
    assert rate.items_per_second == 25
    rate.took(1, 0, 101.5)
    assert rate.items_per_second == pytest.approx(25.0625)


def test_a_refusal_begins_the_hold_anew() -> None:
    rate = refused_at(100)
    held_back(rate, 100, 10)
    rate.took(0, 1, 100.5)
    held_back(rate, 100, 10)
    assert rate.items_per_second == 25
    held_back(rate, 100, 1)
    assert rate.items_per_second == pytest.approx(25.0625)


@pytest.mark.parametrize(
    ("last", "seconds", "again", "found"),
    [
        (20, 3.9, 4.0, 4.85),  # not long enough: all that was taken since the refusal counts
        (20, 4.0, 7.9, None),  # counted anew from here
        (20, 4.0, 8.0, 9.7),
        (11, 4.0, 4.0, 2.6675),  # inside a hold nothing begins anew
        (21, 4.0, 4.0, 5.0925),
    ],
)
def test_what_was_taken_is_counted_anew_with_each_hold_that_ends_long_after_a_refusal(
    last: int, seconds: float, again: float, found: float | None
) -> None:
    rate = refused_at(100)
    held_back(rate, 100, last - 1)
    rate.took(1, 0, 100 + seconds)
    before = rate.items_per_second
    rate.took(40 if again >= 7 else 0, 1, 100 + again)
    assert rate.items_per_second == pytest.approx(before if found is None else found)


@pytest.mark.parametrize(("begun", "found"), [(101.5, 97 / 3), (102.0, 97 / 3), (102.25, 97 / 1.75)])
def test_up_to_a_second_without_a_write_is_no_pause(begun: float, found: float) -> None:
    rate = refused_at(100)
    rate.due(1, begun)
    rate.took(100, 1, 103)
    assert rate.items_per_second == pytest.approx(found)


def test_a_minute_is_counted_from_when_the_last_request_could_go_out() -> None:
    rate = refused_at(100)
    rate.due(1, 101 + FORGET_SECONDS)
    assert rate.items_per_second == 25


def test_once_forgotten_the_limit_is_learned_from_what_was_taken_since() -> None:
    rate = refused_at(100, taken=7)
    rate.due(401, 200)
    rate.took(400, 1, 204)
    assert rate.items_per_second == pytest.approx(97)


def test_after_a_refusal_the_table_saves_up_for_one_request() -> None:
    rate = refused_at(100, taken=100)
    assert rate.due(1, 100) == pytest.approx(25 / 97)
    rate.took(4, 1, 104)
    assert rate.items_per_second == 1
    assert rate.most(25) == 1
    assert rate.due(1, 104) == pytest.approx(1)


def test_before_the_first_write_any_request_may_go_out() -> None:
    assert Rate().most(25) == 25
    assert Rate().due(25, 100) == 0
