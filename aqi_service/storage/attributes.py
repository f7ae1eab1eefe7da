"""An item as DynamoDB's attribute values, and back.

One rule: both directions stand here, side by side, and share one round-trip test.
"""

from collections.abc import Mapping
from typing import Any

from aqi_service.core.decimals import canonical
from aqi_service.core.items import ATTRIBUTES, TIMES, Item
from aqi_service.core.times import feed_time

AttributeValues = dict[str, dict[str, str]]


def key(record_id: str, key_kind: str) -> AttributeValues:
    """Return the key of a record's item in a table whose `id` is of type `S` or `N`."""
    return {"id": {key_kind: record_id}}


def to_attributes(item: Item, key_kind: str) -> AttributeValues:
    """Return the item's attributes; fields that are None are left out."""
    values: AttributeValues = {
        name: {kind: value if type(value) is str else str(value)}
        for (_, name, kind), value in zip(ATTRIBUTES, item, strict=True)
        if value is not None
    }
    values["id"] = {key_kind: item.id}
    return values


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
    text = None if value is None else value.get("N", value.get("S"))
    if not isinstance(text, str) or text == "":
        return None
    if kind == "S":
        return text
    number = canonical(text)
    if field in TIMES:
        return int(number) if number is not None and "." not in number else None
    return number
