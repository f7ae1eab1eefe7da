"""What a configuration names, open: its storage, and what is done to that as a whole.

One rule: whoever uses it does not know whether it is AWS or a folder.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aqi_service.storage.lease import Lease
from aqi_service.storage.ports import Archive, Objects, Storage


@dataclass(frozen=True, slots=True)
class SnapshotLocations:
    """Where snapshots are looked for: the archive, its bucket or folder, other buckets if one is named."""

    archive: Archive
    bucket: str | None = None
    objects: Objects | None = None
    folder: Path | None = None


class Backend(Protocol):
    """What a configuration names, open: its storage, and what is done to that as a whole."""

    @property
    def location(self) -> str:
        """Region, endpoint, bucket and table, or the folder, for a person."""

    @property
    def storage(self) -> Storage:
        """Archive and store."""

    @property
    def lease(self) -> Lease:
        """Who may load the live feed; nobody has taken it yet."""

    @property
    def snapshot_locations(self) -> SnapshotLocations:
        """Where `--from` looks for snapshots."""

    async def authenticate(self) -> None:
        """Return once there are credentials, where some are needed; NotReady while they are only expected."""

    async def create(self) -> Sequence[str]:
        """Make what is missing; return what could not be made, but can be done without, one sentence each."""

    async def check_writable(self) -> None:
        """Return if the table takes what a load writes; raise ConfigError for what keeps it from it."""

    async def missing(self) -> Sequence[str]:
        """Name what `create` would add to what is there."""

    async def wrong(self) -> Sequence[str]:
        """Say what is there in another form than `create` makes it, one sentence each."""

    async def free_bytes(self) -> int | None:
        """Return how much room is left on the disk that this stores on; None: there is none to run full."""

    async def prune(self, names: Iterable[str]) -> int:
        """Delete snapshots by name, where this program does that itself; return how many there were."""


class NothingToCreate:
    """The part of a Backend that one has whose parts are made when they are first written, or never."""

    async def create(self) -> Sequence[str]:
        """Make nothing."""
        return ()

    async def check_writable(self) -> None:
        """Return at once: the checks of archive and store have written already, where anything is."""

    async def missing(self) -> Sequence[str]:
        """Return nothing."""
        return ()

    async def wrong(self) -> Sequence[str]:
        """Return nothing: the store's own check raises for a table of another form."""
        return ()
