"""When a clock cannot be right, what ages count from, and which names count."""

import time
from datetime import date

import pytest

import aqi_service
from aqi_service.core.clocks import (
    NAMED_UNTIL,
    RELEASED,
    TOLERANCE,
    ages_from,
    ahead,
    check_time,
    clock_trouble,
    current,
    is_ahead,
)
from aqi_service.core.items import Item, Verdict, dated, judge
from aqi_service.core.snapshot_names import can_name, snapshot_name
from aqi_service.errors import ClockOff

NOW = 1_829_325_665.0
"""2027-12-20T18:01:05Z."""


def test_the_day_of_the_release_is_a_day_and_not_in_the_future() -> None:
    day = date.fromisoformat(aqi_service.__released__)
    assert (day.isoformat(), day.toordinal() - date(1970, 1, 1).toordinal()) == (
        aqi_service.__released__,
        RELEASED // 86_400,
    )
    assert time.time() >= RELEASED


@pytest.mark.parametrize(
    ("now", "heard", "off"),
    [
        (0.0, None, True),
        (0.0, 0.0, True),
        (RELEASED - 1, None, True),
        (RELEASED, None, False),
        (NOW, None, False),
        (NOW, NOW - TOLERANCE, False),
        (NOW, NOW + TOLERANCE, False),
        (NOW, NOW - TOLERANCE - 1, True),
        (NOW, NOW + TOLERANCE + 1, True),
        (-1e15, NOW, True),
        (NOW, 1e15, True),
        (NAMED_UNTIL - 1, None, False),
        (NAMED_UNTIL, None, True),
        (NAMED_UNTIL, NAMED_UNTIL, True),
        (2.0**32 - 1, None, True),
    ],
)
def test_a_clock_is_off_before_the_release_from_2100_on_and_over_an_hour_from_a_second_one(
    now: float, heard: float | None, off: bool
) -> None:
    trouble = clock_trouble(now, heard=heard)
    assert (trouble is not None) == off
    assert trouble is None or trouble.startswith("clock_off: ")


def test_the_last_time_of_a_clock_is_one_that_a_name_can_say() -> None:
    assert [can_name(NAMED_UNTIL - 1), can_name(NAMED_UNTIL)] == [True, False]


@pytest.mark.parametrize(("seconds", "counts"), [(-(10**8), True), (0, True), (3600, True), (3601, False)])
def test_a_name_counts_up_to_an_hour_ahead(seconds: int, counts: bool) -> None:
    assert is_ahead(NOW + seconds, NOW) is not counts
    if counts:
        check_time(NOW + seconds, NOW)
    else:
        with pytest.raises(ClockOff, match="clock_off: the snapshot is of 2027"):
            check_time(NOW + seconds, NOW)


def test_the_names_that_count_and_those_that_are_ahead_are_told_apart_and_others_left_out() -> None:
    past, future = snapshot_name(NOW - 60), snapshot_name(NOW + 86_400)
    of_1970 = snapshot_name(0)
    names = [past, future, of_1970, "data_99_99_27_00_00.json"]
    assert current(names, NOW) == [past]
    assert ahead(names, NOW) == [future, of_1970]


@pytest.mark.parametrize(("newest", "ages"), [(None, NOW), (NOW + 5, NOW), (NOW - 5, NOW - 5)])
def test_ages_count_from_the_newest_record_where_that_is_older(newest: float | None, ages: float) -> None:
    assert ages_from(NOW, newest) == ages


def test_an_item_that_a_wrong_clock_dated_is_older_than_any_of_the_same_measurement() -> None:
    stored = Item("1", pm25="1", measured_at=5, snapshot_at=int(NOW) + 86_400)
    new = Item("1", pm25="2", measured_at=5, snapshot_at=int(NOW))
    assert judge(new, stored) is Verdict.SUPERSEDED
    assert judge(new, dated(stored, NOW)) is Verdict.STORE
    assert judge(new._replace(measured_at=4), dated(stored, NOW)) is Verdict.SUPERSEDED
    assert judge(stored._replace(snapshot_at=int(NOW)), dated(stored, NOW)) is Verdict.UNCHANGED
    assert dated(new, NOW) is new
    within = stored._replace(snapshot_at=int(NOW) + 3000)
    assert dated(within, NOW) is within
