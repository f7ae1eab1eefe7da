"""Figure 20: scored records into Parquet by --export, beside a plain program with pyarrow, and pyarrow alone.

One rule: the rows are the same, and what each side wrote is read back and compared. It is all computing, so
what is counted is processor time. The limit writes a table that Arrow has in its memory already.
"""

import asyncio
import datetime
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aqi_service.core.export_paths import ExportedSnapshot
from aqi_service.core.export_rows import COLUMNS, DECIMALS, TEXT_SUFFIX, ColumnType
from aqi_service.core.items import Item
from aqi_service.storage.local.export_parquet import FolderTarget, open_parquet_export
from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.items import items_of
from bench.lib.processes import fresh
from bench.lib.run import Run

NAME = "data_23_11_26_15_00.json"
TAKEN = 1_700_000_000
BATCH = 150
"""Items that a load gives at once: those of 64 KiB of a document."""

Result = tuple[float, int, str]
"""Seconds of processor time, how many rows there are, and a digest of all that is in them."""

_READ: dict[ColumnType, Callable[[Any], Any]] = {
    ColumnType.TEXT: str,
    ColumnType.DECIMAL: Decimal,
    ColumnType.INDEX: int,
    ColumnType.SMALL: int,
    ColumnType.NUMBER: int,
    ColumnType.TIME: lambda seconds: datetime.datetime.fromtimestamp(seconds, datetime.UTC),
}


def _told(seconds: float, path: Path) -> Result:
    table = pq.read_table(path, partitioning=None)
    digest = hashlib.sha256()
    for name in sorted(table.column_names):
        for value in table.column(name).to_pylist():
            digest.update(f"{name}={value}\n".encode())
    return seconds, table.num_rows, digest.hexdigest()


async def _export(items: Sequence[Item], folder: Path) -> float:
    async with open_parquet_export(FolderTarget(folder), {}) as export:
        begun, rest = time.process_time(), iter(items)
        async with export.snapshot() as snapshot:
            while some := list(islice(rest, BATCH)):
                await snapshot.add(some)
            await snapshot.complete(ExportedSnapshot(NAME, TAKEN, ""))
        return time.process_time() - begun


def ours(document: str, folder: str) -> Result:
    """Export them as a load does."""
    items, place = list(items_of(document)), Path(folder)
    _warm(place)
    seconds = asyncio.run(_export(items, place / "ours"))
    [path] = (place / "ours").glob("*/*.parquet")
    return _told(seconds, path)


def plain(document: str, folder: str) -> Result:
    """Make rows of Python's types, a table of them, and a file of that, as a script would."""
    items, path = list(items_of(document)), Path(folder) / "plain.parquet"
    schema = _warm(Path(folder))
    begun = time.process_time()
    table = pa.Table.from_pylist([_row(item) for item in items], schema=schema)
    pq.write_table(table, path, compression="zstd")
    return _told(time.process_time() - begun, path)


def alone(document: str, folder: str) -> Result:
    """Write a table that is there."""
    items, path = list(items_of(document)), Path(folder) / "alone.parquet"
    table = pa.Table.from_pylist([_row(item) for item in items], schema=_warm(Path(folder)))
    begun = time.process_time()
    pq.write_table(table, path, compression="zstd")
    return _told(time.process_time() - begun, path)


def _warm(folder: Path) -> Any:
    """Do once what pyarrow does but once in a process, and give the schema of the files."""
    asyncio.run(_export([Item("1", pm25="1.5", measured_at=1)], folder / "warm"))
    [path] = (folder / "warm").glob("*/*.parquet")
    return pq.read_schema(path).remove_metadata()


def _row(item: Item) -> dict[str, Any]:
    row = {
        column.name: None if value is None else _READ[column.type](value)
        for column, value in zip(COLUMNS, item, strict=True)
    }
    return row | dict.fromkeys(column.name + TEXT_SUFFIX for column in DECIMALS)


def _measured(run: Run, document: Path, side: str, results: list[Result]) -> float:
    seconds, rows, digest = fresh(f"{__name__}:{side}", document, run.folder)
    results.append((seconds, rows, digest))
    return float(rows / seconds / 1000)


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    megabytes, results = run.pick(1, 25), list[Result]()
    document = run.feed(megabytes)
    mine, script, limit = in_turns(
        run.rounds, *(partial(_measured, run, document, side, results) for side in ("ours", "plain", "alone"))
    )
    if len({result[1:] for result in results}) != 1:
        raise AssertionError(f"the files differ: {results}")
    yield Figure(
        f"20 {results[0][1]:,} records into Parquet",
        "k rows/s",
        Side("ours", mine),
        Side("pyarrow, rows as dicts", script),
        Side("pyarrow, a table that is there", limit),
        Goal(1),
    )
