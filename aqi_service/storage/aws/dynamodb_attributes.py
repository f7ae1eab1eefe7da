"""An item as DynamoDB's attribute values, and back.

One rule: both directions are here, side by side, and share one round-trip test.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from aqi_service.core.decimals import MAX_PLACES, canonical
from aqi_service.core.items import ATTRIBUTES, TIMES, Item
from aqi_service.core.times import feed_time
from aqi_service.errors import OR_A_NEW_ONE, ConfigError, MissingResource, Unavailable

AttributeValues = dict[str, dict[str, str]]


_DESCRIBED = ("TableStatus", "KeySchema", "AttributeDefinitions")


def described_table(what: str, answer: Any) -> Any:
    """Return the table of an answer to DescribeTable. Raises Unavailable if it describes none."""
    table = answer.get("Table") or {}
    if not all(table.get(part) for part in _DESCRIBED):
        raise Unavailable(f"{what}: the endpoint describes no table: check the endpoint")
    return table


def key_kind(what: str, described: Any) -> str:
    """Return the type of a described table's key, `S` or `N`. Raises MissingResource if that is not `id`."""
    types = _types(described)
    keys = _keys(described)
    if keys != ["id"] or types.get("id") not in ("S", "N"):
        named = " and ".join(f"`{name}` ({_said(types.get(name))})" for name in keys)
        raise MissingResource(
            f"{what} has another key than `id` (text or number) alone, namely {named}: "
            f"name another with --table{OR_A_NEW_ONE}"
        )
    return types["id"]


def check_indexes(what: str, described: Any) -> None:
    """Raise ConfigError if an index of a table is on an attribute whose type differs from the written one.

    DynamoDB then refuses every item that has the attribute, whoever made the index.
    """
    types = _types(described)
    written = {name: kind for _, name, kind in ATTRIBUTES[1:]}  # the key has the type that the table gives it
    wrong = [
        f"its index {index['IndexName']} has `{name}` as {_said(types[name])}, and it is written as "
        f"{_said(written[name])}"
        for index in indexes(described)
        for name in _keys(index)
        if name in types and types[name] != written.get(name, types[name])
    ]
    if wrong:
        raise ConfigError(
            f"{what} would refuse every item: {'; '.join(wrong)}: delete that index, "
            "or name another table with --table"
        )


def indexes(described: Any) -> list[Any]:
    """Return the indexes of a described table, global and local."""
    return [
        index
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        for index in described.get(kind) or []
    ]


def _types(described: Any) -> dict[str, str]:
    return {each["AttributeName"]: str(each["AttributeType"]) for each in described["AttributeDefinitions"]}


def _keys(described: Any) -> list[str]:
    return [each["AttributeName"] for each in described["KeySchema"]]


def _said(kind: str | None) -> str:
    said = {"S": "text (S)", "N": "a number (N)", "B": "bytes (B)"}
    return said.get(kind or "", "of no type that is told")


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
    """Return the item of these attributes.

    It also reads items of other programs: numbers stored as text, attributes that are missing or of another
    type. An unusable number becomes None; a missing `measured_at` follows from the timestamp.
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
    """Write a number `1E+2` as `100`: boto3 sends such numbers, and not every endpoint returns them plain."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    plain = number.is_finite() and abs(number.adjusted()) <= MAX_PLACES
    return canonical(f"{number:f}") if plain else None
