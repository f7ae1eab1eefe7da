"""Scored records as rows for other programs: CSV, NDJSON, and the columns that Parquet has.

One rule: each row has every attribute of an item, under its name in the table, and no number is changed: one
that a column's type cannot hold is beside it as text.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple

import orjson

from aqi_service.core.csv_reply import csv_line
from aqi_service.core.items import ATTRIBUTES, OF_DAYS, TIMES, Item

PRECISION, SCALE = 38, 18
"""Parquet's decimal type: all digits, and digits after the point."""

CSV_HEADER = (",".join(attribute.name for attribute in ATTRIBUTES) + "\r\n").encode()

_NUMERIC = tuple(attribute.kind == "N" for attribute in ATTRIBUTES)


class ColumnType(Enum):
    """The type of a column of Parquet."""

    TEXT = "text"
    DECIMAL = "decimal"
    INDEX = "index"
    SMALL = "small"
    NUMBER = "number"
    TIME = "time"


class Column(NamedTuple):
    """A column: the item's field that it comes from, its name, and its type."""

    field: str
    name: str
    type: ColumnType


_INTEGERS = {"aqi": ColumnType.INDEX, "sensor_id": ColumnType.NUMBER} | dict.fromkeys(
    ("indoor", *OF_DAYS), ColumnType.SMALL
)


def _type(field: str, kind: str) -> ColumnType:
    if field in TIMES:
        return ColumnType.TIME
    return _INTEGERS.get(field, ColumnType.DECIMAL) if kind == "N" else ColumnType.TEXT


COLUMNS = tuple(Column(each.field, each.name, _type(each.field, each.kind)) for each in ATTRIBUTES)

DECIMALS = tuple(column for column in COLUMNS if column.type is ColumnType.DECIMAL)

TEXT_SUFFIX = "_text"
"""The end of the name of the column that has, as texts, the numbers that do not fit a decimal."""


def csv_rows(items: Iterable[Item]) -> bytes:
    """Write one row for each item, with CRLF line ends, UTF-8; a missing field is blank."""
    return b"".join(csv_line(item, _NUMERIC) for item in items)


def ndjson_rows(items: Iterable[Item]) -> bytes:
    """Write one object a line for each item: numbers digit for digit, ids as texts, nothing as null."""
    return b"".join(orjson.dumps(_object(item)) + b"\n" for item in items)


def _object(item: Item) -> dict[str, object]:
    return {
        name: orjson.Fragment(str(value)) if numeric and value is not None else value
        for (_, name, _), numeric, value in zip(ATTRIBUTES, _NUMERIC, item, strict=True)
    }


RowWriter = Callable[[Iterable[Item]], bytes]


def row_writer(path: str) -> tuple[bytes, RowWriter]:
    """Return the bytes with which a file of that name begins, and the function that writes its rows."""
    return (b"", ndjson_rows) if ".ndjson" in path[-len(".ndjson.gz") :] else (CSV_HEADER, csv_rows)


def fits(number: str) -> bool:
    """Tell whether a decimal can hold a number (canonical text) exactly."""
    whole, _, places = number.removeprefix("-").partition(".")
    return len(whole) <= PRECISION - SCALE and len(places) <= SCALE


def split_decimals(numbers: Sequence[str | None]) -> tuple[list[str | None], list[str | None]]:
    """Return two lists: the numbers that a decimal can hold, and the others; None fills the gaps in each."""
    held = [number if number is None or fits(number) else None for number in numbers]
    if held == list(numbers):
        return held, [None] * len(held)
    return held, [None if kept == number else number for kept, number in zip(held, numbers, strict=True)]
