"""Decodes answers of BatchGetItem directly into items, if the whole answer has the form below.

One rule: an item read here equals that of `from_attributes`; any other answer is left to that function.

So the types are closed, no text is empty, and all numbers of an answer are checked together to be plain.
"""

import re
from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter, or_
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from aqi_service.core.decimals import PLAIN_NUMBER
from aqi_service.core.items import ATTRIBUTES, Item, item_of
from aqi_service.core.times import feed_time
from aqi_service.storage.aws.dynamodb_attributes import AttributeValues

_Given = Annotated[str, Meta(min_length=1)]


class _Text(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    S: _Given


class _Number(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    N: _Given


class _Key(Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    S: str | None = None
    N: str | None = None


class _Absent:
    S = N = None


_KINDS: dict[str, Any] = {"S": _Text, "N": _Number}
_ABSENT: Any = _Absent()
_Stored: Any = msgspec.defstruct(
    "_Stored",
    [("id", _Key), *((field, _KINDS[kind], _ABSENT) for field, _, kind in ATTRIBUTES[1:])],
    rename={field: name for field, name, _ in ATTRIBUTES},
    forbid_unknown_fields=True,
    frozen=True,
    gc=False,
)


class _Unread(Struct, forbid_unknown_fields=True):
    Keys: list[AttributeValues]
    ConsistentRead: bool = False


class _Answer(Struct, forbid_unknown_fields=True):
    Responses: dict[str, list[_Stored]]
    UnprocessedKeys: dict[str, _Unread] = {}
    ConsumedCapacity: list[Any] = []  # not asked for, and given all the same by some that stand in for AWS


_ANSWER = msgspec.json.Decoder(_Answer)
_TEXTS: Callable[[Any], tuple[str | None, ...]] = attrgetter(
    "id.N", "id.S", *(f"{field}.{kind}" for field, _, kind in ATTRIBUTES[1:])
)
_NUMBERS = [at for at, (_, _, kind) in enumerate(ATTRIBUTES[1:], 2) if kind == "N"]
"""Places of the numbers among these texts: the two forms of the id, of which one is there, come first."""

_TIMESTAMP = Item._fields.index("timestamp") + 1
_PLAIN = re.compile(rf"(?:{PLAIN_NUMBER}\n)*")


def read_answer(body: bytes) -> tuple[dict[str, Item], list[AttributeValues]] | None:
    """Return an answer's items, by id, and the unprocessed keys; None if it has another form."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    rows = [_TEXTS(stored) for stored in chain(*answer.Responses.values())]
    if rows and not _are_plain(rows):
        return None
    try:
        items = [_item(row) for row in rows]
    except ValueError:  # a time with a fraction
        return None
    unread = [key for each in answer.UnprocessedKeys.values() for key in each.Keys]
    return {item.id: item for item in items}, unread


def _are_plain(rows: Sequence[tuple[str | None, ...]]) -> bool:
    """Tell whether all numbers have the right form, and all ids are there."""
    columns = list(zip(*rows, strict=True))
    if not all(map(or_, map(bool, columns[0]), map(bool, columns[1]))):
        return False
    numbers = [*chain(*(filter(None, columns[at]) for at in _NUMBERS)), ""]
    text = "\n".join(numbers)
    return text.count("\n") == len(numbers) - 1 and _PLAIN.fullmatch(text) is not None


def _item(row: tuple[Any, ...]) -> Item:
    measured_at, snapshot_at, expires_at = row[15], row[16], row[19]
    return item_of(
        (
            row[0] or row[1],
            *row[2:15],
            feed_time(row[_TIMESTAMP]) if measured_at is None else int(measured_at),
            None if snapshot_at is None else int(snapshot_at),
            *row[17:19],
            None if expires_at is None else int(expires_at),
            *row[20:],
        )
    )
