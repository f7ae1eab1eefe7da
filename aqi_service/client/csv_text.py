"""The client's side of CSV: it reads replies, makes cells safe for a spreadsheet, writes rows and JSON.

Rule: text in, text out; no text from a server reaches a terminal or a spreadsheet as a command.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from aqi_service.core import redaction

Record = dict[str, str]
"""A record as in the server's CSV: cells by column name; numbers as decimal text, "" for none."""


class Rows(NamedTuple):
    """A reply with any number of rows; it has the columns even without a row."""

    columns: tuple[str, ...]
    records: list[Record]


NUMERIC = frozenset(
    {
        *("latitude", "longitude", "altitude", "P2.5", "P10", "AQI"),
        *("indoor", "humidity", "distance_km", "hours", "hours_p25", "hours_p10", "population"),
        *("radius_km", "sensors", "left_out", "P2.5_q1", "P2.5_q3", "P10_q1", "P10_q3"),
    }
)
"""Columns that are numbers in JSON."""

_NUMBER = re.compile(r"(-?)([0-9]*)(?:\.([0-9]+))?")


def parse(text: str) -> Record:
    """Read a reply, one header line and one row: cells by column name, in the reply's order.

    Raises ValueError, with a sentence, for any other text.
    """
    rows = _lines(text, 3)
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or not rows[0]:
        raise ValueError("the reply is not a CSV of one header line and one row")
    _check_names(rows[0])
    return dict(zip(*rows, strict=True))


def parse_rows(text: str) -> Rows:
    """Read a reply, one header line and any number of rows; raises ValueError as parse() does."""
    columns, *rows = _lines(text, None) or [[]]
    if not columns or any(len(row) != len(columns) for row in rows):
        raise ValueError("the reply is not a CSV of a header line and rows of its columns")
    _check_names(columns)
    return Rows(tuple(columns), [dict(zip(columns, row, strict=True)) for row in rows])


def _lines(text: str, most: int | None) -> list[list[str]]:
    try:
        return list(islice(csv.reader(io.StringIO(text, newline=""), strict=True), most))
    except csv.Error as error:
        raise ValueError(f"the reply is no CSV: {error}") from error


def _check_names(columns: list[str]) -> None:
    if len(set(columns)) != len(columns):
        raise ValueError("the reply names a column twice")


def line(cells: Iterable[str]) -> str:
    """Write one CSV line with guarded cells and CRLF (RFC 4180)."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow([guard(cell) for cell in cells])
    return text.getvalue()


def guard(cell: str) -> str:
    """Put ' before a text that a spreadsheet would run; numbers stay as they are."""
    if cell.startswith(redaction.FORMULA_STARTS) and number(cell) is None:
        return "'" + cell
    return cell


def safe(text: str) -> str:
    """Return a reply unchanged if all its cells are harmless, else with guarded cells."""
    record = parse(text)
    if all(guard(cell) == cell for cell in (*record, *record.values())):
        return text
    return line(record) + line(record.values())


def number(cell: str) -> str | None:
    """Return a plain decimal number in JSON's form (`.9` is 0.9), or None for any other text."""
    match = _NUMBER.fullmatch(cell)
    if match is None or not (match[2] or match[3]):
        return None
    return match[1] + (match[2].lstrip("0") or "0") + ("." + match[3] if match[3] else "")


def json_line(record: Record) -> str:
    """Write a record as a line of JSON: NUMERIC columns as numbers, digit for digit, blank cells as null."""
    members = (f"{json.dumps(name)}: {_json(name, cell)}" for name, cell in record.items())
    return "{" + ", ".join(members) + "}\n"


def _json(name: str, cell: str) -> str:
    if not cell:
        return "null"
    return (number(cell) if name in NUMERIC else None) or json.dumps(cell)


def visible(text: str, size: int = 200) -> str:
    """Make a foreign text harmless: control and invisible characters as escapes, at most `size` long."""
    return redaction.printable(text[:size]) + ("..." if len(text) > size else "")
