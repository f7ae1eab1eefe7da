"""Requests beside a record's id, as they come over the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.geo import Box, Point
from aqi_service.core.request_words import KINDS, read_request
from aqi_service.core.requests import (
    AreaRequest,
    BoxRequest,
    Choice,
    CountryRequest,
    DaysRequest,
    HistoryRequest,
    NearRequest,
    PlaceRequest,
    Request,
    SensorRequest,
)
from aqi_service.core.scales import DAQI, US_EPA
from aqi_service.core.times import DAY
from aqi_service.errors import BadRequest

NOW = 1_703_095_200  # 2023-12-20T18:00:00Z
DECEMBER_10 = 1_702_166_400


@pytest.mark.parametrize(
    ("payload", "request_"),
    [
        ("sensor 4740", SensorRequest(4740)),
        ("sensor 004740 scale us-epa", SensorRequest(4740, Choice(scale=US_EPA))),
        ("near 48.78 9.18", NearRequest(Point(48.78, 9.18), 5)),
        ("near -.5 -180 100", NearRequest(Point(-0.5, -180.0), 100)),
        ("near 48 9 3 clean indoor", NearRequest(Point(48, 9), 3, Choice(indoor=True, clean=True))),
        ("near 48 9 indoor scale daqi clean", NearRequest(Point(48, 9), 5, Choice(True, True, DAQI))),
        ("box 48 9 49 10", BoxRequest(Box(48, 9, 49, 10))),
        ("box -20 170 -10 -170", BoxRequest(Box(-20, 170, -10, -170))),
        ("country GB clean", CountryRequest("GB", Choice(clean=True))),
        ("area 48.78 9.18 .1", AreaRequest(Point(48.78, 9.18), 0.1)),
        ("area 48.78 9.18 100", AreaRequest(Point(48.78, 9.18), 100)),
        ("history 1", HistoryRequest(1, NOW - 7 * DAY, NOW)),
        ("history 1 2023-12-10", HistoryRequest(1, DECEMBER_10, NOW)),
        ("history 1 2023-12-10 2023-12-11T06:30Z", HistoryRequest(1, DECEMBER_10, DECEMBER_10 + 109_800)),
        ("days 1", DaysRequest(1, NOW - 30 * DAY, NOW)),
        ("days 1 2023-12-10 scale daqi", DaysRequest(1, DECEMBER_10, NOW, Choice(scale=DAQI))),
        ("place Frankfurt", PlaceRequest("Frankfurt")),
        ("place Bad Homburg,DE", PlaceRequest("Bad Homburg", "DE")),
        ("place scale", PlaceRequest("scale")),
        ("place 東京", PlaceRequest("東京")),
    ],
)
def test_a_request_is_read_into_a_value(payload: str, request_: Request) -> None:
    assert read_request(payload.encode(), NOW) == request_


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("", "a record id, 1 to 20 decimal digits, or one of sensor, near, box"),
        ("Sensor 1", "one of sensor, near, box"),
        ("sensor", "the form is sensor ID [scale NAME]"),
        ("sensor  1", "with one space between words"),
        ("sensor 1 ", "with one space between words"),
        ("sensor -1", "a sensor id is 1 to 19 decimal digits"),
        ("sensor 9223372036854775808", "at most 9223372036854775807"),
        ("sensor 1 indoor", "the form is sensor ID"),
        ("near 48", "the form is near LAT LON [N] [indoor] [clean] [scale NAME]"),
        ("near 90.1 9", "a latitude is a number of degrees from -90 to 90, not 90.1"),
        ("near 48 181", "a longitude is a number of degrees from -180 to 180, not 181"),
        ("near 4.8e1 9", "a latitude is a number"),
        ("near 48 9 0", "N is a whole number from 1 to 100, not 0"),
        ("near 48 9 101", "N is a whole number from 1 to 100, not 101"),
        ("near 48 9 5 clean clean", "the form is near"),
        ("near 48 9 scale report", "no scale report to answer on, but daqi and us-epa"),
        ("near 48 9 scale daqi scale daqi", "the form is near"),
        ("box 49 9 48 10", "SOUTH (49) lies north of NORTH (48)"),
        ("country de", "a country is two capital letters, such as DE, not de"),
        ("area 48 9 0.09", "KM is a number from 0.1 to 100, not 0.09"),
        ("area 48 9 101", "KM is a number from 0.1 to 100, not 101"),
        ("history 1 2023-12-20T18:00", "is not before UNTIL"),
        (
            "history 1 2023-11-01",
            "at most 31 days a request: ask for SINCE and UNTIL that are nearer; an UNTIL",
        ),
        (
            "history 1 2023-01-01 2023-03-01",
            "at most 31 days a request: ask for SINCE and UNTIL that are nearer",
        ),
        ("days 1 2022-01-01", "at most 400 days a request"),
        ("days 1 yesterday", "a time is 2023-12-20 or 2023-12-20T18:55, UTC, not yesterday"),
        ("history 1 2023-12-10 2023-12-11 2023-12-12", "the form is history ID [SINCE [UNTIL]]"),
        ("place", "the form is place NAME"),
        ("place ,DE", "a place's name is missing"),
        ("place Bonn,", "a country is two capital letters"),
        ("country \x1b[2J", "not \\x1b[2J"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(payload: str, words: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read_request(payload.encode(), NOW)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "form", ["near {} 9", "near 48 9 {}", "country {}", "days 1 {}", "near 48 9 scale {}"]
)
def test_a_refusal_repeats_no_more_than_the_beginning_of_a_word(form: str) -> None:
    for sign in ("x", "\x1b", "\U000e0001"):
        word = sign * ((1024 - len(form)) // len(sign.encode()))
        assert len(refusal(form.format(word).encode())) < 500


def test_what_is_no_utf_8_is_said() -> None:
    with pytest.raises(BadRequest, match="UTF-8"):
        read_request(b"place \xff", NOW)


@given(
    st.binary(max_size=80)
    | st.builds(lambda kind, rest: f"{kind} {rest}".encode(), st.sampled_from(KINDS), st.text(max_size=40))
)
def test_any_payload_is_a_request_or_one_printable_sentence(payload: bytes) -> None:
    assert refusal(payload).isprintable()


def refusal(payload: bytes) -> str:
    """Return what is said of a payload that is refused; nothing of any other."""
    try:
        read_request(payload, NOW)
    except BadRequest as error:
        return str(error)
    return ""
