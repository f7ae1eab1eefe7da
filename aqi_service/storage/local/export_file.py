"""Scored records in one file, CSV or NDJSON, packed if its name ends in `.gz`.

One rule: the file has only whole snapshots, and appears under its name when the run is over; until then there
is none, or an older one.
"""

import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from aqi_service.core.export_paths import ExportedSnapshot
from aqi_service.core.export_rows import row_writer
from aqi_service.core.items import Item
from aqi_service.errors import ExportFailed
from aqi_service.storage.exports import ExportCounts, SnapshotExport
from aqi_service.storage.local.files import (
    disk,
    hold,
    make_folder,
    partial_of,
    remove_dead_of,
    sync_file,
    sync_folder,
)
from aqi_service.storage.local.threads import Threads

_GZIP_BITS = 16 + zlib.MAX_WBITS  # zlib's way to ask for a gzip frame


class _Rows:
    """Bytes on their way into a file, packed or not; it can go back to an earlier place."""

    def __init__(self, file: BinaryIO, *, packed: bool) -> None:
        self._file = file
        self._gzip = zlib.compressobj(wbits=_GZIP_BITS) if packed else None

    def write(self, rows: bytes) -> None:
        """Take the next bytes."""
        self._file.write(self._gzip.compress(rows) if self._gzip else rows)

    def mark(self) -> None:
        """Note this place for `back`."""
        if self._gzip:
            self._file.write(self._gzip.flush(zlib.Z_SYNC_FLUSH))
            self._state = self._gzip.copy()
        self._at = self._file.tell()

    def back(self) -> None:
        """Remove everything behind that place."""
        self._file.seek(self._at)
        self._file.truncate()
        if self._gzip:
            self._gzip = self._state

    def end(self) -> None:
        """Bring everything onto the disk."""
        if self._gzip:
            self._file.write(self._gzip.flush())
        sync_file(self._file)


class FileExport(ExportCounts):
    """The records of a run in one file."""

    def __init__(self, path: Path, threads: Threads) -> None:
        super().__init__()
        self._path, self._threads = path, threads
        self._doing = f"The export cannot be written to {path}"
        self._header, self._row_writer = row_writer(path.name)
        self._held = ExitStack()

    def begin(self) -> None:
        """Begin the file; make its folder if it is missing.

        Raises ConfigError if no file can be made, Unavailable if there is no room.
        """
        with disk(self._doing):
            make_folder(self._path.parent)
            remove_dead_of(self._path)
            self._file = self._held.enter_context(hold(partial_of(self._path)))
            self._rows = _Rows(self._file, packed=self._path.suffix == ".gz")
            self._rows.write(self._header)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SnapshotExport]:
        """Begin a snapshot; its rows are removed again unless it is completed."""
        await self.run(self._rows.mark)
        snapshot = _FileSnapshot(self)
        try:
            yield snapshot
        finally:
            if not (snapshot.is_complete or self.error):
                await self.run(self._rows.back)

    def write(self, items: Sequence[Item]) -> None:
        """Write rows, on a thread."""
        self._rows.write(self._row_writer(items))

    async def finish(self) -> None:
        """Make the file appear."""
        await self.run(self._publish)

    def discard(self) -> None:
        """Remove every trace, unless it was published."""
        self._held.close()

    def _publish(self) -> None:
        self._rows.end()
        Path(self._file.name).replace(self._path)
        sync_folder(self._path.parent)

    async def run(self, work: Callable[[], None]) -> None:
        """Do work that the disk may refuse. Raises ExportFailed, and notes it."""

        def guarded() -> None:
            with disk(self._doing, ExportFailed):
                work()

        with self.noting_failure():
            await self._threads.run(guarded)


class _FileSnapshot:
    """The rows of one snapshot."""

    def __init__(self, export: FileExport) -> None:
        self._export, self._count = export, 0
        self.is_complete = False

    async def add(self, items: Sequence[Item]) -> None:
        """Write rows."""
        self._count += len(items)
        await self._export.run(partial(self._export.write, items))

    async def complete(self, snapshot: ExportedSnapshot) -> int:
        """Keep the rows; every number is written as it is."""
        del snapshot
        self.is_complete = True
        self._export.count(self._count)
        return 0


@asynccontextmanager
async def open_file_export(path: Path) -> AsyncIterator[FileExport]:
    """Open the file; it appears if the run finishes."""
    threads = Threads(1, "export")
    export = FileExport(path, threads)
    try:
        await threads.run(export.begin)
        yield export
    finally:
        await threads.ensure(export.discard)
        await threads.close()
