"""DynamoDB's own rules: what it refuses and how it writes numbers; all of it without a socket."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.doubles.faults.answers import Refused, as_json, error
from tests.doubles.faults.aws_rules import (
    canonical,
    canonical_number,
    index_keys,
    item_size,
    understood,
    write_units,
)

KEYS = {"aqi": ("id",), "pairs": ("id", "at")}


def put(item: dict[str, Any]) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"id": {"S": "a"}, **item}}}


def writes(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"RequestItems": {"aqi": list(entries)}}


def ids(count: int) -> list[dict[str, Any]]:
    return [put({"id": {"S": str(number)}}) for number in range(count)]


def reads(*keys: dict[str, Any]) -> dict[str, Any]:
    return {"RequestItems": {"aqi": {"Keys": list(keys)}}}


def single(**item: Any) -> dict[str, Any]:
    return {"TableName": "aqi", "Item": {"id": {"S": "a"}, **item}}


REFUSED = {
    "26 items": ("BatchWriteItem", writes(*ids(26)), "Too many items requested"),
    "no items": ("BatchWriteItem", {"RequestItems": {}}, "must have length of 1"),
    "101 keys": (
        "BatchGetItem",
        reads(*({"id": {"S": str(i)}} for i in range(101))),
        "Too many items requested",
    ),
    "a key put twice": ("BatchWriteItem", writes(put({}), put({})), "contains duplicates"),
    "a key put and deleted": (
        "BatchWriteItem",
        writes(put({}), {"DeleteRequest": {"Key": {"id": {"S": "a"}}}}),
        "contains duplicates",
    ),
    "a key read twice": (
        "BatchGetItem",
        reads({"id": {"N": "1"}}, {"id": {"N": "1.0"}}),
        "contains duplicates",
    ),
    "39 digits": ("PutItem", single(p={"N": "1." + "1" * 38}), "more than 38 significant digits"),
    "a number too large": ("PutItem", single(p={"N": "1E126"}), "Number overflow"),
    "a number too small": ("PutItem", single(p={"N": "-9.9E-131"}), "Number underflow"),
    "a number in a list": ("PutItem", single(p={"L": [{"M": {"q": {"NS": ["1E126"]}}}]}), "Number overflow"),
    "a number in a condition": (
        "PutItem",
        single() | {"ExpressionAttributeValues": {":x": {"N": "1E999"}}},
        "Number overflow",
    ),
    "an item over 400 KB": ("PutItem", single(t={"S": "x" * 400 * 1024}), "Item size has exceeded"),
    "a batched item over 400 KB": ("BatchWriteItem", writes(put({"t": {"S": "x" * 409600}})), "Item size"),
    "a key over 2,048 bytes": ("PutItem", single(id={"S": "é" * 1025}), "limit of2048 bytes"),
    "a looked-up key over 2,048 bytes": (
        "GetItem",
        {"TableName": "aqi", "Key": {"id": {"S": "x" * 2049}}},
        "limit of2048 bytes",
    ),
    "a sort key over 1,024 bytes": (
        "PutItem",
        {"TableName": "pairs", "Item": {"id": {"S": "a"}, "at": {"S": "x" * 1025}}},
        "Size of rangekey",
    ),
    "an empty key": ("PutItem", single(id={"S": ""}), "cannot contain an empty string"),
}


@pytest.mark.parametrize(("operation", "body", "sentence"), REFUSED.values(), ids=REFUSED)
def test_dynamodb_refuses(operation: str, body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match="ValidationException") as refused:
        understood(operation, body, KEYS)
    assert sentence in refused.value.message


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("PutItem", single(AQI={"N": "1"})),
        ("BatchWriteItem", writes(*ids(2), put({"id": {"S": "x"}, "AQI": {"N": "1"}}))),
    ],
)
def test_dynamodb_refuses_an_attribute_of_another_type_than_an_index_has_it_as(
    operation: str, body: dict[str, Any]
) -> None:
    def indexed(kind: str) -> dict[str, Any]:
        index = {"IndexName": "by", "KeySchema": [{"AttributeName": "AQI", "KeyType": "HASH"}]}
        types = [{"AttributeName": "AQI", "AttributeType": kind}]
        return {"aqi": index_keys({"AttributeDefinitions": types, "GlobalSecondaryIndexes": [index]})}

    with pytest.raises(Refused) as refused:
        understood(operation, body, KEYS, indexed("S"))
    assert refused.value.message.endswith(
        "Type mismatch for Index Key AQI Expected: S Actual: N IndexName: by"
    )
    assert understood(operation, body, KEYS, indexed("N")) == body


TAKEN = {
    "25 items": ("BatchWriteItem", writes(*ids(25))),
    "100 keys": ("BatchGetItem", reads(*({"id": {"S": str(i)}} for i in range(100)))),
    "38 digits": ("PutItem", single(p={"N": "1" * 38 + "0" * 80})),
    "the largest and the smallest": ("PutItem", single(p={"NS": ["9.99E125", "-1E-130"]})),
    "a key of 2,048 bytes": ("PutItem", single(id={"S": "é" * 1024})),
    "an item of 400 KB": ("PutItem", single(t={"S": "x" * (400 * 1024 - 4)})),
    "a table that nobody described": ("PutItem", {"TableName": "other", "Item": {"id": {"S": "x" * 3000}}}),
}


@pytest.mark.parametrize(("operation", "body"), TAKEN.values(), ids=TAKEN)
def test_dynamodb_takes(operation: str, body: dict[str, Any]) -> None:
    assert set(understood(operation, body, KEYS)) == set(body)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("48.80", "48.8"),
        ("0.0", "0"),
        ("-0", "0"),
        ("1E3", "1000"),
        ("+007", "7"),
        ("1e-3", "0.001"),
        (".5", "0.5"),
        ("1E-130", "0." + "0" * 129 + "1"),
    ],
)
def test_dynamodb_gives_numbers_back_in_one_form(text: str, written: str) -> None:
    assert canonical_number(text) == written


@pytest.mark.parametrize("text", ["", "x", "NaN", "Infinity", " 1", "1_0", "٣", "1e"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="cannot be converted to a numeric value"):
        canonical_number(text)


@given(st.decimals(-(10**30), 10**30, allow_nan=False).map(str))
def test_a_canonical_number_stays_as_it_is(text: str) -> None:
    try:
        once = canonical_number(text)
    except Refused:
        return
    assert canonical_number(once) == once


def test_an_attribute_that_is_called_n_is_no_number() -> None:
    item = {"N": {"S": "4.0"}, "NS": {"L": [{"N": "4.0"}]}, "none": {"NULL": True}}
    assert canonical(item) == {"N": {"S": "4.0"}, "NS": {"L": [{"N": "4"}]}, "none": {"NULL": True}}


def test_an_items_size_counts_names_and_values() -> None:
    item = {
        "id": {"S": "é"},
        "n": {"N": "-12.5"},
        "b": {"B": base64.b64encode(b"1234").decode()},
        "l": {"L": [{"BOOL": True}]},
    }
    assert item_size(item) == (2 + 2) + (1 + 3) + (1 + 4) + (1 + 3 + 1 + 1)


def test_a_write_costs_a_unit_for_each_kilobyte_begun() -> None:
    assert write_units(put({})) == 1
    assert write_units(put({"t": {"S": "x" * 1024}})) == 2
    assert write_units({"DeleteRequest": {"Key": {"id": {"S": "a"}}}}) == 1


def test_errors_are_written_as_each_service_does() -> None:
    s3_error, dynamodb_error = error("s3", "SlowDown"), error("dynamodb", "ThrottlingException")
    assert (s3_error.status, dynamodb_error.status) == (503, 400)
    assert isinstance(s3_error.body, bytes)
    assert isinstance(dynamodb_error.body, bytes)
    assert b"<Code>SlowDown</Code>" in s3_error.body
    assert json.loads(dynamodb_error.body)["__type"].endswith("#ThrottlingException")
    assert error("s3", "", status=502).body == b""


def test_an_answer_of_dynamodb_has_the_crc32_of_its_body() -> None:
    body, headers = as_json({})
    assert (body, headers["x-amz-crc32"]) == (b"{}", "2745614147")
