"""An item as DynamoDB's attribute values and back, and what other programs stored in its place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.decimals import canonical
from aqi_service.core.items import ATTRIBUTES, Item
from aqi_service.errors import MissingResource
from aqi_service.storage.aws.dynamodb_attributes import from_attributes, key, key_kind, to_attributes
from tests.doubles.storage_items import FULL, ITEMS

KINDS = st.sampled_from(["S", "N"])


@given(ITEMS, KINDS)
def test_any_item_comes_back_the_same_whatever_the_type_of_the_key(item: Item, kind: str) -> None:
    assert from_attributes(to_attributes(item, kind)) == item


@given(ITEMS, KINDS)
def test_every_value_is_a_text_under_its_own_type_and_none_is_empty(item: Item, kind: str) -> None:
    values = to_attributes(item, kind)
    kinds = {name: each for _, name, each in ATTRIBUTES} | {"id": kind}
    assert {name: next(iter(value)) for name, value in values.items()} == {
        name: kinds[name] for name in values
    }
    assert all(type(text) is str for value in values.values() for text in value.values())
    assert len(values) == sum(field is not None for field in item)
    assert values["id"] == key(item.id, kind)["id"]


@given(ITEMS, KINDS)
def test_numbers_stored_as_text_count_as_the_numbers_they_are(item: Item, kind: str) -> None:
    as_text: Any = {name: {"S": next(iter(v.values()))} for name, v in to_attributes(item, kind).items()}
    assert from_attributes(as_text) == item


@given(st.decimals(-9999, 9999, places=3), st.sampled_from(["", "0", "00"]))
def test_surplus_zeros_make_no_difference(number: Any, zeros: str) -> None:
    read = from_attributes({"id": {"S": "1"}, "P10": {"N": f"{number:f}{zeros}"}})
    assert read.pm10 == canonical(f"{number:f}")


@given(st.integers(-(10**37), 10**37), st.integers(-120, 90))
def test_a_number_with_an_exponent_is_read_as_its_digits(digits: int, exponent: int) -> None:
    plain = f"{digits}{'0' * exponent}" if exponent >= 0 else _shifted(digits, -exponent)
    assert from_attributes({"id": {"S": "1"}, "AQI": {"N": f"{digits}E{exponent}"}}).aqi == canonical(plain)


def _shifted(digits: int, places: int) -> str:
    sign, text = ("-", str(-digits)) if digits < 0 else ("", str(digits))
    text = text.rjust(places + 1, "0")
    return f"{sign}{text[:-places]}.{text[-places:]}"


@pytest.mark.parametrize(
    "value",
    [
        {"S": "unavailable"},
        {"S": ""},
        {"S": "1_0"},
        {"S": " 12 "},
        {"S": "+5"},
        {"S": "1e2"},
        {"S": "\u0661"},
        {"N": "NaN"},
        {"N": "Infinity"},
        {"N": "1E+999999999"},
        {"N": "1E-999999999"},
        {"N": "1" * 39},
        {"NULL": True},
        {"BOOL": True},
        {"L": [{"N": "1"}]},
        {"M": {}},
        {"B": b"1"},
        {"SS": ["1"]},
        {},
    ],
)
@pytest.mark.parametrize("name", ["P2.5", "latitude", "AQI", "sensor_id", "measured_at", "expires_at"])
def test_what_is_no_usable_number_is_absent(name: str, value: dict[str, Any]) -> None:
    assert from_attributes({"id": {"S": "1"}, name: value}) == Item("1")


@pytest.mark.parametrize("value", [{"S": ""}, {"NULL": True}, {"L": []}, {"B": b"1"}, {}])
def test_what_is_no_text_or_an_empty_one_is_absent(value: dict[str, Any]) -> None:
    assert from_attributes({"id": {"S": "1"}, "country": value}) == Item("1")


@pytest.mark.parametrize(
    ("text", "plain"),
    [("1E-130", f"0.{'0' * 129}1"), ("1E-131", None), ("1E+125", f"1{'0' * 125}"), ("1E+126", None)],
)
def test_the_smallest_and_the_largest_number_that_dynamodb_holds_are_read(
    text: str, plain: str | None
) -> None:
    assert from_attributes({"id": {"S": "1"}, "AQI": {"N": text}}).aqi == plain


def test_a_time_must_be_a_whole_number() -> None:
    read = from_attributes({"id": {"S": "1"}, "expires_at": {"N": "17.5"}, "snapshot_at": {"S": "1700.0"}})
    assert read == Item("1", snapshot_at=1700)


def test_unknown_attributes_are_passed_over() -> None:
    values = to_attributes(FULL, "S") | {"else": {"S": "x"}}
    assert from_attributes(values) == FULL


@pytest.mark.parametrize("timestamp", ["2023-12-20 17:00:00", "2023-12-20T17:00:00"])
def test_an_item_without_measured_at_takes_it_from_its_timestamp(timestamp: str) -> None:
    values = {"id": {"N": "1"}, "timestamp": {"S": timestamp}}
    assert from_attributes(values).measured_at == 1703091600


@pytest.mark.parametrize("timestamp", ["", "yesterday", "2023-12-20"])
def test_a_timestamp_that_is_none_gives_no_measured_at(timestamp: str) -> None:
    assert from_attributes({"id": {"N": "1"}, "timestamp": {"S": timestamp}}).measured_at is None


def described(*keys: tuple[str, str]) -> dict[str, Any]:
    return {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in keys],
        "KeySchema": [{"AttributeName": name} for name, _ in keys],
    }


@pytest.mark.parametrize("kind", ["S", "N"])
def test_the_type_of_the_key_is_read_from_the_tables_description(kind: str) -> None:
    assert key_kind("table t", described(("id", kind))) == kind


@pytest.mark.parametrize("keys", [[("id", "B")], [("sensor", "S")], [("id", "S"), ("timestamp", "S")]])
def test_another_key_than_id_is_refused_in_a_sentence(keys: list[tuple[str, str]]) -> None:
    with pytest.raises(MissingResource, match=r"^table t has another key than `id`"):
        key_kind("table t", described(*keys))
