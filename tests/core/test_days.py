"""A sensor's days: which record stands for one, in how many hours there is any, and which are read at all."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.days import DAYS_HEADER, Day, DayBuilder, day_row, days_between, gaps
from aqi_service.core.items import Item
from aqi_service.core.scales import DAQI, US_EPA
from aqi_service.core.scoring import Scale, score
from aqi_service.core.times import DAY, feed_time
from tests.doubles.documents import QUICK
from tests.doubles.storage_items import FULL

FIRST = 19_711
"""The 20th of December 2023."""


def record(time: str, number: int = 1, pm25: str | None = "9.5", expires_at: int | None = None) -> Item:
    """Give a record of that day's time, or of one that is written with its date."""
    written = time if " " in time else f"2023-12-20 {time}"
    return FULL._replace(
        id=str(number),
        timestamp=written,
        measured_at=feed_time(written),
        pm25=pm25,
        expires_at=expires_at,
    )


def days(items: Sequence[Item], numbers: range = range(FIRST, FIRST + 1), page: int = 7) -> list[Day]:
    """Fold records a page at a time."""
    builder = DayBuilder(numbers)
    found = [day for at in range(0, len(items), page) for day in builder.add(items[at : at + page])]
    return found + builder.close()


def cells(row: bytes) -> dict[str, str]:
    (found,) = csv.DictReader(io.StringIO(DAYS_HEADER + row.decode(), newline=""))
    return found


@pytest.mark.parametrize(
    ("last", "stands"), [("21:59:59", False), ("22:00:00", True), ("23:59:59", True), ("00:00:00", False)]
)
def test_the_last_record_stands_for_the_day_if_it_is_of_22_or_later(last: str, stands: bool) -> None:
    [day] = days([record("00:00:00"), record(last, 2)])
    assert day.last == (record(last, 2) if stands else None)


def test_of_records_of_one_second_the_higher_id_stands_for_the_day_in_whatever_order_they_come() -> None:
    same = [record("23:00:00", number) for number in (9, 10, 8)]
    assert {days(order)[0].last for order in (same, same[::-1])} == {same[1]}


def test_hours_are_counted_once_each() -> None:
    times = ("00:00:00", "00:59:59", "01:00:00", "13:30:00", "13:31:00", "23:59:59")
    assert days([record(time, number) for number, time in enumerate(times)])[0].hours == 4
    whole = [record(f"{hour:02}:{minute:02}:00") for hour in range(24) for minute in range(0, 60, 5)]
    assert days(whole)[0].hours == 24


def test_a_record_of_midnight_is_of_the_day_that_begins() -> None:
    found = days([record("2023-12-21 00:00:00")], range(FIRST, FIRST + 2))
    assert [day.hours for day in found] == [0, 1]


def test_a_day_is_another_when_the_first_of_its_records_expires() -> None:
    items = [
        record("01:00:00", 1, expires_at=70),
        record("02:00:00", 2, expires_at=60),
        record("03:00:00", 3),
    ]
    assert days(items)[0].expires_at == 60
    assert days(items[2:])[0].expires_at is None


def test_the_mean_out_of_daily_files_stands_for_the_day_and_says_how_many_hours_it_has() -> None:
    late = record("23:59:59", 28_000_000_000, pm25="60")
    mean = record("23:59:59", 9202312200000000141)._replace(hours_p25="20", hours_p10="18")
    for order in ([late, mean], [mean, late], [record("22:00:00", 1), mean], [mean]):
        [day] = days(order)
        assert (day.last, day.hours) == (mean, 20)
    row = cells(day_row(141, day, None))
    assert (row["hours"], row["hours_p25"], row["hours_p10"]) == ("20", "20", "18")
    of_pm10_alone = mean._replace(pm25=None, hours_p25=None)
    assert days([late, of_pm10_alone])[0][1:3] == (18, of_pm10_alone)


def test_a_row_says_of_a_day_what_its_last_record_says() -> None:
    [day] = days([record("05:00:00", 1, pm25="60"), record("22:30:00", 2, pm25="12.5")])
    assert cells(day_row(141, day, None)) == {
        "sensor_id": "141", "date": "2023-12-20", "hours": "2", "P2.5": "12.5", "P10": "12", "AQI": "1",
        "AQI_range": "Low", "AQI_pollutant": "P2.5", "scale": "daqi", "id": "2",
        "timestamp": "2023-12-20 22:30:00", "hours_p25": "", "hours_p10": "",
    }  # fmt: skip


def test_a_row_of_a_day_without_a_late_record_has_sensor_date_and_hours_alone() -> None:
    [day] = days([record("05:00:00")])
    assert day_row(141, day, US_EPA) == b"141,2023-12-20,1,,,,,,,,,,\r\n"


@pytest.mark.parametrize("wanted", [DAQI, US_EPA])
@pytest.mark.parametrize("scored_on", ["daqi", "report", None])
def test_a_row_is_scored_on_the_scale_that_is_asked_for(wanted: Scale, scored_on: str | None) -> None:
    [day] = days([record("23:00:00", pm25="36.4")._replace(scale=scored_on, aqi="7")])
    found = cells(day_row(141, day, wanted))
    right = score(wanted, "12", "36.4")
    said = (str(right.aqi), right.band, right.pollutant, wanted.name)
    stored = ("7", "Low", "P2.5", "daqi")
    assert tuple(found[name] for name in ("AQI", "AQI_range", "AQI_pollutant", "scale")) == (
        stored if scored_on == wanted.name else said
    )


def test_a_text_that_a_spreadsheet_would_run_is_made_harmless() -> None:
    [day] = days([record("23:00:00")._replace(timestamp="=1+1")])
    assert cells(day_row(141, day, None))["timestamp"] == "'=1+1"


@QUICK
@given(st.integers(-5 * DAY, 5 * DAY), st.integers(0, 5 * DAY))
def test_the_days_of_a_range_are_those_whose_midnight_is_in_it(since: int, length: int) -> None:
    until = since + length
    found = days_between(since, until)
    assert list(found) == [number for number in range(-6, 11) if since <= number * DAY < until]


@QUICK
@given(st.integers(0, 12), st.integers(0, 12), st.sets(st.integers(0, 12)))
def test_gaps_are_the_runs_of_what_is_not_there(start: int, stop: int, present: set[int]) -> None:
    runs = list(gaps(range(start, stop), present))
    assert [number for run in runs for number in run] == [n for n in range(start, stop) if n not in present]
    assert all(runs)
    assert all(before.stop < after.start for before, after in pairwise(runs))


RECORDS = st.lists(
    st.tuples(st.integers(-DAY, 6 * DAY), st.none() | st.integers(1, 3)),
    max_size=40,
    unique_by=lambda r: r[0],
)


@QUICK
@given(RECORDS, st.integers(0, 5), st.integers(0, 5), st.integers(1, 9))
def test_days_folded_page_by_page_are_those_of_a_naive_count(
    records: list[tuple[int, int | None]], start: int, stop: int, page: int
) -> None:
    items = [
        FULL._replace(id=str(1000 - number), measured_at=FIRST * DAY + at, expires_at=expires)
        for number, (at, expires) in enumerate(sorted(records))
    ]
    numbers = range(FIRST + start, FIRST + stop)
    assert days(items, numbers, page) == [naive(items, number) for number in numbers]


def naive(items: Sequence[Item], number: int) -> Day:
    """Make a day of all records, as one would by hand."""
    times = {item: datetime.fromtimestamp(item.measured_at or 0, UTC) for item in items}
    here = [item for item in items if times[item].toordinal() - 719_163 == number]
    newest = max(here, key=lambda item: (times[item], int(item.id)), default=None)
    late = newest if newest and times[newest].hour >= 22 else None
    expiries = [item.expires_at for item in here if item.expires_at is not None]
    return Day(number, len({times[item].hour for item in here}), late, min(expiries, default=None))
