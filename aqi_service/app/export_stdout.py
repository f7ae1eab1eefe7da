"""Scored records as CSV on stdout, for a pipe: `--export -`.

One rule: the run waits for a slow reader, and ends if the reader goes away. Rows cannot be taken back: those
of a snapshot that turns out bad are already out, and the exit code says so.
"""

import errno
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aqi_service.app.printing import printed
from aqi_service.core.export_paths import ExportedSnapshot
from aqi_service.core.export_rows import CSV_HEADER, csv_rows
from aqi_service.core.items import Item
from aqi_service.errors import ExportFailed
from aqi_service.storage.exports import ExportCounts, SnapshotExport

_WHY = {
    errno.EPIPE: "nobody reads it any more",
    errno.ENOSPC: "the disk is full; free some space",
    errno.EBADF: "it is closed",
}


class StdoutExport(ExportCounts):
    """The records of a run on stdout, after one header line."""

    takes_back = False

    def __init__(self) -> None:
        super().__init__()
        self._is_begun = False

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[SnapshotExport]:
        """Begin a snapshot."""
        yield _StdoutSnapshot(self)

    async def write(self, rows: bytes) -> None:
        """Print rows, and wait until the reader has taken them."""
        header, self._is_begun = b"" if self._is_begun else CSV_HEADER, True
        with self.noting_failure():
            try:
                await printed((header + rows).decode())
            except OSError as error:
                why = _WHY.get(error.errno or 0, error.strerror or str(error))
                raise ExportFailed(f"The export cannot be written to stdout: {why}.") from error

    async def finish(self) -> None:
        """Print the header if there was no row."""
        if not self._is_begun:
            await self.write(b"")


class _StdoutSnapshot:
    """The rows of one snapshot."""

    def __init__(self, export: StdoutExport) -> None:
        self._export, self._count = export, 0

    async def add(self, items: Sequence[Item]) -> None:
        """Print rows."""
        if items:
            self._count += len(items)
            await self._export.write(csv_rows(items))

    async def complete(self, snapshot: ExportedSnapshot) -> int:
        """Count the rows; every number is written as it is."""
        del snapshot
        self._export.count(self._count)
        return 0
