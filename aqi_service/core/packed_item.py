"""An item as bytes: the row of its reply as it is sent, between a head and what the item has beside that row.

One rule: what is packed comes back as the same item; what does not fit is not packed.

So a record takes a fifth of the memory of an Item, and the garbage collector never looks at it.
"""

from struct import Struct
from typing import Any

import orjson

from aqi_service.core.csv_reply import csv_row
from aqi_service.core.items import COLUMNS, OF_DAYS, Item

MOST_BYTES = 1024
"""Largest packed record (the feed's have 160 to 180 bytes)."""

HEAD = Struct("<qqH")
"""When the record was measured and when it expires (epoch seconds), and how long its row is. The row follows,
and what the item has beside it (as JSON): all of it where the row alone does not tell its fields."""
START = HEAD.size
_NEVER = 2**63 - 1

_CELLS = len(COLUMNS)
_BESIDE = len(Item._fields) - _CELLS
_OF_DAYS = len(OF_DAYS)
"""Fields at the end that no snapshot's record has; each byte here counts once a record."""


def pack(item: Item) -> bytes | None:
    """Return an item as bytes; None if it is larger than any of the feed's."""
    row = csv_row(item)
    expires_at = _NEVER if item.expires_at is None else item.expires_at
    measured_at = 0 if item.measured_at is None else item.measured_at
    if len(row) > MOST_BYTES or not 0 <= expires_at <= _NEVER or not 0 <= measured_at <= _NEVER:
        return None
    fields = item[:] if item[-_OF_DAYS:] != (None,) * _OF_DAYS else item[:-_OF_DAYS]
    beside = fields[_CELLS:] if _fields(row) == [*item[:_CELLS]] else fields
    packed = HEAD.pack(measured_at, expires_at, len(row)) + row + orjson.dumps(beside)
    return packed if len(packed) <= MOST_BYTES else None


def unpack(packed: bytes) -> Item:
    """Return the item that was packed."""
    end = _end_of_row(packed)
    beside = orjson.loads(packed[end:])
    return Item(*beside) if len(beside) > _BESIDE else Item(*_fields(packed[START:end]), *beside)


def _fields(row: bytes) -> list[Any]:
    """Return the fields of a row, of one in which nothing is quoted."""
    cells: list[Any] = row[:-2].decode().split(",")
    return [cell or None for cell in cells] if "" in cells else cells


def _end_of_row(packed: bytes) -> int:
    end: int = START + HEAD.unpack_from(packed)[-1]
    return end
