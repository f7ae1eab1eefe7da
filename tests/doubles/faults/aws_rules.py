"""DynamoDB's own rules, where an emulator is kinder: limits of a request, numbers, keys, sizes of items.

One rule: pure; a request that AWS would refuse raises Refused with AWS's sentence, any other comes back as
DynamoDB would understand it (numbers in their canonical form).

Source: DynamoDB Developer Guide, "Service, account, and table quotas" and "Supported data types".
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation
from itertools import chain
from types import MappingProxyType
from typing import Any

from tests.doubles.faults.answers import Refused

Body = Mapping[str, Any]
Keys = Mapping[str, tuple[str, ...]]
"""Table -> the names of its key's attributes, the partition key first; tables not there are not checked."""
Indexes = Mapping[str, tuple[tuple[str, str, str], ...]]
"""Table -> (index, attribute, type) of each key of its indexes."""

MAX_WRITES, MAX_READS = 25, 100
MAX_ITEM = 400 * 1024
MAX_KEY = (2048, 1024)
"""Bytes of a partition key and of a sort key."""

DIGITS = 38
HIGHEST, LOWEST = 125, -130
"""Powers of ten of the leading digit, between which a number may be (9.99E125, 1E-130)."""

_EXACT = Context(prec=2000)


def understood(
    operation: str, body: Body, keys: Keys, indexes: Indexes = MappingProxyType({})
) -> dict[str, Any]:
    """Return the request with canonical numbers; raises Refused where AWS answers ValidationException."""
    found: dict[str, Any] = canonical(body)
    messages = (check(found, keys) for check in CHECKS.get(operation, ()))
    for message in chain(messages, (_index_mismatch(found, indexes),)):
        if message:
            raise Refused("ValidationException", message)
    return found


def keys_of_table(described: Body) -> tuple[str, ...]:
    """Return the names of a described table's key, the partition key first."""
    schema = sorted(described.get("KeySchema", ()), key=lambda key: str(key["KeyType"]))
    return tuple(key["AttributeName"] for key in schema)


def index_keys(described: Body) -> tuple[tuple[str, str, str], ...]:
    """Return (index, attribute, type) of each key of a described table's indexes."""
    types = {
        each["AttributeName"]: each["AttributeType"] for each in described.get("AttributeDefinitions", ())
    }
    return tuple(
        (index["IndexName"], key["AttributeName"], types[key["AttributeName"]])
        for which in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        for index in described.get(which) or ()
        for key in index["KeySchema"]
    )


def canonical(value: Any) -> Any:
    """Return a request or an answer with every number as DynamoDB writes it; raises Refused for a bad one."""
    if isinstance(value, Mapping):
        return {name: _numbers(name, found) or canonical(found) for name, found in value.items()}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    return value


def canonical_number(text: str) -> str:
    """Return a number without needless zeros and without exponent: `48.80` -> `48.8`, `1E2` -> `100`."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or text.strip() != text or "_" in text or not text.isascii():
        raise Refused("ValidationException", f"The parameter cannot be converted to a numeric value: {text}")
    if not number:
        return "0"
    number = number.normalize(_EXACT)
    _check_range(number)
    return f"{number:f}"


def item_size(item: Body) -> int:
    """Return the bytes that AWS counts for an item: names and values."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def write_units(entry: Body) -> int:
    """Return the write units of one PutRequest or DeleteRequest, or of a PutItem's request."""
    item = entry.get("PutRequest", entry).get("Item")
    return 1 if item is None else max(1, -(-item_size(item) // 1024))


def value_size(value: Body) -> int:
    """Return the bytes of one attribute value."""
    ((kind, content),) = value.items()
    return _SIZES[kind](content)


def entries(body: Body) -> list[tuple[str, Any]]:
    """Return the (table, request or key) pairs of a batch, in order."""
    return [
        (table, each)
        for table, asked in body.get("RequestItems", {}).items()
        for each in (asked["Keys"] if isinstance(asked, Mapping) else asked)
    ]


def key_of(body: Body, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the key of a batch's entry or of a single request; None if it has none."""
    content = next((body[kind] for kind in ("PutRequest", "DeleteRequest") if kind in body), body)
    if "Item" in content:
        return {name: content["Item"][name] for name in names if name in content["Item"]}
    return content.get("Key")


def keys_of(body: Body, keys: Keys) -> Iterator[tuple[str, Body]]:
    """Yield (table, key) of every item that a request reads or writes."""
    if "TableName" in body:
        key = key_of(body, keys.get(body["TableName"], ()))
        if key:
            yield body["TableName"], key
    for table, entry in entries(body):
        writes = "PutRequest" in entry or "DeleteRequest" in entry
        yield table, (key_of(entry, keys.get(table, ())) or {}) if writes else entry


def _check_range(number: Decimal) -> None:
    beyond = {
        "Attempting to store more than 38 significant digits in a Number": len(number.as_tuple().digits)
        > DIGITS,
        "Number overflow. Attempting to store a number with magnitude larger than supported range": (
            number.adjusted() > HIGHEST
        ),
        "Number underflow. Attempting to store a number with magnitude smaller than supported range": (
            number.adjusted() < LOWEST
        ),
    }
    for message, is_so in beyond.items():
        if is_so:
            raise Refused("ValidationException", message)


def _numbers(name: str, value: Any) -> Any:
    """Return the canonical content of an attribute value `{"N": ...}` or `{"NS": [...]}`, else None."""
    if name == "N" and isinstance(value, str):
        return canonical_number(value)
    if name == "NS" and isinstance(value, list):
        return [canonical_number(each) for each in value]
    return None


def _too_many(most: int, operation: str) -> Callable[[Body, Keys], str]:
    def check(body: Body, keys: Keys) -> str:
        del keys
        return f"Too many items requested for the {operation} call" if len(entries(body)) > most else ""

    return check


def _is_empty(body: Body, keys: Keys) -> str:
    del keys
    return (
        "" if entries(body) else "1 validation error detected: 'requestItems' must have length of 1 or more"
    )


def _repeats(body: Body, keys: Keys) -> str:
    found = [(table, json.dumps(key, sort_keys=True)) for table, key in keys_of(body, keys) if key]
    return "Provided list of item keys contains duplicates" if len(set(found)) < len(found) else ""


def _bad_key(body: Body, keys: Keys) -> str:
    for table, key in keys_of(body, keys):
        for name, most, which in zip(keys.get(table, ()), MAX_KEY, ("hashkey", "rangekey"), strict=False):
            size = 1 if name not in key or "N" in key[name] else value_size(key[name])
            if size > most:
                return (
                    "One or more parameter values were invalid: "
                    f"Size of {which} has exceeded the maximum size limit of{most} bytes"
                )
            if not size:
                return (
                    "One or more parameter values are not valid. The AttributeValue for a key attribute "
                    f"cannot contain an empty string value. Key: {name}"
                )
    return ""


def _index_mismatch(body: Body, indexes: Indexes) -> str:
    """Say which item's attribute has another type than an index has it as; moto looks only for NULL."""
    puts = [(body.get("TableName", ""), body)] if "Item" in body else []
    puts += [(table, entry["PutRequest"]) for table, entry in entries(body) if "PutRequest" in entry]
    for table, put in puts:
        for index, name, kind in indexes.get(table, ()):
            if name in put["Item"] and kind not in put["Item"][name]:
                (actual,) = put["Item"][name]
                return (
                    "One or more parameter values were invalid: Type mismatch for Index Key "
                    f"{name} Expected: {kind} Actual: {actual} IndexName: {index}"
                )
    return ""


def _too_large(body: Body, keys: Keys) -> str:
    del keys
    puts = [body, *(entry.get("PutRequest", {}) for _, entry in entries(body))]
    large = any(item_size(put["Item"]) > MAX_ITEM for put in puts if "Item" in put)
    return "Item size has exceeded the maximum allowed size" if large else ""


CHECKS: dict[str, tuple[Callable[[Body, Keys], str], ...]] = {
    "BatchWriteItem": (_is_empty, _too_many(MAX_WRITES, "BatchWriteItem"), _repeats, _bad_key, _too_large),
    "BatchGetItem": (_is_empty, _too_many(MAX_READS, "BatchGetItem"), _repeats, _bad_key),
    "PutItem": (_bad_key, _too_large),
    "GetItem": (_bad_key,),
    "UpdateItem": (_bad_key,),
    "DeleteItem": (_bad_key,),
}
"""Operation -> its checks in order; each returns AWS's sentence, or nothing."""

_SIZES: dict[str, Callable[[Any], int]] = {
    "S": lambda text: len(text.encode()),
    "N": lambda text: 1 + -(-len(text.strip("-0.").replace(".", "")) // 2),
    "B": lambda text: len(base64.b64decode(text)),
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "SS": lambda texts: sum(len(text.encode()) for text in texts),
    "NS": lambda texts: sum(_SIZES["N"](text) for text in texts),
    "BS": lambda texts: sum(_SIZES["B"](text) for text in texts),
    "L": lambda values: 3 + sum(1 + value_size(value) for value in values),
    "M": lambda values: 3 + len(values) + item_size(values),
}
"""Type -> bytes of a value. Source: Developer Guide, "DynamoDB item sizes and formats"."""
