"""Parameters of HTTP: read into the same requests as the words on the wire."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.geo import Point
from aqi_service.core.query import (
    AREA,
    BOX,
    COUNTRY,
    DAYS,
    HISTORY,
    METRICS,
    MOST_CHARACTERS,
    NEAR,
    PLACES,
    RECORD,
    SENSOR,
    Endpoint,
    at_point,
    lists_of,
    place_of,
    request_at,
    values_of,
)
from aqi_service.core.request_words import read_request
from aqi_service.core.requests import (
    AreaRequest,
    Choice,
    HistoryRequest,
    MetricsRequest,
    PlaceRequest,
    RecordRequest,
    SensorRequest,
)
from aqi_service.core.scales import US_EPA
from aqi_service.core.times import DAY
from aqi_service.errors import BadRequest

NOW = 1_703_095_265.0

Given = Sequence[tuple[str, str]]


def asked(endpoint: Endpoint, words: Sequence[str], given: Given) -> object:
    lists = lists_of(endpoint, given)
    once = [pair for pair in given if pair[0] not in lists]
    return request_at(endpoint, words, values_of(endpoint.known, once), NOW, lists)


@pytest.mark.parametrize(("endpoint", "words", "given", "wire"), [
    (SENSOR, ["141"], [], "sensor 141"),
    (SENSOR, ["141"], [("scale", "us-epa")], "sensor 141 scale us-epa"),
    (NEAR, [], [("lat", "48.7"), ("lon", "9.1")], "near 48.7 9.1"),
    (NEAR, [], [("n", "3"), ("lon", "9.1"), ("lat", "48.7"), ("clean", "true")], "near 48.7 9.1 3 clean"),
    (BOX, [], [("south", "1"), ("west", "2"), ("north", "3"), ("east", "4"), ("indoor", "1")],
     "box 1 2 3 4 indoor"),
    (COUNTRY, ["DE"], [("indoor", "true"), ("clean", "1"), ("scale", "daqi")],
     "country DE indoor clean scale daqi"),
    (COUNTRY, ["DE"], [("indoor", "false"), ("clean", "0")], "country DE"),
    (AREA, [], [("lat", "1"), ("lon", "2"), ("km", "3")], "area 1 2 3"),
    (HISTORY, ["141"], [], "history 141"),
    (HISTORY, ["141"], [("since", "2023-12-18")], "history 141 2023-12-18"),
    (DAYS, ["141"], [("until", "2023-12-20"), ("since", "2023-12-18")], "days 141 2023-12-18 2023-12-20"),
    (PLACES, [], [("q", "Frankfurt am Main,DE")], "place Frankfurt am Main,DE"),
])  # fmt: skip
def test_parameters_make_the_request_that_the_words_do(
    endpoint: Endpoint, words: Sequence[str], given: Given, wire: str
) -> None:
    assert asked(endpoint, words, given) == read_request(wire.encode(), NOW)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=5))
def test_no_text_of_a_parameter_is_taken_for_another_word(latitude: str, longitude: str, count: str) -> None:
    try:
        found = asked(NEAR, [], [("lat", latitude), ("lon", longitude), ("n", count)])
    except BadRequest:
        return
    assert found == read_request(f"near {latitude} {longitude} {count}".encode(), NOW)


def test_until_alone_ends_the_usual_number_of_days() -> None:
    found = asked(HISTORY, ["141"], [("until", "2023-12-10")])
    assert isinstance(found, HistoryRequest)
    assert found.until - found.since == 7 * DAY


def test_a_record_has_an_id_of_at_most_twenty_digits() -> None:
    assert asked(RECORD, ["00250451653"], []) == RecordRequest(250451653)
    for text in ("1" * 21, "-1", "1.5", "٣", ""):
        with pytest.raises(BadRequest, match="1 to 20 decimal digits"):
            asked(RECORD, [text], [])


@pytest.mark.parametrize(("endpoint", "given", "said"), [
    (NEAR, [], "lat and lon missing, or place"),
    (BOX, [("south", "1"), ("east", "1")], "west and north missing"),
    (PLACES, [], "q missing"),
    (PLACES, [("q", "Bonn"), ("scale", "daqi")], "no parameter scale here, but q"),
    (SENSOR, [("indoor", "1")], "no parameter indoor here, but scale"),
    (NEAR, [("lat", "1"), ("lat", "1")], "lat is said twice"),
    (NEAR, [("lat", "")], "lat is empty"),
    (NEAR, [("lat", "1"), ("lon", "x")], "longitude is a number"),
    (NEAR, [("lat", "1"), ("lon", "1"), ("clean", "yes")], "clean is true or false"),
    (NEAR, [("lat", "1"), ("lon", "1"), ("scale", "x")], "there is no scale x"),
    (NEAR, [("lat", "1" * (MOST_CHARACTERS + 1))], "at most 200 characters"),
    (NEAR, [("\x1b[2K", "1")], r"no parameter \\x1b\[2K here"),
])  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(endpoint: Endpoint, given: Given, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        asked(endpoint, ["141"] * (endpoint is SENSOR), given)


def test_a_place_stands_for_a_point_where_there_is_one_and_not_beside_it() -> None:
    values = values_of(AREA.known, [("place", "Bonn,DE"), ("km", "3")])
    assert place_of(AREA, values, NOW) == PlaceRequest("Bonn", "DE")
    assert request_at(AREA, [], at_point(values, "50.734", "7.1"), NOW) == read_request(
        b"area 50.734 7.1 3", NOW
    )
    assert place_of(NEAR, values_of(NEAR.known, [("lat", "1"), ("lon", "1")]), NOW) is None
    with pytest.raises(BadRequest, match="either place, or lat and lon"):
        place_of(NEAR, {"place": "Bonn", "lat": "1"}, NOW)
    assert "place" not in BOX.known


def test_sensors_and_areas_are_said_as_often_as_there_are_and_a_name_may_have_commas() -> None:
    choice = Choice(scale=US_EPA)
    given = [("sensor", "141"), ("area", "a, b,48.7,9.1,.5"), ("scale", "us-epa"), ("sensor", "007")]
    assert asked(METRICS, [], given) == MetricsRequest(
        (SensorRequest(141, choice), SensorRequest(7, choice)),
        (("a, b", AreaRequest(Point(48.7, 9.1), 0.5, choice)),),
        choice,
    )


@pytest.mark.parametrize(("given", "why"), [
    ([], "sensor or area missing"),
    ([("scale", "daqi")], "sensor or area missing"),
    ([("sensor", "")], "sensor is empty"),
    ([("sensor", "a")], "a sensor id is 1 to 19 decimal digits"),
    ([("sensor", "1"), ("sensor", "2"), ("sensor", "01")], "sensor 1 is said twice"),
    ([("area", "a,1,2,3"), ("area", " a ,4,5,6")], "area a is said twice"),
    ([("area", "1,2,3")], "an area is NAME,LAT,LON,KM"),
    ([("area", " ,1,2,3")], "an area is NAME,LAT,LON,KM"),
    ([("area", "a\nb,1,2,3")], "an area is NAME,LAT,LON,KM, as Stuttgart,48.782,9.177,3, not a\\nb,1,2,3"),
    ([("area", "a\ud800,1,2,3")], "an area is NAME,LAT,LON,KM"),
    ([("area", "a,91,2,3")], "a latitude is a number of degrees from -90 to 90, not 91"),
    ([("area", "a,1,2,101")], "KM is a number from 0.1 to 100, not 101"),
    ([("area", "a" * MOST_CHARACTERS + ",1,2,3")], "at most 200 characters a parameter"),
    ([("sensor", "1"), ("scale", "daqi"), ("scale", "daqi")], "scale is said twice"),
    ([("sensor", "1"), ("indoor", "true")], "there is no parameter indoor here, but sensor, area, scale"),
    ([("sensor", str(n)) for n in range(101)], "sensor is said 101 times, at most 100 a request"),
    ([("area", f"{n},1,2,3") for n in range(21)], "area is said 21 times, at most 20 a request"),
])  # fmt: skip
def test_what_is_wrong_with_sensors_and_areas_is_one_sentence(given: Given, why: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asked(METRICS, [], given)
    assert str(refused.value).startswith(why)


def test_as_many_sensors_and_areas_as_may_be_are_taken() -> None:
    given = [*(("sensor", str(n)) for n in range(100)), *(("area", f"{n},1,2,3") for n in range(20))]
    request = asked(METRICS, [], given)
    assert isinstance(request, MetricsRequest)
    assert (len(request.sensors), len(request.areas)) == (100, 20)


def test_nothing_may_be_said_again_elsewhere() -> None:
    assert lists_of(SENSOR, [("scale", "daqi"), ("scale", "daqi")]) == {}
