"""What each answer of a table does to the rate at which it is asked, by exact figures."""

import pytest

from aqi_service.storage.aws.dynamodb_rate import FORGET_SECONDS, AdaptiveRate


def test_where_nothing_is_refused_nothing_waits() -> None:
    rate = AdaptiveRate()
    for now in range(1000):
        assert rate.due(25, now) == 0
        rate.took(25, 0, now)
    assert rate.items_per_second is None
    assert rate.most(25) == 25


def test_after_a_first_refusal_it_asks_for_what_was_taken_until_then_a_second() -> None:
    rate = AdaptiveRate()
    rate.due(500, 10)
    rate.took(400, 100, 14)
    assert rate.items_per_second == pytest.approx(97)
    pause = 25 / 97
    assert rate.due(10, 14) == pytest.approx(pause)
    assert rate.due(10, 14) == pytest.approx(pause + 10 / 97)


def test_refusals_that_follow_at_once_change_nothing() -> None:
    rate = AdaptiveRate()
    rate.due(25, 0)
    rate.took(0, 25, 0)
    assert rate.items_per_second == 25
    for now in (0.1, 0.5, 0.9, 3.9):
        rate.took(0, 25, now)
        assert rate.items_per_second == 25
    rate.took(0, 25, 4)
    assert rate.items_per_second == 1


def test_a_request_has_no_more_items_than_the_table_takes_in_a_second() -> None:
    rate = AdaptiveRate()
    rate.due(25, 0)
    rate.took(0, 25, 0)
    rate.took(20, 5, 5)
    assert rate.items_per_second == pytest.approx(3.88)
    assert rate.most(25) == 3
    assert rate.most(2) == 2


def test_after_a_minute_without_a_write_the_limit_is_found_anew() -> None:
    rate = AdaptiveRate()
    rate.due(25, 0)
    rate.took(0, 25, 0)
    rate.due(25, FORGET_SECONDS)
    assert rate.items_per_second == 25
    assert rate.due(25, 2 * FORGET_SECONDS + 3) == 0
    assert rate.items_per_second is None


def refused_at(now: float, taken: int = 0) -> AdaptiveRate:
    """Give a rate whose table took so many items at once, and then refused one."""
    rate = AdaptiveRate()
    rate.due(taken + 1, now)
    rate.took(taken, 1, now)
    return rate


def held_back(rate: AdaptiveRate, now: float, requests: int) -> None:
    """Have so many requests of one item, each of which is waited for, taken whole."""
    rate.due(100_000, now)
    for _ in range(requests):
        rate.took(1, 0, now)


@pytest.mark.parametrize(("seconds", "found"), [(0.0, 388), (0.5, 388), (1.0, 388), (1.5, 388 / 1.5)])
def test_what_was_taken_in_less_than_a_second_was_taken_in_one(seconds: float, found: float) -> None:
    rate = AdaptiveRate()
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
    assert AdaptiveRate().most(25) == 25
    assert AdaptiveRate().due(25, 100) == 0


@pytest.mark.parametrize(("late", "next_in"), [(0.0, 1.0), (0.05, 0.95), (0.1, 0.9), (0.5, 0.9)])
def test_who_asks_a_little_after_its_turn_holds_the_next_up_by_that_much_less(
    late: float, next_in: float
) -> None:
    rate = refused_at(100)
    assert rate.due(25, 101 + late) == 0
    assert rate.due(25, 101 + late) == pytest.approx(next_in)
