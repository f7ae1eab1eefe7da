"""An item as DynamoDB's attribute values, and back.

One rule: both directions stand here, side by side, and share one round-trip test.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from aqi_service.core.decimals import MAX_PLACES, canonical
from aqi_service.core.items import ATTRIBUTES, TIMES, Item
from aqi_service.core.times import feed_time
from aqi_service.errors import MissingResource

AttributeValues = dict[str, dict[str, str]]


def key_kind(what: str, described: Any) -> str:
    """Return the type of a described table's key, `S` or `N`. Raises MissingResource if that is not `id`."""
    kinds = {each["AttributeName"]: str(each["AttributeType"]) for each in described["AttributeDefinitions"]}
    keys = [each["AttributeName"] for each in described["KeySchema"]]
    if keys != ["id"] or kinds["id"] not in ("S", "N"):
        raise MissingResource(f"{what} has another key than `id` (text or number): name another with --table")
    return kinds["id"]


def key(record_id: str, key_kind: str) -> AttributeValues:
    """Return the key of a record's item in a table whose `id` is of type `S` or `N`."""
    return {"id": {key_kind: record_id}}


def to_attributes(item: Item, key_kind: str) -> AttributeValues:
    """Return the item's attributes; fields that are None are left out."""
    values: AttributeValues = {
        name: {kind: str(value)}
        for (_, name, kind), value in zip(ATTRIBUTES, item, strict=True)
        if value is not None
    }
    values["id"] = {key_kind: item.id}
    return values


def put_request(item: Item, key_kind: str) -> bytes:
    """Return the item as one put of a batch, in JSON."""
    return orjson.dumps({"PutRequest": {"Item": to_attributes(item, key_kind)}})


def from_attributes(values: Mapping[str, Mapping[str, Any]]) -> Item:
    """Return the item that the attributes stand for.

    Reads what other programs wrote as well: numbers stored as text, attributes that are missing or of
    another type. What is no usable number is None; a missing `measured_at` follows from the timestamp.
    """
    fields = {field: _read(values.get(name), field, kind) for field, name, kind in ATTRIBUTES}
    if fields["measured_at"] is None:
        fields["measured_at"] = feed_time(fields["timestamp"])
    return Item(**fields)


def _read(value: Mapping[str, Any] | None, field: str, kind: str) -> Any:
    if value is None:
        return None
    text = value.get("N", value.get("S"))
    if not isinstance(text, str) or text == "":
        return None
    if kind == "S":
        return text
    number = canonical(text) or ("N" in value and _without_exponent(text)) or None
    if field in TIMES:
        return int(number) if number is not None and "." not in number else None
    return number


def _without_exponent(text: str) -> str | None:
    """Write a number `1E+2` as `100`: boto3 sends such, and not every endpoint gives them back plain."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    plain = number.is_finite() and abs(number.adjusted()) <= MAX_PLACES
    return canonical(f"{number:f}") if plain else None
