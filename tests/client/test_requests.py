"""The words of requests, and a long time in parts: what is asked for is what was meant, all of it, once."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.client import Choice
from aqi_service.client.requests import MOST_DAYS, USUAL_DAYS, Number, over_time, request, windows
from aqi_service.core.request_words import read_request
from aqi_service.core.requests import DaysRequest, HistoryRequest
from aqi_service.core.times import DAY, EARLIEST
from aqi_service.errors import BadQuestion

NOW = 20_000 * DAY
MINUTE = 60
MINUTES = st.integers(EARLIEST // MINUTE, NOW // MINUTE).map(lambda minute: minute * MINUTE)


@pytest.mark.parametrize(
    ("number", "word"),
    [(1e-05, "0.00001"), (-33.9, "-33.9"), (Decimal("1E+2"), "100"), (48, "48"), ("9.180", "9.180")],
)
def test_a_number_goes_out_as_plain_decimal_text(number: Number, word: str) -> None:
    assert request("near", number, 9, 5) == f"near {word} 9 5"


def test_the_choice_comes_last() -> None:
    choice = Choice(indoor=True, clean=True, scale="us-epa")
    assert request("country", "DE", choice=choice) == "country DE indoor clean scale us-epa"


@pytest.mark.parametrize("word", ["DE indoor", "", "DE\n", "x" * 1025, "\udcff", float("nan"), float("inf")])
def test_what_would_be_another_request_is_none(word: Number) -> None:
    with pytest.raises(BadQuestion):
        request("country", word)


@given(st.sampled_from(["history", "days"]), MINUTES, MINUTES)
def test_the_parts_of_a_time_are_all_of_it_and_the_server_takes_each(name: str, one: int, other: int) -> None:
    since, until = min(one, other), max(one, other) + MINUTE
    there = since
    for text in over_time(name, 7, (since, until), NOW):
        asked = read_request(text.encode(), NOW)
        assert isinstance(asked, HistoryRequest | DaysRequest)
        assert (asked.sensor_id, asked.since) == (7, there)
        there = asked.until
    assert there == until


@pytest.mark.parametrize("off", [1 - DAY, 0, DAY - 1])
@pytest.mark.parametrize(("name", "before"), [("history", range(2, 100)), ("days", range(380, 850))])
def test_without_an_end_the_server_takes_each_part_though_its_clock_is_a_day_off(
    name: str, before: range, off: int
) -> None:
    for days, minutes in product(before, (0, 1)):
        there, now = NOW - days * DAY - minutes * MINUTE, NOW + off
        for text in over_time(name, 7, (there, None), NOW):
            asked = read_request(text.encode(), now)
            assert isinstance(asked, HistoryRequest | DaysRequest)
            assert asked.since == there
            there = asked.until
        assert there == now


def test_an_end_far_ahead_is_now_and_nothing_is_asked_before_any_sensor_was() -> None:
    assert list(windows((NOW - 5 * DAY, 9 * NOW), NOW, 31, 7)) == [(NOW - 5 * DAY,)]
    assert list(windows((0, EARLIEST + DAY), NOW, 31, 7)) == [(EARLIEST, EARLIEST + DAY)]
    assert list(windows((0, EARLIEST), NOW, 31, 7)) == []


def test_an_end_alone_is_the_usual_days_before_it() -> None:
    for name, days in USUAL_DAYS.items():
        assert list(windows((None, NOW), NOW, MOST_DAYS[name], days)) == [(NOW - days * DAY, NOW)]


def test_a_time_that_ends_before_it_begins_is_none() -> None:
    with pytest.raises(BadQuestion, match="not before"):
        list(windows((NOW, NOW), NOW, 31, 7))
