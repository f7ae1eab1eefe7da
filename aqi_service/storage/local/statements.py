"""The table in SQLite: its columns, its schema number, its statements, and an item as a row.

One rule: columns and statements follow from `core.items`; a new field there needs a new schema here.
"""

import re
from typing import Any

from aqi_service.core.items import ATTRIBUTES, OF_DAYS, TIMES, Item

APPLICATION_ID = 0x41514931
"""`AQI1`: tells us, and the command `file`, whose database it is."""

_FIELDS = tuple(attribute.field for attribute in ATTRIBUTES)

_TYPES = {"id": "INTEGER PRIMARY KEY", **dict.fromkeys(TIMES, "INTEGER")}

_COLUMNS = ", ".join(_FIELDS)

SCHEMAS = (
    (
        # What is neither key nor time is TEXT: a decimal keeps its canonical text.
        "CREATE TABLE items ({})".format(
            ", ".join(f"{field} {_TYPES.get(field, 'TEXT')}" for field in _FIELDS if field not in OF_DAYS)
        ),
        "CREATE INDEX items_by_sensor ON items (sensor_id, measured_at)",
        "CREATE INDEX items_by_expiry ON items (expires_at) WHERE expires_at IS NOT NULL",
        # One row: which creation of the table this is, and how often it was settled.
        "CREATE TABLE about (table_id TEXT NOT NULL, settled INTEGER NOT NULL)",
        "INSERT INTO about VALUES (lower(hex(randomblob(8))), 0)",
    ),
)
"""The statements from schema N to N + 1 (0: an empty file). Released ones are never changed. A program
refuses a file with an unknown number; changes that it need not know are in `additions`.
"""

GET = f"SELECT {_COLUMNS} FROM items WHERE id = ?"  # noqa: S608 (our own field names only, here and below)

PUT = (
    f"INSERT INTO items ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))}) ON CONFLICT (id) DO UPDATE SET "  # noqa: S608
    + ", ".join(f"{field} = excluded.{field}" for field in _FIELDS[1:])
)

PUT_UNLESS_NEWER = PUT + (
    " WHERE (coalesce(excluded.measured_at, -1), coalesce(excluded.snapshot_at, -1)) >= ("
    "coalesce(items.measured_at, -1),"
    " CASE WHEN items.snapshot_at > ? THEN -1 ELSE coalesce(items.snapshot_at, -1) END)"
)
"""The rule of `core.items.judge` and `dated`: a missing time is older than any; if both times are equal, the
item loaded later wins; and a `snapshot_at` beyond `core.clocks.counts_until` (the last parameter) counts as
missing."""

EXPIRE = "DELETE FROM items WHERE id IN (SELECT id FROM items WHERE expires_at <= ? LIMIT ?)"

DELETE_OF_SENSOR = "DELETE FROM items WHERE id = ? AND sensor_id = ?"

IDENTITY = "SELECT table_id FROM about"

SETTLE = "UPDATE about SET settled = settled + 1"

ADD_RECEIPT = "INSERT INTO receipts VALUES (?)"

HAS_RECEIPT = "SELECT 1 FROM receipts WHERE receipt = ?"

_ID = re.compile("[0-9]{1,19}")


def row_id(record_id: str) -> int | None:
    """Return a record's id as the table's key, or None if no record can have it."""
    if not _ID.fullmatch(record_id):
        return None
    number = int(record_id)
    return number if number < 2**63 else None


def to_row(item: Item) -> tuple[int | str | None, ...]:
    """Return an item as the table's row. Raises ValueError for an id that no record can have."""
    number = row_id(item.id)
    if number is None:
        raise ValueError("the id is not an integer from 0 to 2^63-1")
    return (number, *item[1:])


def from_row(row: tuple[Any, ...]) -> Item:
    """Return a row of the table as an item."""
    return Item(str(row[0]), *row[1:])


def get_many(count: int) -> str:
    """Return the statement that selects the rows of `count` ids."""
    return f"SELECT {_COLUMNS} FROM items WHERE id IN ({', '.join('?' * count)})"  # noqa: S608
