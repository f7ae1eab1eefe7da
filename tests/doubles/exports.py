"""What the tests of --export share: loads into an export, and what a file of it has.

One rule: loads are the program's own, over the ports of a dry run.
"""

import csv
import gzip
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from aqi_service.core.report import LoadReport
from aqi_service.storage.dry import DryBackend
from aqi_service.storage.exports import Export
from aqi_service.storage.local.export_file import FileExport, open_file_export
from tests.doubles.load_helpers import run, written

Result = TypeVar("Result")

FIRST, SECOND = "data_20_12_23_17_00.json", "data_20_12_23_18_00.json"


async def exported(
    export: Export, folder: Path, body: bytes, name: str = FIRST, **changes: Any
) -> LoadReport:
    """Load a document as a snapshot of that name, and export its records; its table is dry."""
    source = written(folder, body, name)
    return await run(source, DryBackend().storage, export=export, dry_run=True, **changes)


@asynccontextmanager
async def into(path: Path) -> AsyncIterator[FileExport]:
    """Export into a file, which appears at the end."""
    async with open_file_export(path) as export:
        yield export
        await export.finish()


async def on_this_thread(work: Callable[[], Result]) -> Result:
    """Do at once what an export hands to a thread."""
    return work()


def rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file, packed or not."""
    body = path.read_bytes()
    text = (gzip.decompress(body) if path.suffix == ".gz" else body).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def ids(path: Path) -> list[str]:
    """Give the ids that a CSV file has, in its order."""
    return [row["id"] for row in rows(path)]
