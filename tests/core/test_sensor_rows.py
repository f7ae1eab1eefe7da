"""Rows about sensors, and the row about an area."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from statistics import median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.areas import Area, sum_up
from aqi_service.core.csv_reply import HEADER_LINE, csv_reply
from aqi_service.core.geo import Point
from aqi_service.core.items import Item
from aqi_service.core.quality import Check, Flag
from aqi_service.core.request_words import read_request
from aqi_service.core.requests import AreaRequest, Choice
from aqi_service.core.scales import DAQI, US_EPA
from aqi_service.core.scoring import Scale, score
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.sensor_rows import (
    AREA_HEADER,
    NEAR_HEADER,
    SENSOR_HEADER,
    area_row,
    sensor_row,
)
from aqi_service.core.slices import run_through
from tests.doubles.documents import QUICK
from tests.doubles.storage_items import FULL, ITEMS

AREA = AreaRequest(Point(48.78, 9.18), 3.0)


def summed(request: AreaRequest, sensors: Sequence[SensorRecord], usual: Scale) -> Area:
    return run_through(sum_up(request, sensors, usual))


def cells(header: str, row: bytes) -> dict[str, str]:
    """Read a row as a spreadsheet does."""
    (found,) = csv.DictReader(io.StringIO(header + row.decode(), newline=""))
    return found


def record(pm25: str | None, pm10: str | None = None, *flags: Flag, indoor: str | None = "0") -> SensorRecord:
    scored = score(DAQI, pm10, pm25)
    item = FULL._replace(
        pm25=pm25,
        pm10=pm10,
        aqi=str(scored.aqi),
        aqi_range=scored.band,
        aqi_pollutant=scored.pollutant,
        indoor=indoor,
    )
    return SensorRecord(item, Check(flags))


@QUICK
@given(ITEMS)
def test_the_first_eleven_columns_are_those_of_a_lookup_by_id(item: Item) -> None:
    by_id = next(csv.reader(io.StringIO(csv_reply(item).decode().removeprefix(HEADER_LINE), newline="")))
    row = next(csv.reader(io.StringIO(sensor_row(SensorRecord(item), None).decode(), newline="")))
    assert row[:11] == by_id
    assert len(row) == len(SENSOR_HEADER.split(","))


def test_a_row_says_what_is_to_be_said_of_a_sensor() -> None:
    said = SensorRecord(FULL, Check((Flag.STALE, Flag.HIGH), 9, 12.0), "94.1", 12_034)
    row = cells(NEAR_HEADER, sensor_row(said, None))
    assert (row["flags"], row["humidity"], row["distance_km"]) == ("stale high", "94.1", "12.034")
    assert row["sensor_id"] == FULL.sensor_id
    assert row["scale"] == "daqi"


def test_a_row_may_be_scored_on_another_scale_and_its_values_stay() -> None:
    there = record("36", "40")
    daqi, epa = (cells(SENSOR_HEADER, sensor_row(there, scale)) for scale in (None, US_EPA))
    assert (daqi["AQI"], daqi["AQI_range"], daqi["scale"]) == ("4", "Medium", "daqi")
    assert (epa["AQI"], epa["AQI_range"], epa["scale"]) == ("102", "Unhealthy for Sensitive Groups", "us-epa")
    assert (daqi["P2.5"], daqi["P10"]) == (epa["P2.5"], epa["P10"]) == ("36", "40")


VALUES = st.decimals(0, 900, allow_nan=False, places=2).map(lambda value: f"{value.normalize():f}")


@given(st.lists(VALUES, min_size=3, max_size=30))
def test_median_and_quartiles_of_an_area_are_those_of_the_statistics_module(texts: list[str]) -> None:
    row = cells(AREA_HEADER, area_row(summed(AREA, [record(text) for text in texts], DAQI)))
    values = [Decimal(text) for text in texts]
    first, _, third = quantiles(values, n=4, method="inclusive")
    assert Decimal(row["P2.5"]) == median(values)
    assert (Decimal(row["P2.5_q1"]), Decimal(row["P2.5_q3"])) == (first, third)
    assert row["AQI"] == str(score(DAQI, None, row["P2.5"]).aqi)
    assert (row["P10"], row["sensors"], row["left_out"]) == ("", str(len(texts)), "0")


def test_who_is_stale_high_low_or_indoors_is_left_out_and_who_is_alone_is_not() -> None:
    there = [
        *(record(value, value) for value in ("10", "11", "60")),
        record("500", None, Flag.HIGH),
        record("1", None, Flag.LOW),
        record("70", None, Flag.STALE),
        record("300", None, indoor="1"),
        record("61", None, Flag.ALONE),
    ]
    area = summed(AREA, [*there, SensorRecord(Item("1"))], DAQI)
    assert area.left_out_because == {"high": 1, "low": 1, "stale": 1, "indoor": 1, "no_value": 1}
    row = cells(AREA_HEADER, area_row(area))
    assert (row["sensors"], row["left_out"]) == ("4", "5")
    assert (row["P2.5"], row["P10"]) == ("35.5", "11")
    assert (row["AQI"], row["AQI_range"], row["AQI_pollutant"]) == ("4", "Medium", "P2.5")
    row = cells(AREA_HEADER, area_row(summed(AreaRequest(AREA.middle, 3, Choice(indoor=True)), there, DAQI)))
    assert (row["sensors"], row["left_out"], row["P2.5"]) == ("5", "3", "60")


@pytest.mark.parametrize(
    ("typed", "written"),
    [("0.00001", "0.00001"), ("-.000000025", "-0.000000025"), ("-0", "0"), ("48.780", "48.78"), ("9", "9")],
)
def test_an_area_has_the_point_that_was_asked_for_however_near_to_zero(typed: str, written: str) -> None:
    request = read_request(f"area {typed} {typed} 3.0".encode(), 0)
    assert isinstance(request, AreaRequest)
    found = cells(AREA_HEADER, area_row(summed(request, [], DAQI)))
    assert (found["latitude"], found["longitude"], found["radius_km"]) == (written, written, "3")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_area_of_under_three_sensors_has_no_values(count: int) -> None:
    row = cells(AREA_HEADER, area_row(summed(AREA, [record("12")] * count, DAQI)))
    assert row["sensors"] == str(count)
    assert {row[name] for name in ("P2.5", "P2.5_q1", "P10", "AQI", "AQI_range", "AQI_pollutant")} == {""}
    assert (row["latitude"], row["longitude"], row["radius_km"], row["scale"]) == (
        "48.78",
        "9.18",
        "3",
        "daqi",
    )


def test_values_of_as_many_digits_as_a_number_may_have_have_a_median() -> None:
    texts = [f"1.{'3' * 36}{digit}" for digit in "1234"]
    row = cells(AREA_HEADER, area_row(summed(AREA, [record(text) for text in texts], DAQI)))
    assert row["P2.5"].startswith(f"1.{'3' * 35}")
