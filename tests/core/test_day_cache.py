"""Days that are kept: finished ones, for a while, as long as none of their records expires."""

import pytest

from aqi_service.core.day_cache import KEPT_SECONDS, DayCache
from aqi_service.core.days import Day
from aqi_service.core.times import DAY

DAY_5 = Day(5, 3)
LATER = 100.0 * DAY


def test_a_finished_day_is_kept_for_a_while() -> None:
    cache = DayCache()
    cache.put(141, DAY_5, 7.0, LATER)
    assert cache.get(141, 5, 7.0 + KEPT_SECONDS - 1, LATER) is DAY_5
    assert cache.get(141, 6, 7.0, LATER) is cache.get(142, 5, 7.0, LATER) is None
    assert cache.get(141, 5, 7.0 + KEPT_SECONDS, LATER) is None
    assert len(cache) == 0


@pytest.mark.parametrize(("ages", "kept"), [(7 * DAY - 1, 0), (7 * DAY, 1), (7 * DAY + 0.5, 1), (5 * DAY, 0)])
def test_a_day_is_finished_a_day_after_its_end(ages: float, kept: int) -> None:
    cache = DayCache()
    cache.put(141, DAY_5, 0.0, ages)
    assert len(cache) == kept


def test_a_day_of_which_a_record_has_expired_since_is_read_again() -> None:
    cache = DayCache()
    cache.put(141, DAY_5._replace(expires_at=int(LATER) + 10), 0.0, LATER)
    assert cache.get(141, 5, 1.0, LATER + 9) is not None
    assert cache.get(141, 5, 1.0, LATER + 10) is None
    assert len(cache) == 0


def test_of_too_many_days_the_one_that_was_not_asked_for_longest_leaves() -> None:
    cache = DayCache(most=3)
    for number in (1, 2, 3):
        cache.put(141, Day(number), 0.0, LATER)
    cache.get(141, 1, 0.0, LATER)
    cache.put(141, Day(4), 0.0, LATER)
    assert [number for number in range(6) if cache.get(141, number, 0.0, LATER)] == [1, 3, 4]


def test_a_day_that_is_read_again_takes_the_place_of_the_older_one_and_no_more() -> None:
    cache = DayCache(most=2)
    for hours in (1, 2, 3):
        cache.put(141, DAY_5._replace(hours=hours), float(hours), LATER)
    assert (len(cache), cache.get(141, 5, 3.0, LATER)) == (1, DAY_5)


def test_nothing_is_kept_of_a_table_that_is_gone() -> None:
    cache = DayCache()
    cache.put(141, DAY_5, 0.0, LATER)
    cache.clear()
    assert cache.get(141, 5, 0.0, LATER) is None
