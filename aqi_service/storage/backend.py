"""An opened configuration: its storage, and the operations on the whole of it.

One rule: its users do not know whether it is AWS or a folder.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aqi_service.storage.lease import Lease
from aqi_service.storage.ports import Archive, Objects, Storage


@dataclass(frozen=True, slots=True)
class SnapshotLocations:
    """Where snapshots are searched: the archive, its bucket or folder, and other buckets if one is named."""

    archive: Archive
    bucket: str | None = None
    objects: Objects | None = None
    folder: Path | None = None


class Backend(Protocol):
    """An opened configuration: its storage, and the operations on the whole of it."""

    @property
    def location(self) -> str:
        """Region, endpoint, bucket and table, or the folder, for a person."""

    @property
    def storage(self) -> Storage:
        """Archive and store."""

    @property
    def lease(self) -> Lease:
        """The right to load the live feed; not taken yet."""

    @property
    def snapshot_locations(self) -> SnapshotLocations:
        """Where `--from` searches for snapshots."""

    async def authenticate(self) -> None:
        """Return when any needed credentials are there; raise NotReady while they are only expected."""

    async def create(self) -> Sequence[str]:
        """Make what is missing; return what could not be made but is not needed, one sentence each."""

    async def check_writable(self) -> None:
        """Return if the table takes a load's items; raise ConfigError if something prevents that."""

    async def missing(self) -> Sequence[str]:
        """Name what `create` would add."""

    async def wrong(self) -> Sequence[str]:
        """Say what has another form than `create` makes, one sentence each."""

    async def free_bytes(self) -> int | None:
        """Return how many bytes are left on the disk; None if there is no disk to run full."""

    async def prune(self, names: Iterable[str]) -> int:
        """Delete snapshots by name, if this program does that itself; return how many there were."""


class NothingToCreate:
    """The part of a Backend for backends whose parts are made at the first write, or never."""

    async def create(self) -> Sequence[str]:
        """Make nothing."""
        return ()

    async def check_writable(self) -> None:
        """Return immediately: the checks of archive and store have already tried to write."""

    async def missing(self) -> Sequence[str]:
        """Return nothing."""
        return ()

    async def wrong(self) -> Sequence[str]:
        """Return nothing: the store's own check raises if the table has another form."""
        return ()
