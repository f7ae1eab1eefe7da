"""An item as bytes: a head, the row of its reply as it is sent, and the item's other fields.

One rule: a packed item comes back as the same item; an item that does not fit is not packed.

So a record needs a fifth of the memory of an Item, and the garbage collector never visits it.
"""

from struct import Struct
from typing import Any

import orjson

from aqi_service.core.csv_reply import csv_row
from aqi_service.core.items import COLUMNS, OF_DAYS, Item

MOST_BYTES = 1024
"""Largest packed record (the feed's have 160 to 180 bytes)."""

HEAD = Struct("<qqH")
"""When the record was measured and when it expires (epoch seconds), and the length of its row. The row
follows, then the item's other fields as JSON (all fields, if the row alone does not give them exactly)."""
START = HEAD.size
_NEVER = 2**63 - 1

_CELLS = len(COLUMNS)
_BESIDE = len(Item._fields) - _CELLS
_OF_DAYS = len(OF_DAYS)
"""Fields at the end that no snapshot's record has; blank ones are not packed, since each byte counts once for
each record."""


def pack(item: Item) -> bytes | None:
    """Return an item as bytes; None if it is larger than MOST_BYTES or has a time that HEAD cannot hold."""
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
    """Return the fields of a row without quotes."""
    cells: list[Any] = row[:-2].decode().split(",")
    return [cell or None for cell in cells] if "" in cells else cells


def _end_of_row(packed: bytes) -> int:
    end: int = START + HEAD.unpack_from(packed)[-1]
    return end
