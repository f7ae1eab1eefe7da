"""Rows out of SQLite: all of them by one step of the interpreter, each value as it was stored."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from aqi_service.storage.local.sqlite import rows

VALUES: list[Any] = [
    None,
    "1.50",
    "0",
    "",
    "null",
    "[1]",
    '"',
    "\\",
    "a\x00b",
    "\x1f",
    "é",
    "\U0001f600",
    7,
    2**63 - 1,
]


def three(connection: sqlite3.Connection, values: list[Any]) -> list[tuple[Any, ...]]:
    """Give three rows of these values, by a number that is the first of each."""
    names = [f"c{n}" for n in range(len(values))]
    columns = ", ".join(f"? AS {name}" for name in names)
    select = " UNION ALL ".join(f"SELECT {n} AS n, {columns}" for n in (2, 3, 1))
    statement = f"SELECT * FROM ({select}) ORDER BY n LIMIT ?"  # noqa: S608
    return list(rows(connection, statement, [*values * 3, 3], ["n", *names]))


def test_each_value_is_as_it_was_stored_and_each_row_in_its_place() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        assert three(connection, VALUES) == [(n, *VALUES) for n in (1, 2, 3)]


@pytest.mark.parametrize("count", [0, 1, 100])
def test_the_interpreter_is_handed_one_row_however_many_there_are(count: int) -> None:
    handed: list[Any] = []

    def note(_cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> tuple[Any, ...]:
        handed.append(row)
        return row

    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = note
        statement = (
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT ?"
        )
        assert list(rows(connection, statement, [count], ["i"])) == [(n + 1,) for n in range(count)]
    assert len(handed) == 1
