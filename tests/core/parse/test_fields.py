"""The fields of one record under the faults F20 to F24: each in its usable form, or not at all."""

import json
from typing import Any

import pytest

from aqi_service.core.parse.fields import pm_values
from tests.doubles.documents import document_of, only_item, only_rejection, record

UNUSABLE = [
    r"1e999",
    r'"1e999"',
    r'"1e3"',
    r'"1_0"',
    r'"\u002012\u0020"',
    r'"12\u0020"',
    r'"+5"',
    r'"\u0661\u0662"',
    r'""',
    r"null",
    r"[]",
    r"[7]",
    r"true",
    r"false",
    r"{}",
    r'"5."',
    r'"unavailable"',
    r'"nan"',
    r'"Infinity"',
    r'"0x1"',
    r'"1,5"',
    r'"12\n"',
    r'"-"',
]
UNUSABLE += [f'"{"1" * 39}"', f'"0.{"1" * 39}"']
OUTSIDE = ["-0.1", '"-1"', "1999.90", '"1999.90"', '"9999999"']


def with_values(*values: tuple[str, str]) -> bytes:
    """Write a document of one record, its values given as JSON text."""
    listed = ",".join(f'{{"value_type":"{kind}","value":{text}}}' for kind, text in values)
    return document_of(record(1, sensordatavalues="HERE")).replace(b'"HERE"', f"[{listed}]".encode())


@pytest.mark.parametrize("text", [*UNUSABLE, *OUTSIDE])
def test_an_unusable_value_is_left_out_with_a_warning_and_the_other_one_counts(text: str) -> None:
    item, warnings = only_item(with_values(("P1", text), ("P2", '"12"')))
    assert (item.pm10, item.pm25, item.aqi, item.aqi_pollutant) == (None, "12", "2", "P2.5")
    assert warnings == {"bad_pm10": 1}
    item, warnings = only_item(with_values(("P1", '"17"'), ("P2", text)))
    assert (item.pm10, item.pm25, item.aqi, item.aqi_pollutant) == ("17", None, "2", "P10")
    assert warnings == {"bad_pm25": 1}


@pytest.mark.parametrize("text", [*UNUSABLE, *OUTSIDE])
def test_a_record_of_unusable_values_alone_is_rejected_under_its_id(text: str) -> None:
    rejection = only_rejection(with_values(("P1", text), ("P2", text)))
    assert (rejection.reason, rejection.id) == ("no_pm_value", "1")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"7.5"', "7.5"),
        ('".9"', "0.9"),
        ('"3.8874999999999997"', "3.8874999999999997"),
        ("7.50", "7.5"),
        ("8", "8"),
        ("1e2", "100"),
        ("0", "0"),
        ('"-0"', "0"),
        ('"0.00"', "0"),
        ("-0.0", "0"),
        ('"007"', "7"),
    ],
)
def test_a_value_may_be_a_text_or_a_number_and_is_written_canonically(text: str, value: str) -> None:
    item, warnings = only_item(with_values(("P1", text), ("P2", "0")))
    assert (item.pm10, warnings) == (value, {})


@pytest.mark.parametrize("text", UNUSABLE[1:])
def test_of_two_values_of_one_pollutant_the_first_usable_counts(text: str) -> None:
    item, _ = only_item(with_values(("P1", '"21"'), ("P1", '"22"')))
    assert item.pm10 == "21"
    item, warnings = only_item(with_values(("P1", text), ("P2", "1"), ("P1", '"22"'), ("P1", '"23"')))
    assert (item.pm10, warnings) == ("22", {})
    item, warnings = only_item(with_values(("P2", text), ("P1", "9"), ("P2", '"2"'), ("P2", '"3"')))
    assert (item.pm25, warnings) == ("2", {})


@pytest.mark.parametrize(
    ("p1", "p2", "kept"),
    [
        ("1998.99", "998.99", ("1998.99", "998.99")),
        ("1999", "998.99", (None, "998.99")),
        ("1998.99", "999", ("1998.99", None)),
        ("1999.90", "4", (None, "4")),
        ("8", "999.90", ("8", None)),
        ("0", "0", ("0", "0")),
        ("-0.01", "0", (None, "0")),
        ("0", "-0.01", ("0", None)),
        ("1998." + "9" * 34, "998." + "9" * 35, ("1998." + "9" * 34, "998." + "9" * 35)),
    ],
)
def test_pm25_counts_from_0_to_under_999_and_pm10_to_under_1999(
    p1: str, p2: str, kept: tuple[str | None, str | None]
) -> None:
    item, warnings = only_item(document_of(record(1, p1, p2)))
    assert (item.pm10, item.pm25) == kept
    assert sum(warnings.values()) == kept.count(None)


@pytest.mark.parametrize(
    ("p1", "p2", "count"), [("12", "15", 1), ("12", "12.0", 0), ("12.001", "12", 0), ("x", "15", 0)]
)
def test_pm25_above_pm10_is_kept_and_counts_as_a_warning(p1: str, p2: str, count: int) -> None:
    item, warnings = only_item(document_of(record(1, p1, p2)))
    assert item.pm25 == p2.removesuffix(".0")
    assert warnings.get("pm25_over_pm10", 0) == count


@pytest.mark.parametrize(
    "values", [None, "P1", 7, {}, {"value_type": "P1", "value": "8"}, [], [None, 7, "P1", ["P1"]]]
)
def test_mistyped_or_missing_sensordatavalues_hold_no_pm(values: object) -> None:
    unlike = record(2, sensordatavalues=values)
    missing = {key: value for key, value in unlike.items() if key != "sensordatavalues"}
    item, warnings = only_item(document_of(unlike, missing, record(1, "8", "4")))
    assert (item.id, warnings) == ("1", {})


def test_entries_that_are_no_values_cost_the_others_nothing() -> None:
    values = [{"value_type": ["P1"], "value": "1"}, {"value": "9"}, {"value_type": "P1", "value": "8"}]
    odd = [None, 7, [], {}, *values]
    item, _ = only_item(document_of(record(1, sensordatavalues=odd)))
    assert item.pm10 == "8"


@pytest.mark.parametrize("given", [[], "x", 7, True, ["51.5"]])
def test_a_mistyped_location_or_sensor_leaves_its_fields_blank_with_one_warning(given: object) -> None:
    item, warnings = only_item(document_of(record(1, "8", "4", location=given)))
    assert (item.latitude, item.longitude, item.altitude, item.country, item.indoor) == (None,) * 5
    assert (item.sensor_id, item.aqi, sum(warnings.values())) == ("7", "1", 1)
    item, warnings = only_item(document_of(record(1, "8", "4", sensor=given)))
    assert (item.sensor_id, item.sensor_type, item.country, sum(warnings.values())) == (None, None, "GB", 1)
    item, warnings = only_item(document_of(record(1, "8", "4", sensor={"id": 7, "sensor_type": given})))
    assert (item.sensor_id, item.sensor_type, sum(warnings.values())) == ("7", None, 1)


@pytest.mark.parametrize("key", ["location", "sensor"])
def test_a_missing_location_or_sensor_leaves_its_fields_blank(key: str) -> None:
    whole = record(1, "8", "4")
    for made in (whole | {key: None}, whole | {key: {}}, {k: v for k, v in whole.items() if k != key}):
        item, warnings = only_item(document_of(made))
        assert (item.latitude if key == "location" else item.sensor_id) is None
        assert warnings == {}


GOOD: dict[str, list[tuple[object, str]]] = {
    "latitude": [("90", "90"), ("-90.000", "-90"), (51.25, "51.25"), (".5", "0.5")],
    "longitude": [("180.0", "180"), ("-180", "-180"), (0, "0")],
    "altitude": [("-430.50", "-430.5"), ("8848", "8848"), (3.5, "3.5")],
    "country": [("DE", "DE"), ("UK", "UK")],
    "indoor": [(0, "0"), (1, "1"), ("1", "1")],
}
BAD: dict[str, list[object]] = {
    "latitude": ["90.01", "-90.01", "91", "51,5", [], True, "1e1", "90." + "0" * 30 + "1"],
    "longitude": ["180.01", "-181", {}, "west", "-180." + "0" * 30 + "1"],
    "altitude": ["high", " 3", [], False, "1" * 39],
    "country": ["Deutschland", "de", "D", "D1", "\u00c4\u00d6", "DEU", 49, ["DE"], "D\n"],
    "indoor": [2, "yes", True, -1, 1.0, []],
}


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        *((name, given, kept) for name, pairs in GOOD.items() for given, kept in pairs),
        *((name, given, None) for name, values in BAD.items() for given in values),
    ],
)
def test_a_bad_optional_field_of_the_location_drops_only_itself_and_is_a_warning(
    name: str, given: object, kept: str | None
) -> None:
    whole = record(1, "8", "4")
    plain, _ = only_item(document_of(whole))
    item, warnings = only_item(document_of(whole | {"location": whole["location"] | {name: given}}))
    assert item._asdict() == plain._asdict() | {name: kept}
    assert warnings == ({} if kept else {f"bad_{name}": 1})


@pytest.mark.parametrize("name", ["latitude", "longitude", "altitude", "country", "indoor"])
def test_a_field_that_is_null_empty_or_missing_is_blank_without_a_warning(name: str) -> None:
    whole = record(1, "8", "4")
    others = {key: value for key, value in whole["location"].items() if key != name}
    for location in (others, others | {name: None}, others | {name: ""}):
        item, warnings = only_item(document_of(whole | {"location": location}))
        assert (getattr(item, name), item.aqi, warnings) == (None, "1", {})


@pytest.mark.parametrize(
    ("given", "kept"), [("12", "12"), (2**40, str(2**40)), ("x", None), (-1, None), (1.5, None)]
)
def test_a_bad_sensor_id_drops_only_itself(given: object, kept: str | None) -> None:
    sensor = {"id": given, "sensor_type": {"name": "SDS011"}}
    item, warnings = only_item(document_of(record(1, "8", "4", sensor=sensor)))
    assert (item.sensor_id, item.sensor_type, sum(warnings.values())) == (kept, "SDS011", kept is None)


@pytest.mark.parametrize(
    ("given", "record_id"),
    [
        (0, "0"),
        (28_600_000_046, "28600000046"),
        (2**63 - 1, "9223372036854775807"),
        ("17", "17"),
        ("0017", "17"),
    ],
)
def test_an_id_is_an_integer_or_a_text_of_digits(given: object, record_id: str) -> None:
    assert only_item(document_of(record(given, "8", "4")))[0].id == record_id


@pytest.mark.parametrize(
    "given",
    [
        -1,
        -5,
        1.0,
        17.5,
        2**63,
        2**64,
        10**30,
        "9223372036854775808",
        "-1",
        "+1",
        " 1",
        "1e3",
        "",
        True,
        None,
        [1],
        {},
    ],
)
def test_any_other_id_rejects_the_record(given: object) -> None:
    rejection = only_rejection(document_of(record(given, "8", "4")))
    assert (rejection.reason, rejection.id) == ("bad_id", None)


@pytest.mark.parametrize("timestamp", ["2023-12-20 17:00:00", "2023-12-20T17:00:00"])
def test_a_timestamp_of_either_form_is_kept_as_the_feed_gave_it(timestamp: str) -> None:
    item, _ = only_item(document_of(record(1, "8", "4", timestamp=timestamp)))
    assert (item.timestamp, item.date, item.measured_at) == (timestamp, "2023-12-20", 1_703_091_600)


@pytest.mark.parametrize(
    ("timestamp", "usable"),
    [
        ("2010-01-01 00:00:00", True),
        ("2009-12-31 23:59:59", False),
        ("2023-12-21 18:00:00", True),
        ("2023-12-21 18:00:01", False),
        ("2033-01-01 00:00:00", False),
        ("1970-01-01 00:00:00", False),
        ("2023-02-30 10:00:00", False),
        ("2023-12-20T17:00:00Z", True),
        ("2023-12-20T17:00:00.25+01:00", True),
        ("2023-12-21T19:00:00+01:00", True),
        ("2023-12-21T19:00:01+01:00", False),
        ("2010-01-01T00:59:59+01:00", False),
        ("2010-01-01 00:00:00.999Z", True),
        ("2023-12-20T17:00:00 +01:00", False),
        ("2023-12-20", False),
        (1_703_091_600, False),
        ("", False),
        ([], False),
    ],
)
def test_a_timestamp_is_usable_from_2010_to_24_hours_past_the_snapshot(timestamp: Any, usable: bool) -> None:
    document = document_of(record(1, "8", "4", timestamp=timestamp))
    if usable:
        assert only_item(document)[0].timestamp == timestamp
    else:
        assert only_rejection(document).reason == "bad_timestamp"


def test_of_a_key_given_twice_in_one_object_the_last_counts() -> None:
    text = json.dumps(record(1, "8", "4"))
    twice = text[:-1] + ',"id":2,"timestamp":"2023-12-20 16:00:00"}'
    item, _ = only_item(document_of(twice.encode()))
    assert (item.id, item.timestamp) == ("2", "2023-12-20 16:00:00")
    values = '{"value_type":"P1","value_type":"P2","value":"5","value":"6"}'
    item, _ = only_item(document_of((text[:-1] + f',"sensordatavalues":[{values}]}}').encode()))
    assert (item.pm10, item.pm25) == (None, "6")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (("7.5", "8"), "7.5"),
        (("unavailable", "8"), "8"),
        (("1999.90", "8"), "8"),
        (("1999.90", "2500"), "1999.9"),
        (("1999.90", "unavailable"), "1999.9"),
        (("unavailable", "1999.90"), "1999.9"),
    ],
)
def test_of_several_values_of_a_pollutant_the_first_in_range_counts_or_else_the_first_number(
    values: tuple[str, str], found: str
) -> None:
    given_values = [{"value_type": "P1", "value": value} for value in values]
    assert pm_values({"sensordatavalues": given_values})[0] == found
