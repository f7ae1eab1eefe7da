"""The budget of read units: how long readers wait, and how much they get over any time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.read_budget import ReadBudget
from tests.doubles.documents import QUICK


def test_a_bucket_that_nobody_used_lets_a_page_begin_at_once_at_any_time() -> None:
    for now in (0.0, 1e9):
        assert ReadBudget(200).wait(now) == 0


def test_a_debt_is_waited_for_as_long_as_it_takes_to_flow_in() -> None:
    budget = ReadBudget(200)
    budget.spend(300, 50.0)
    assert budget.wait(50.0) == pytest.approx(0.5025)
    assert budget.wait(50.25) == pytest.approx(0.2525)
    assert budget.wait(50.6) == 0


def test_a_long_pause_fills_the_bucket_and_not_more() -> None:
    budget = ReadBudget(200)
    budget.wait(0.0)
    budget.spend(200, 1000.0)
    assert budget.wait(1000.0) == pytest.approx(0.0025)


def test_pages_that_cost_nothing_never_wait() -> None:
    budget = ReadBudget(1)
    for _ in range(1000):
        budget.spend(0.0, 7.0)
        assert budget.wait(7.0) == 0
    assert budget.spent == 0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    budget = ReadBudget(10)
    budget.spend(30, 100.0)
    waits = [budget.wait(now) for now in (100.0, 90.0, 90.0)]
    assert waits == pytest.approx([2.05] * 3)


@QUICK
@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.floats(0, 3), st.lists(st.floats(0, 25), max_size=8)), max_size=40),
)
def test_over_any_time_no_more_is_read_than_flowed_in_and_the_bucket_and_what_was_under_way(
    rate: int, moments: list[tuple[float, list[float]]]
) -> None:
    budget, now, read = ReadBudget(rate), 0.0, [(0.0, 0.0)]
    for pause, pages in moments:
        now += pause
        if budget.wait(now) == 0:
            for units in pages:  # all of them began before any of them was paid
                budget.spend(units, now)
                read.append((now, units))
    for first, (begin, _) in enumerate(read):
        for last in range(first, len(read)):
            spent = sum(units for _, units in read[first : last + 1])
            assert spent <= rate * (read[last][0] - begin) + rate + 8 * 25 + 1e-6
    assert budget.spent == pytest.approx(sum(units for _, units in read))


@QUICK
@given(st.integers(1, 300), st.floats(0, 1000))
def test_who_waits_as_long_as_is_said_may_read(rate: int, debt: float) -> None:
    budget = ReadBudget(rate)
    budget.spend(rate + debt, 5.0)
    assert budget.wait(5.0 + budget.wait(5.0) + 1e-6) == 0


def test_a_rest_too_small_to_be_waited_for_is_no_reason_to_ask_again_at_once() -> None:
    budget = ReadBudget(200)
    budget.spend(199.5 + 1e-9, 1000.0)
    assert budget.wait(1000.0) == 0.001
