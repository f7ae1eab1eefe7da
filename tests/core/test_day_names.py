"""Names of daily files and of their days: what counts as one, and which files are the same day's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.day_names import (
    DayName,
    day_id,
    day_source_name,
    end_of_day,
    parse_day_name,
)
from aqi_service.core.decimals import integer
from aqi_service.core.snapshot_names import order_of, parse_name

DAY = 19_711
"""The 20th of December 2023."""


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("2023-12-20_sds011_sensor_123.csv", DayName(DAY, "sds011", 123, indoor=False)),
        ("2023-12-20_sds011_sensor_123.csv.gz", DayName(DAY, "sds011", 123, indoor=False)),
        ("2023-12-20_sps30_sensor_84210_indoor.csv", DayName(DAY, "sps30", 84210, indoor=True)),
        ("2023-12-20_ips-7100_sensor_1_indoor.csv.gz", DayName(DAY, "ips-7100", 1, indoor=True)),
        ("2023-12-20_SDS011_sensor_0123.CSV", DayName(DAY, "sds011", 123, indoor=False)),
    ],
)
def test_a_daily_file_says_by_its_name_of_which_day_and_sensor_it_is(file: str, name: DayName) -> None:
    assert parse_day_name(file) == name


@pytest.mark.parametrize(
    "file",
    [
        "2023-12_sds011.csv", "2023-12-20_sds011_sensor_123.csv.1", "2023-12-20_sds011_sensor_.csv",
        "2023-12-32_sds011_sensor_1.csv", "1999-12-20_sds011_sensor_1.csv", "2100-01-01_sds011_sensor_1.csv",
        "2023-12-20_sds011_sensor_12345678901.csv", "2023-12-20_sds011_sensor_٣.csv", "x/2023-12-20.csv",
        "a/2023-12-20_sds011_sensor_123.csv", "data_20_12_23_18_00.json", "2023-12-20_sds011_sensor_1.csv\n",
    ],
)  # fmt: skip
def test_any_other_name_is_none(file: str) -> None:
    assert parse_day_name(file) is None


def test_an_id_of_a_day_has_its_date_and_its_sensor_and_fits_the_table() -> None:
    assert day_id(DAY, 123) == "9202312200000000123"
    last = parse_day_name("2099-12-31_sds011_sensor_9999999999.csv")
    assert last
    assert integer(day_id(last.day, last.sensor_id)) == "9209912319999999999"


@given(st.lists(st.tuples(st.integers(14_610, 47_000), st.integers(0, 10**10 - 1)), unique=True))
def test_no_two_days_of_sensors_have_one_id(days: list[tuple[int, int]]) -> None:
    assert len({day_id(*each) for each in days}) == len(days)


def test_a_day_ends_in_its_last_second() -> None:
    assert end_of_day(DAY) == 1_703_116_799  # 2023-12-20T23:59:59Z


def test_a_days_name_is_no_snapshots() -> None:
    name = day_source_name(DAY, "0123456789abcdef0123")
    assert name == "day_2023-12-20_0123456789abcdef"
    assert parse_name(f"{name}.json") is None
    assert order_of(name) == (0, 1)
