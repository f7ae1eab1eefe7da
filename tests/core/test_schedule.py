"""When the next load begins, when a failed one is repeated, how long a throttled request waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.schedule import full_jitter, next_start, retry_start
from tests.doubles.documents import QUICK

CHANCES = st.floats(0, 1, exclude_max=True)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("now", "chance", "start"),
    [
        (1_100, 0.0, 4_600),
        (1_100, 0.5, 4_780),
        (4_600, 0.0, 4_600),
        (4_601, 0.0, 8_200),
        (8_200, 0.0, 8_200),
        (12_000, 0.25, 15_490),
        (1_000_000, 0.0, 1_001_800),
    ],
)
def test_the_next_load_begins_an_interval_after_the_last_and_what_was_missed_is_not_made_up_for(
    now: float, chance: float, start: float
) -> None:
    assert next_start(1_000, now, HOUR, chance) == start


@QUICK
@given(st.integers(0, 10**6), st.integers(0, 10**7), st.integers(1, 10**5), CHANCES)
def test_the_next_start_is_never_past_and_at_most_an_interval_and_its_jitter_ahead(
    previous: int, since: int, interval: int, chance: float
) -> None:
    now = previous + since
    start = next_start(previous, now, interval, chance)
    due = next_start(previous, now, interval, 0)
    assert now <= due <= start <= due + interval / 10
    assert due <= now + interval
    assert due - previous >= interval
    assert (due - previous) % interval == 0


def test_a_failed_load_is_repeated_after_1_2_4_minutes_and_at_most_the_interval() -> None:
    waits = [retry_start(500, failures, HOUR, None, 0) - 500 for failures in (1, 2, 3, 4, 5, 6, 7, 8, 1000)]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert retry_start(0, 3, 200, None, 0) == 200


@pytest.mark.parametrize(("failures", "chance", "wait"), [(1, 0.5, 63), (2, 0.5, 126), (3, 0.25, 246)])
def test_repetitions_are_spread_over_a_tenth_behind_their_time(
    failures: int, chance: float, wait: float
) -> None:
    assert retry_start(500, failures, HOUR, None, chance) == pytest.approx(500 + wait)


@pytest.mark.parametrize(
    ("failures", "asked", "wait"),
    [(1, 0, 60), (1, 59, 60), (1, 90, 90), (3, 90, 240), (1, 3600, 3600), (1, 10**9, 3600)],
)
def test_the_sources_retry_after_is_honoured_up_to_an_hour(failures: int, asked: float, wait: float) -> None:
    assert retry_start(0, failures, HOUR, asked, 0) == wait
    assert retry_start(0, failures, 300, asked, 0) == max(min(asked, 3600), min(wait, 300))


@QUICK
@given(st.integers(1, 100), st.floats(300, 10**6), st.none() | st.floats(0, 10**7), CHANCES)
def test_a_failed_load_is_repeated_near_its_time_but_not_before_the_source_asked(
    failures: int, interval: float, asked: float | None, chance: float
) -> None:
    wait = max(min(60.0 * 2 ** (failures - 1), interval), min(asked or 0, HOUR))
    start = retry_start(0, failures, interval, asked, chance)
    assert max(0.9 * wait, min(asked or 0, HOUR)) <= start <= 1.1 * wait + 1e-6


@pytest.mark.parametrize("interval", [300.0, 3600.0])
@pytest.mark.parametrize("failures", [4, 10, 50])
def test_a_failed_load_is_repeated_at_the_latest_after_the_interval_also_with_jitter(
    failures: int, interval: float
) -> None:
    assert retry_start(0, failures, interval, None, 0.999) <= interval


@QUICK
@given(st.integers(1, 10**6), CHANCES)
def test_a_throttled_request_waits_anywhere_up_to_an_edge_that_doubles_to_20_seconds(
    attempt: int, chance: float
) -> None:
    edge = min(20.0, 0.05 * 2 ** (min(attempt, 20) - 1))
    assert full_jitter(attempt, chance) == pytest.approx(chance * edge)
    assert full_jitter(attempt, 0.0) == 0
    assert full_jitter(attempt, chance, base=1, cap=3) <= min(3, 2 ** min(attempt - 1, 2))


@pytest.mark.parametrize(("attempt", "edge"), [(1, 0.05), (2, 0.1), (3, 0.2), (4, 0.4), (9, 12.8), (10, 20)])
def test_a_wait_s_edge_doubles_from_50_ms_to_20_s(attempt: int, edge: float) -> None:
    assert full_jitter(attempt, 1.0) == pytest.approx(edge)
