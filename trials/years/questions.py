"""Days over the WHO guideline by country and month: the question of docs/data.md, asked of three.

One rule: DuckDB is asked in the page's own words, and the reference by no SQL at all.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.doubles.data_page import OF_PLACED, OF_PLACED_IN_SQLITE, PLACED, VIEW
from tests.doubles.delivery_reference import Row

Answer = list[tuple[str | None, str, int, int]]
"""Country, month, sensors' days, and how many of them are over the guideline; most days first."""

GUIDELINE = {"P2.5": 15, "P10": 45}

COLUMNS = {
    "id": "id",
    "latitude": "latitude",
    "longitude": "longitude",
    "country": "country",
    "timestamp": "timestamp",
    "date": "date",
    "P2.5": "pm25",
    "P10": "pm10",
    "AQI": "aqi",
    "AQI_range": "aqi_range",
    "sensor_id": "sensor_id",
    "sensor_type": "sensor_type",
    "indoor": "indoor",
    "scale": "scale",
    "AQI_pollutant": "aqi_pollutant",
    "hours_p25": "hours_p25",
    "hours_p10": "hours_p10",
}
"""What is compared of a row: its name outside, and in the table."""


def of_rows(rows: Iterable[Row]) -> Answer:
    """Answer from rows, one for each id."""
    every = list(rows)
    countries = dict[str, str]()
    for row in every:
        if country := row.get("country"):
            countries[row["sensor_id"]] = max(country, countries.get(row["sensor_id"], ""))
    last = dict[tuple[str, str], Row]()
    for row in sorted(every, key=lambda row: (row["measured_at"], int(row["id"]))):
        last[row["sensor_id"], row["date"]] = row
    days, over = Counter[tuple[str | None, str]](), Counter[tuple[str | None, str]]()
    for row in last.values():
        group = row.get("country") or countries.get(row["sensor_id"]), row["date"][:7]
        days[group] += 1
        over[group] += any(Decimal(row.get(name) or 0) > most for name, most in GUIDELINE.items())
    answer = [(country, month, days[country, month], over[country, month]) for country, month in days]
    return sorted(answer, key=lambda row: (-row[2], row[0] or "", row[1]))


def of_sqlite(folder: Path) -> Answer:
    """Ask the table of `--local`."""
    with _table(folder) as table:
        return [tuple(row) for row in table.execute(OF_PLACED_IN_SQLITE)]


def of_duckdb(folder: Path) -> Answer:
    """Ask the Parquet files in `air` of a folder."""
    with _duckdb(folder) as duck:
        answer: Answer = duck.sql(OF_PLACED).fetchall()
        return answer


def rows_of_sqlite(folder: Path) -> dict[str, Row]:
    """Read the table by id."""
    with _table(folder) as table:
        fields = ", ".join(COLUMNS.values())
        return _by_id(table.execute(f"SELECT {fields} FROM items"))  # noqa: S608 (names of ours)


def rows_of_duckdb(folder: Path) -> dict[str, Row]:
    """Read the newest row of each id."""
    with _duckdb(folder) as duck:
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        return _by_id(duck.sql(f"SELECT {names} FROM air").fetchall())  # noqa: S608 (names of ours)


def snapshot_of(path: Path) -> str:
    """Read which snapshot a Parquet file says it has."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # of an extra

    name: bytes = pq.read_metadata(path).metadata[b"snapshot"]
    return name.decode()


def _by_id(rows: Iterable[tuple[Any, ...]]) -> dict[str, Row]:
    found = [dict(zip(COLUMNS, map(_text, row), strict=True)) for row in rows]
    return {
        str(row["id"]): {name: value for name, value in row.items() if value is not None} for row in found
    }


def _text(value: Any) -> str | None:
    """Write a value as plain text, a number without surplus zeros."""
    if isinstance(value, Decimal):
        return f"{value.normalize() + 0:f}"
    return None if value is None else str(value)


@contextmanager
def _table(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "air_quality.db")) as table:
        yield table


@contextmanager
def _duckdb(folder: Path) -> Iterator[Any]:
    import duckdb  # noqa: PLC0415  # of an extra

    with duckdb.connect() as duck:
        duck.execute(VIEW.replace("'air/", f"'{folder}/air/"))
        duck.execute(PLACED)
        yield duck
