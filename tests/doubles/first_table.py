"""The SQLite file as version 0.1.0 of commit a9f23d7 made, wrote and read it.

One rule: recorded from that commit, never to be changed: files of it are out there.
"""

import sqlite3
from pathlib import Path

from aqi_service.core.items import Item
from tests.doubles.storage_items import FULL

COMMIT = "a9f23d7"
_FIELDS = [
    "latitude",
    "longitude",
    "altitude",
    "country",
    "timestamp",
    "date",
    "pm25",
    "pm10",
    "aqi",
    "aqi_range",
    "sensor_id",
    "sensor_type",
    "indoor",
    "measured_at",
    "snapshot_at",
    "scale",
    "aqi_pollutant",
    "expires_at",
]
_COLUMNS = ", ".join(("id", *_FIELDS))

ITEMS = (
    "CREATE TABLE items (id INTEGER PRIMARY KEY, latitude TEXT, longitude TEXT, altitude TEXT, country TEXT, "
    "timestamp TEXT, date TEXT, pm25 TEXT, pm10 TEXT, aqi TEXT, aqi_range TEXT, sensor_id TEXT, "
    "sensor_type TEXT, indoor TEXT, measured_at INTEGER, snapshot_at INTEGER, scale TEXT, "
    "aqi_pollutant TEXT, expires_at INTEGER)"
)
MADE = (
    "PRAGMA journal_mode = WAL",
    "BEGIN IMMEDIATE",
    ITEMS,
    "CREATE INDEX items_by_sensor ON items (sensor_id, measured_at)",
    "CREATE INDEX items_by_expiry ON items (expires_at) WHERE expires_at IS NOT NULL",
    "CREATE TABLE about (table_id TEXT NOT NULL, settled INTEGER NOT NULL)",
    "INSERT INTO about VALUES (lower(hex(randomblob(8))), 0)",
    "PRAGMA application_id = 1095846193",
    "PRAGMA user_version = 1",
    "COMMIT",
)
GET = f"SELECT {_COLUMNS} FROM items WHERE id = ?"  # noqa: S608 (our own field names only, here and below)
GET_MANY = f"SELECT {_COLUMNS} FROM items WHERE id IN (?, ?)"  # noqa: S608
PUT = (
    f"INSERT INTO items ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    " ON CONFLICT (id) DO UPDATE SET " + ", ".join(f"{field} = excluded.{field}" for field in _FIELDS)
)
PUT_UNLESS_NEWER = PUT + (
    " WHERE (coalesce(excluded.measured_at, -1), coalesce(excluded.snapshot_at, -1))"
    " >= (coalesce(items.measured_at, -1), coalesce(items.snapshot_at, -1))"
)
EXPIRE = "DELETE FROM items WHERE id IN (SELECT id FROM items WHERE expires_at <= ? LIMIT ?)"
IDENTITY = "SELECT table_id FROM about"
SETTLE = "UPDATE about SET settled = settled + 1"

LASTING = FULL._replace(expires_at=None)


def row(item: Item) -> tuple[int | str | None, ...]:
    """Return the fields that it knew."""
    return (int(item.id), *item[1 : len(_FIELDS) + 1])


def make(folder: Path, *items: Item) -> sqlite3.Connection:
    """Make a file as the first version did, with items in it; the connection stays open."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "air_quality.db", isolation_level=None)
    for statement in MADE:
        connection.execute(statement)
    connection.executemany(PUT, map(row, items))
    return connection


def use(connection: sqlite3.Connection) -> None:
    """Do all that the first version did with the file; each statement must do what it did."""
    first, second = LASTING._replace(id="8"), LASTING._replace(id="9", measured_at=5, expires_at=7)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.execute("BEGIN IMMEDIATE")
    for item in (first, second, first):
        assert connection.execute(PUT, row(item)).rowcount == 1
    assert connection.execute(PUT_UNLESS_NEWER, row(first._replace(measured_at=1))).rowcount == 0
    connection.execute("COMMIT")
    assert connection.execute(GET, (8,)).fetchone() == row(first)
    assert sorted(connection.execute(GET_MANY, (8, 9)).fetchall()) == [row(first), row(second)]
    assert connection.execute(EXPIRE, (7, 1000)).rowcount == 1
    assert len(connection.execute(IDENTITY).fetchall()) == 1
    assert connection.execute(SETTLE).rowcount == 1
