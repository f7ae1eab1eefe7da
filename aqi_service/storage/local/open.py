"""The backend on one machine: a folder of snapshots, an SQLite table and a lock, all below one folder.

One rule: everything opened here is closed here; each part makes what it needs at its first write.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from aqi_service.errors import ConfigError
from aqi_service.storage.backend import NothingToCreate, SnapshotLocations
from aqi_service.storage.local.archive import LocalArchive
from aqi_service.storage.local.lease import LocalLease
from aqi_service.storage.local.store import LocalStore
from aqi_service.storage.ports import Objects, Storage
from aqi_service.storage.process_name import holder_name


class LocalBackend(NothingToCreate):
    """Everything below one folder as a `Backend`; `objects` reads `s3://` sources, if one is named."""

    def __init__(self, folder: Path, objects: Objects | None = None, *, read_only: bool = False) -> None:
        self.location, folder = f"folder {folder}", _absolute(folder)
        self._archive = LocalArchive(folder, read_only=read_only)
        self.storage = Storage(self._archive, LocalStore(folder, read_only=read_only))
        self.lease = LocalLease(folder, holder_name())
        self.snapshot_locations = SnapshotLocations(
            self._archive, objects=objects, folder=self._archive.folder
        )

    async def authenticate(self) -> None:
        """Check that there are credentials for `s3://` sources."""
        if self.snapshot_locations.objects:
            await self.snapshot_locations.objects.authenticate()

    async def free_bytes(self) -> int | None:
        """Return how many bytes are left on the folder's disk; None while the disk does not tell."""
        return await self._archive.free_bytes()

    async def prune(self, names: Iterable[str]) -> int:
        """Delete snapshots by name; return how many there were."""
        return await self._archive.delete(names)

    async def close(self) -> None:
        """Release the files and the lease."""
        try:
            await self.storage.archive.close()
            await self.storage.store.close()
        finally:
            await self.lease.close()


@asynccontextmanager
async def open_local(
    folder: Path, objects: Objects | None = None, *, read_only: bool = False
) -> AsyncIterator[LocalBackend]:
    """Open the backend."""
    backend = LocalBackend(folder, objects, read_only=read_only)
    try:
        yield backend
    finally:
        await backend.close()


@asynccontextmanager
async def open_archive(folder: Path) -> AsyncIterator[LocalArchive]:
    """Open only the archive, to read it."""
    archive = LocalArchive(_absolute(folder), read_only=True)
    try:
        yield archive
    finally:
        await archive.close()


def _absolute(folder: Path) -> Path:
    """Return a folder's whole path. Raises ConfigError if it is relative to a folder that is gone."""
    try:
        return folder.absolute()
    except FileNotFoundError as error:
        raise ConfigError(
            f"The folder {folder} cannot be used: the current folder is gone; name its whole path."
        ) from error
