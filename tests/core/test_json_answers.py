"""Answers as JSON and GeoJSON: the same numbers as in CSV, digit by digit."""

import csv
import gzip
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.areas import Area, sum_up
from aqi_service.core.csv_answers import csv_pieces
from aqi_service.core.days import Day
from aqi_service.core.geo import Box, Point
from aqi_service.core.history import HistoryPage, page_of
from aqi_service.core.items import Item
from aqi_service.core.json_answers import JSON_ROWS, geojson_pieces, json_pieces
from aqi_service.core.json_rows import Moment
from aqi_service.core.places import Place
from aqi_service.core.places_file import read_places
from aqi_service.core.quality import Check, Flag
from aqi_service.core.requests import (
    AreaRequest,
    BoxRequest,
    Choice,
    DaysRequest,
    HistoryRequest,
    PlaceRequest,
    SensorRequest,
)
from aqi_service.core.scales import DAQI, US_EPA
from aqi_service.core.scoring import Scale
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.slices import run_through
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.errors import BadRequest
from tests.doubles.documents import QUICK
from tests.doubles.storage_items import FULL, ITEMS

MOMENT = Moment(1_703_095_300.5)
WORLD = BoxRequest(Box(-90, -180, 90, 180))


def summed(request: AreaRequest, sensors: Sequence[SensorRecord], usual: Scale) -> Area:
    return run_through(sum_up(request, sensors, usual))


def read(pieces: Any) -> Any:
    import json  # noqa: PLC0415  # orjson reads numbers as binary floats

    return json.loads(b"".join(pieces), parse_float=Decimal, parse_int=Decimal)


def rows(pieces: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))


def digits(value: object) -> str:
    return "" if value is None else f"{value:f}"


@QUICK
@given(st.lists(ITEMS, max_size=5))
def test_numbers_are_those_of_the_csv_digit_by_digit_and_ids_are_strings(items: list[Item]) -> None:
    records = [SensorRecord(item) for item in items]
    found = read(json_pieces(WORLD, records, MOMENT))
    assert found["count"] == len(items)
    for sensor, row, item in zip(found["sensors"], rows(csv_pieces(WORLD, records)), items, strict=True):
        assert (sensor["record"]["id"], sensor["sensor_id"]) == (row["id"], item.sensor_id)
        assert (digits(sensor["latitude"]), digits(sensor["longitude"])) == (
            row["latitude"],
            row["longitude"],
        )
        for pollutant in ("P2.5", "P10"):
            said = sensor["record"][pollutant]
            assert digits(said and said["value"]) == row[pollutant]
        assert digits(sensor["record"]["AQI"]) == row["AQI"]
        assert sensor["record"]["timestamp"] == item.timestamp


@pytest.mark.parametrize("scale", [None, US_EPA])
def test_each_pollutant_has_its_value_as_it_is_compared_and_its_own_index(scale: Any) -> None:
    item = FULL._replace(pm25="36.37", pm10="49.43")
    record = read(json_pieces(SensorRequest(141, Choice(scale=scale)), SensorRecord(item), MOMENT))["record"]
    assert [record[name] for name in ("P2.5", "P10")] == (
        [
            {"value": Decimal("36.37"), "rounded": Decimal("36.3"), "index": 103},
            {"value": Decimal("49.43"), "rounded": 49, "index": 45},
        ]
        if scale
        else [
            {"value": Decimal("36.37"), "rounded": 36, "index": 4},
            {"value": Decimal("49.43"), "rounded": 49, "index": 3},
        ]
    )


def test_where_a_scale_compares_binary_floats_the_number_is_said_as_it_was_reported() -> None:
    item = FULL._replace(pm25="0.1", pm10="50.49", scale="report")
    record = read(json_pieces(SensorRequest(141), SensorRecord(item), MOMENT))["record"]
    assert [record[name]["rounded"] for name in ("P2.5", "P10")] == [Decimal("0.1"), Decimal("50.49")]


def test_a_single_answer_says_its_age_its_checks_and_where_it_comes_from() -> None:
    version = SnapshotVersion("data_20_12_23_18_55.json", 1_703_098_500, "daqi", 1, 5, "", "ab", "1.2.3")
    said = SensorRecord(FULL, Check((Flag.STALE, Flag.HIGH), 9, 12.5), "94.1", hours_seen=21)
    found = read(json_pieces(SensorRequest(141), said, Moment(1_703_091_700.9, version)))
    assert found["age_seconds"] == found["record"]["age_seconds"] == 100
    assert found["checks"] == {
        "flags": ["stale", "high"],
        "neighbours": 9,
        "median": Decimal("12.5"),
        "humidity": Decimal("94.1"),
        "hours_seen": 21,
    }
    assert found["provenance"] == {
        "snapshot": "data_20_12_23_18_55.json",
        "snapshot_time": "2023-12-20T18:55:00Z",
        "sha256": "ab",
        "version": "1.2.3",
    }
    assert found["indoor"] is False
    assert found["attribution"].startswith("Sensor.Community")
    assert "Open Database License" in found["licence"]


CITY = Place("Stuttgart", "DE", "48.78", "9.18", "612663")
NEAR_CITY = Moment(5, None, None, run_through(read_places(gzip.compress("\t".join(CITY).encode()))))


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ({}, "Stuttgart"),
        ({"country": "FR"}, "Stuttgart,DE"),
        ({"country": None}, "Stuttgart,DE"),
        ({"latitude": "49.1"}, None),
        ({"latitude": None}, None),
        ({"longitude": "east"}, None),
        ({"longitude": "369.2"}, None),
    ],
)
def test_a_sensor_is_near_the_nearest_city_which_is_said_whose_it_is(where: Any, place: str | None) -> None:
    record = SensorRecord(FULL._replace(**where))
    single = read(json_pieces(SensorRequest(141), record, NEAR_CITY))
    (listed,) = read(json_pieces(WORLD, [record], NEAR_CITY))["sensors"]
    (feature,) = read(geojson_pieces(WORLD, [record], NEAR_CITY))["features"]
    assert single["place"] == listed["place"] == feature["properties"]["place"] == place


def test_who_names_cities_says_whose_list_that_is() -> None:
    said = read(json_pieces(SensorRequest(141), SensorRecord(FULL), NEAR_CITY))
    assert "GeoNames" in said["attribution"]
    assert "Creative Commons" in said["licence"]
    plain = read(json_pieces(SensorRequest(141), SensorRecord(FULL), MOMENT))
    assert plain["place"] is None
    assert "GeoNames" not in plain["attribution"]


def test_of_a_record_of_an_earlier_snapshot_only_the_time_of_that_is_known() -> None:
    version = SnapshotVersion("data_20_12_23_19_55.json", 1_703_102_100, "daqi", 1, 5, "", "ab", "1.2.3")
    found = read(json_pieces(SensorRequest(141), SensorRecord(FULL), Moment(1_703_091_700, version)))
    assert found["checks"] is None
    assert found["provenance"] == {
        "snapshot": None,
        "snapshot_time": "2023-12-20T18:55:00Z",
        "sha256": None,
        "version": None,
    }


def test_geojson_has_longitude_first_and_no_geometry_where_there_is_no_place() -> None:
    records = [SensorRecord(FULL), SensorRecord(FULL._replace(latitude=None))]
    found = read(geojson_pieces(WORLD, records, MOMENT))
    assert (found["type"], found["count"]) == ("FeatureCollection", 2)
    here, nowhere = found["features"]
    assert here["geometry"] == {"type": "Point", "coordinates": [Decimal("9.2"), Decimal("48.8")]}
    assert here["properties"]["record"]["id"] == FULL.id
    assert "latitude" not in here["properties"]
    assert nowhere["geometry"] is None
    single = read(geojson_pieces(SensorRequest(141), SensorRecord(FULL), MOMENT))
    assert (single["type"], single["geometry"]) == ("Feature", here["geometry"])


@pytest.mark.parametrize("count", [0, 1, JSON_ROWS, JSON_ROWS + 1, 3 * JSON_ROWS])
@pytest.mark.parametrize("write", [json_pieces, geojson_pieces])
def test_a_list_of_any_length_is_one_document_in_pieces_of_few_rows(count: int, write: Any) -> None:
    records = [SensorRecord(FULL._replace(id=str(number))) for number in range(count)]
    pieces = list(write(WORLD, records, MOMENT))
    found = read(pieces)
    listed = found["sensors"] if write is json_pieces else [each["properties"] for each in found["features"]]
    assert [each["record"]["id"] for each in listed] == [str(number) for number in range(count)]
    assert len(pieces) == 2 + -(-count // JSON_ROWS)


def test_an_area_has_medians_and_quartiles_and_none_of_too_few_sensors() -> None:
    request = AreaRequest(Point(48.78, 9.18), 3)
    there = [SensorRecord(FULL._replace(pm25=value)) for value in ("10", "11.5", "60")]
    found = read(json_pieces(request, summed(request, there, DAQI), MOMENT))
    assert found["P2.5"] == {
        "value": Decimal("11.5"),
        "rounded": 12,
        "index": 2,
        "q1": Decimal("10.75"),
        "q3": Decimal("35.75"),
    }
    assert (found["latitude"], found["radius_km"], found["sensors"]) == (Decimal("48.78"), 3, 3)
    assert found["age_seconds"] == int(MOMENT.now) - 1_703_091_600
    few = read(json_pieces(request, summed(request, there[:2], DAQI), MOMENT))
    assert (few["P2.5"], few["AQI"], few["sensors"]) == (None, None, 2)
    none = read(json_pieces(request, summed(request, [], DAQI), MOMENT))
    assert (none["newest"], none["age_seconds"]) == (None, None)


def test_a_sensor_that_dates_ahead_does_not_make_the_data_of_its_area_new() -> None:
    request = AreaRequest(Point(48.78, 9.18), 3)
    ahead = FULL._replace(measured_at=1_703_095_200 + 7200, snapshot_at=1_703_095_200)
    usual = FULL._replace(measured_at=1_703_088_000, snapshot_at=1_703_095_200)
    for several in ([ahead, usual, usual], [usual, usual, ahead]):
        found = summed(request, [SensorRecord(item) for item in several], DAQI)
        assert (found.sensors, found.newest) == (3, usual)
    assert summed(request, [SensorRecord(ahead)] * 3, DAQI).newest == ahead


@pytest.mark.parametrize("write", [json_pieces, geojson_pieces])
def test_an_area_near_equator_and_greenwich_is_where_it_was_asked_for(write: Any) -> None:
    request = AreaRequest(Point(0.00001, -0.0000025), 3)
    found = read(write(request, summed(request, [], DAQI), MOMENT))
    there = (
        found["geometry"]["coordinates"][::-1]
        if "geometry" in found
        else [found["latitude"], found["longitude"]]
    )
    assert there == [Decimal("0.00001"), Decimal("-0.0000025")]


@pytest.mark.parametrize(("halfway", "said"), [((2.07 + 1.88) / 2, "1.975"), (4e-7, "0"), (3e-6, "0.000003")])
def test_the_neighbours_median_has_no_digits_of_binary_floats(halfway: float, said: str) -> None:
    found = read(json_pieces(SensorRequest(141), SensorRecord(FULL, Check((), 6, halfway)), MOMENT))
    assert found["checks"]["median"] == Decimal(said)


def test_days_without_a_record_that_stands_for_them_have_their_hours() -> None:
    request = DaysRequest(141, 0, 1)
    found = read(json_pieces(request, [Day(19_711, 5), Day(19_712, 24, FULL)], MOMENT))
    assert (found["count"], found["sensor_id"]) == (2, "141")
    assert (found["days"][0]["date"], found["days"][0]["hours"], found["days"][0]["AQI"]) == (
        "2023-12-20",
        5,
        None,
    )
    assert (found["days"][1]["P2.5"]["value"], found["days"][1]["id"]) == (Decimal("0.9"), FULL.id)


def test_places_are_geonames_s_and_a_place_that_stood_for_a_point_is_named() -> None:
    place = Place("Bonn", "DE", "50.734", "7.1", "330579")
    found = read(json_pieces(PlaceRequest("Bonn"), [place], MOMENT))
    assert found["places"] == [
        {
            "name": "Bonn",
            "country": "DE",
            "latitude": Decimal("50.734"),
            "longitude": Decimal("7.1"),
            "population": 330_579,
        }
    ]
    assert found["attribution"].startswith("GeoNames")
    near = read(json_pieces(WORLD, [], Moment(5, None, place)))
    assert near["place"] == found["places"][0]
    assert "GeoNames" in near["attribution"]
    assert "Sensor.Community" in near["attribution"]


def at(second: int, number: int = 1) -> SensorRecord:
    return SensorRecord(FULL._replace(id=str(number), measured_at=second))


@QUICK
@given(st.lists(st.integers(0, 400), max_size=40), st.integers(1, 12))
def test_pages_of_a_history_follow_each_other_without_a_gap_or_a_repetition(
    seconds: list[int], most: int
) -> None:
    records = [at(second, number) for number, second in enumerate(sorted(seconds))]
    read_so_far: list[SensorRecord] = []
    since = 0
    while True:
        left = [record for record in records if (record.item.measured_at or 0) >= since]
        try:
            page = page_of(left, most)
        except BadRequest:
            minute = (left[most].item.measured_at or 0) // 60
            assert sum((record.item.measured_at or 0) // 60 == minute for record in left) > most
            return
        assert len(page.records) <= most
        read_so_far += page.records
        if page.next_since is None:
            break
        assert page.next_since % 60 == 0
        assert page.next_since > since
        since = page.next_since
    assert read_so_far == records


def test_a_history_is_listed_as_records_of_a_sensor() -> None:
    found = orjson.loads(
        b"".join(json_pieces(HistoryRequest(141, 0, 9), HistoryPage([SensorRecord(FULL)]), MOMENT))
    )
    assert (found["sensor_id"], found["count"], found["records"][0]["record"]["id"]) == ("141", 1, FULL.id)
