"""What the SQLite file has beside schema 1: numbers that compare as numbers, the view `air`, and receipts.

One rule: nothing here changes the schema number, or what a program that knows schema 1 alone reads and
writes: it goes on using the file, before and after.
"""

import sqlite3

from aqi_service.core.items import ATTRIBUTES, TIMES

GENERATED_SINCE = (3, 31)
"""The first SQLite that knows generated columns. Source: https://www.sqlite.org/gencol.html"""

_WHOLE = frozenset({"aqi", "sensor_id", "indoor"})
_NUMBERS = {
    each.field: "INTEGER" if each.field in _WHOLE else "REAL"
    for each in ATTRIBUTES
    if each.kind == "N" and each.field not in TIMES
}


def _column(field: str) -> str:
    return f"{field}_number" if field in _NUMBERS else field


_SELECTED = ", ".join(f'{_column(field)} AS "{name}"' for field, name, _ in ATTRIBUTES)
_NOT_EXPIRED = "expires_at IS NULL OR expires_at > CAST(strftime('%s', 'now') AS INTEGER)"

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
        f"CREATE VIEW IF NOT EXISTS air AS SELECT {_SELECTED} FROM items WHERE {_NOT_EXPIRED}",  # noqa: S608
    ),
)
"""What makes N + 1 additions of N. Of those that were ever released none is changed."""


def add(connection: sqlite3.Connection) -> None:
    """Make the additions that the file lacks, inside the caller's transaction."""
    for number in range(_present(connection) + 1, _wanted() + 1):
        for statement in ADDITIONS[number - 1]:
            connection.execute(statement)
        connection.execute("UPDATE about SET additions = ?", (number,))


def is_whole(connection: sqlite3.Connection) -> bool:
    """Tell whether the file, of schema 1, has every addition that this SQLite can make."""
    return _present(connection) >= _wanted()


def _wanted() -> int:
    # An older SQLite does without what people ask by hand; the service itself needs only the first.
    return len(ADDITIONS) if sqlite3.sqlite_version_info >= GENERATED_SINCE else 1


def _present(connection: sqlite3.Connection) -> int:
    columns = connection.execute("PRAGMA table_info(about)").fetchall()
    if "additions" not in {column[1] for column in columns}:
        return 0
    return int(connection.execute("SELECT additions FROM about").fetchone()[0])
