"""Additions of the SQLite file to schema 1: numbers that compare, the view `air`, receipts, hours of days.

One rule: nothing here changes the schema number, or what a program that knows only schema 1 reads and writes:
it can use the file before and after.
"""

import sqlite3

from aqi_service.core.items import ATTRIBUTES, OF_DAYS, TIMES

GENERATED_SINCE = (3, 31)
"""The first SQLite that knows generated columns. Source: https://www.sqlite.org/gencol.html"""

_WHOLE = frozenset({"aqi", "sensor_id", "indoor"})
_NUMBERS = {
    each.field: "INTEGER" if each.field in _WHOLE else "REAL"
    for each in ATTRIBUTES
    if each.kind == "N" and each.field not in (*TIMES, *OF_DAYS)
}


def _column(field: str) -> str:
    return f"{field}_number" if field in _NUMBERS else field


_FIRST_SELECTED = ", ".join(
    f'{_column(field)} AS "{name}"' for field, name, _ in ATTRIBUTES if field not in OF_DAYS
)
_HOURS = ", ".join(f"CAST({field} AS INTEGER) AS {field}" for field in OF_DAYS)
_NOT_EXPIRED = "expires_at IS NULL OR expires_at > CAST(strftime('%s', 'now') AS INTEGER)"

_FIRST_VIEW = f"air AS SELECT {_FIRST_SELECTED} FROM items WHERE {_NOT_EXPIRED}"  # noqa: S608
_VIEW = f"air AS SELECT {_FIRST_SELECTED}, {_HOURS} FROM items WHERE {_NOT_EXPIRED}"  # noqa: S608

ADDITIONS = (
    (
        "ALTER TABLE about ADD COLUMN additions INTEGER NOT NULL DEFAULT 0",
        # One row for each load that was complete: a file that was put back lacks those of later loads.
        "CREATE TABLE receipts (receipt TEXT PRIMARY KEY) WITHOUT ROWID",
    ),
    (
        # Virtual: a row is not touched, neither now nor when it is written.
        *(
            f"ALTER TABLE items ADD COLUMN {_column(field)} {kind} GENERATED ALWAYS AS ({field}) VIRTUAL"
            for field, kind in _NUMBERS.items()
        ),
        # A person may have made a view of that name already: it stays.
        f"CREATE VIEW IF NOT EXISTS {_FIRST_VIEW}",
    ),
)
"""The statements from N additions to N + 1. Released ones are never changed."""


def add(connection: sqlite3.Connection) -> None:
    """Make the additions that the file lacks, inside the caller's transaction."""
    for number in range(_present(connection) + 1, _wanted() + 1):
        for statement in ADDITIONS[number - 1]:
            connection.execute(statement)
        connection.execute("UPDATE about SET additions = ?", (number,))
    for field in _lacking(connection):
        connection.execute(f"ALTER TABLE items ADD COLUMN {field} TEXT")
    if connection.execute(_HAS_FIRST_VIEW, (f"CREATE VIEW {_FIRST_VIEW}",)).fetchone():  # not a person's own
        connection.execute("DROP VIEW air")
        connection.execute(f"CREATE VIEW {_VIEW}")


def complete_for_reading(connection: sqlite3.Connection) -> None:
    """Show a file that lacks columns as if it had them, but empty; only for this connection.

    When another process has added them, they are read: of two columns with one name the first counts.
    """
    if lacking := _lacking(connection):
        empty = ", ".join(f"NULL AS {field}" for field in lacking)
        connection.execute(f"CREATE TEMP VIEW items AS SELECT *, {empty} FROM main.items")  # noqa: S608


def is_whole(connection: sqlite3.Connection) -> bool:
    """Tell whether the file (schema 1) has every addition that this SQLite can make."""
    return _present(connection) >= _wanted() and not _lacking(connection)


_HAS_FIRST_VIEW = "SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = 'air' AND sql = ?"


def _lacking(connection: sqlite3.Connection) -> list[str]:
    """Return the columns of days that the table lacks."""
    there = {column[1] for column in connection.execute("PRAGMA main.table_info(items)")}
    return [field for field in OF_DAYS if field not in there]


def _wanted() -> int:
    # An older SQLite does without what people ask by hand; the service itself needs only the first.
    return len(ADDITIONS) if sqlite3.sqlite_version_info >= GENERATED_SINCE else 1


def _present(connection: sqlite3.Connection) -> int:
    columns = connection.execute("PRAGMA table_info(about)").fetchall()
    if "additions" not in {column[1] for column in columns}:
        return 0
    return int(connection.execute("SELECT additions FROM about").fetchone()[0])
