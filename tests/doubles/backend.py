"""A backend of given parts: nothing is opened, so nothing has to be closed.

One rule: what is not given is a dry run's.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from aqi_service.storage.backend import SnapshotLocations
from aqi_service.storage.dry import DryBackend
from aqi_service.storage.lease import Lease
from aqi_service.storage.ports import Storage
from tests.doubles.storage_doubles import in_memory


class GivenBackend(DryBackend):
    """Keeps `ports.Backend` with the storage, the lease and the deeds that a test hands in."""

    def __init__(
        self,
        storage: Storage,
        location: str = "memory",
        *,
        lease: Lease | None = None,
        create: Callable[[], Awaitable[Sequence[str]]] | None = None,
        prune: Callable[[Iterable[str]], Awaitable[int]] | None = None,
        snapshot_locations: SnapshotLocations | None = None,
    ) -> None:
        super().__init__()
        self.storage, self.location = storage, location
        self.lease = lease or self.lease
        self.snapshot_locations = snapshot_locations or self.snapshot_locations
        self._create, self._prune = create or super().create, prune or super().prune

    async def create(self) -> Sequence[str]:
        """Make what a test says."""
        return await self._create()

    async def prune(self, names: Iterable[str]) -> int:
        """Delete as a test says."""
        return await self._prune(names)


def opened(archive: Any = None, store: Any = None, **parts: Any) -> GivenBackend:
    """Put a backend together, in memory where nothing else is given."""
    return GivenBackend(in_memory(archive, store), **parts)
