"""Scored records as Parquet, one file for each snapshot, in a folder or another place for files.

One rule: a file is whole before it gets its snapshot's name, and then replaces an older one.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from aqi_service.core.export_paths import ExportedSnapshot, ExportNames
from aqi_service.core.items import Item
from aqi_service.errors import ExportFailed
from aqi_service.storage.exports import ExportCounts, ParquetTarget, RunOnThread, SnapshotExport
from aqi_service.storage.local.files import (
    disk,
    hold,
    make_folder,
    make_usable,
    partial_of,
    remove_dead_of,
    sync_file,
    sync_folder,
)
from aqi_service.storage.local.parquet_file import ParquetFile
from aqi_service.storage.local.threads import Threads

BATCH_ROWS = 2_000
"""Rows that are turned into columns together."""

_DRAFT = "export"
"""The beginning of a file's hidden name, until it has its own."""

Result = TypeVar("Result")


class FolderTarget:
    """A folder that contains one folder for each day."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.what = str(folder)

    def begin(self) -> None:
        """Make the folder; remove files that dead processes left in it. Raises ConfigError, Unavailable."""
        with disk(f"The export cannot be written to {self._folder}"):
            make_usable(self._folder)
            remove_dead_of(self._folder / _DRAFT)

    def draft(self, held: ExitStack) -> BinaryIO:
        """Make a file beside the days' folders: no engine reads a name that begins with a dot."""
        return held.enter_context(hold(partial_of(self._folder / _DRAFT)))

    async def publish(self, file: BinaryIO, name: str, run: RunOnThread) -> None:
        """Give the file its name."""

        def rename() -> None:
            final = self._folder / name
            make_folder(final.parent)
            sync_file(file)
            Path(file.name).replace(final)
            sync_folder(final.parent)

        await run(rename)


class ParquetExport(ExportCounts):
    """The records of a run as Parquet files; each has `facts` in its metadata."""

    def __init__(self, place: ParquetTarget, facts: Mapping[str, str], threads: Threads) -> None:
        super().__init__()
        self.place, self.facts, self._threads = place, facts, threads
        self.names = ExportNames()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SnapshotExport]:
        """Begin a file; it is removed again unless it is completed."""
        held = ExitStack()
        try:
            yield await self.run(partial(self._begin, held))
        finally:
            await self._threads.ensure(held.close)

    def _begin(self, held: ExitStack) -> SnapshotExport:
        file = self.place.draft(held)
        parquet = ParquetFile(file, self.facts)
        held.callback(parquet.discard)
        return _ParquetSnapshot(self, file, parquet)

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do what the disk may refuse. Raises ExportFailed, and notes it."""

        def guarded() -> Result:
            with disk(f"The export cannot be written to {self.place.what}", ExportFailed):
                return work()

        with self.noting_failure():
            return await self._threads.run(guarded)


class _ParquetSnapshot:
    """The file of one snapshot."""

    def __init__(self, export: ParquetExport, file: BinaryIO, parquet: ParquetFile) -> None:
        self._export, self._file, self._parquet = export, file, parquet
        self._waiting: list[Item] = []
        self._count = 0

    async def add(self, items: Sequence[Item]) -> None:
        """Take rows; after every BATCH_ROWS they are written, on a thread."""
        self._waiting += items
        if len(self._waiting) >= BATCH_ROWS:
            await self._write()

    async def complete(self, snapshot: ExportedSnapshot) -> int:
        """Write the rest, and make the file appear."""
        await self._write()
        export, parquet = self._export, self._parquet
        facts = {"snapshot": snapshot.name, "sha256": snapshot.sha256}
        await export.run(partial(parquet.close, facts))
        with export.noting_failure():
            await export.place.publish(self._file, export.names.name_of(snapshot), export.run)
        export.count(self._count)
        return parquet.as_text

    async def _write(self) -> None:
        if self._waiting:
            some, self._waiting = self._waiting, []
            self._count += len(some)
            await self._export.run(partial(self._parquet.add, some))


@asynccontextmanager
async def open_parquet_export(place: ParquetTarget, facts: Mapping[str, str]) -> AsyncIterator[ParquetExport]:
    """Open the place for one run."""
    threads = Threads(1, "export")
    try:
        await threads.run(place.begin)
        yield ParquetExport(place, facts, threads)
    finally:
        await threads.close()
