"""The ports for a dry run: nothing is called, nothing is kept.

One rule: loads over these report what they would do, one after the other, with an empty table; or with the
table that would be scored again, which is then read but not written.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aqi_service.core.idset import IdSet
from aqi_service.core.items import Item
from aqi_service.errors import ArchiveFailed
from aqi_service.storage.backend import Backend, NothingToCreate, SnapshotLocations
from aqi_service.storage.lease import Lease, no_guard
from aqi_service.storage.ports import (
    Archive,
    Judged,
    Objects,
    PutResult,
    SnapshotInfo,
    Storage,
    Store,
    Upload,
)
from aqi_service.storage.sensor_reads import SensorPage, SensorRange


class DryArchive:
    """An archive that is empty and stays empty."""

    async def check(self) -> None:
        """Return at once."""

    async def names(self) -> Sequence[str]:
        """Return no names."""
        return ()

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator[Upload]:
        """Take a snapshot and drop it."""
        del name, info
        yield _DryUpload()

    async def sweep(self) -> int:
        """Return 0."""
        return 0

    async def info(self, name: str) -> SnapshotInfo | None:
        """Return None."""
        del name
        return None

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Raise ArchiveFailed: there is no snapshot."""
        del offset
        raise ArchiveFailed(f"a dry run keeps no snapshot: there is no {name}")
        yield b""  # never reached; it makes this the iterator that the port promises

    async def put(self, key: str, body: bytes) -> None:
        """Drop a document."""

    async def change(self, key: str, new: Callable[[bytes | None], bytes | None]) -> None:
        """Change nothing."""

    async def get(self, key: str) -> bytes | None:
        """Return None."""
        del key
        return None

    async def close(self) -> None:
        """Return at once."""


class _DryUpload:
    async def write(self, chunk: bytes) -> None:
        """Drop the bytes."""

    async def complete(self) -> None:
        """Return at once."""


class DryStore:
    """A table that stays empty, or is read from `table`; it remembers the ids that it was given."""

    items_per_second: float | None = None

    def __init__(self, table: Store | None = None) -> None:
        self._table = table
        self._given = IdSet()

    async def check(self) -> None:
        """Check that the table can be read, if there is one."""
        if self._table:
            await self._table.check()

    async def identity(self) -> str:
        """Return the same name always."""
        return "dry run"

    async def get(self, record_id: str) -> Item | None:
        """Return None."""
        del record_id
        return None

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Item | None]:
        """Return None for each."""
        return dict.fromkeys(ids)

    async def read(self, ids: Sequence[str]) -> Mapping[str, Item]:
        """Return what the table has, if there is one."""
        return await self._table.read(ids) if self._table else {}

    async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
        """Return a page without records, and none after it."""
        del asked, ages, position
        return SensorPage(())

    async def put(
        self,
        items: Sequence[Item],
        *,
        conditional: bool,
        guard: Callable[[], None] = no_guard,
        judged: Judged | None = None,
    ) -> PutResult:
        """Drop the items; those that an earlier load would have written count as superseded."""
        del conditional, judged
        guard()
        superseded = frozenset(item.id for item in items if int(item.id) in self._given)
        for item in items:
            self._given.add(int(item.id))
        return PutResult(superseded)

    async def delete_of_sensor(self, sensor_id: int, ids: Sequence[str]) -> int:
        """Return 0."""
        del sensor_id, ids
        return 0

    async def settle(self) -> None:
        """Return at once."""

    async def receipt(self) -> str | None:
        """Return None."""
        return None

    async def known_receipts(self, receipts: Collection[str | None]) -> frozenset[str | None]:
        """Return none of them."""
        del receipts
        return frozenset()

    async def expire(self, now: int) -> int:
        """Return 0."""
        del now
        return 0

    async def close(self) -> None:
        """Return at once."""


class DryLease:
    """A lease that everybody has: if nothing is written, nobody disturbs another."""

    async def take(self) -> str | None:
        """Return None: it is ours."""
        return None

    async def renew(self) -> None:
        """Return at once."""

    async def release(self) -> None:
        """Return at once."""

    def check(self) -> None:
        """Return at once."""


class DryBackend(NothingToCreate):
    """All of these together as a `Backend`; `archive` is the one that `--from archive` reads.

    `over` is a backend whose table is read too, `objects` reads `s3://` sources, if there are any.
    """

    location = "dry run, nothing is written"

    def __init__(
        self, archive: Archive | None = None, over: Backend | None = None, objects: Objects | None = None
    ) -> None:
        self._reads: Backend | Objects | None = over or objects
        self.storage = Storage(DryArchive(), DryStore(over.storage.store if over else None))
        self.lease: Lease = DryLease()
        self.snapshot_locations = SnapshotLocations(archive or self.storage.archive, objects=objects)
        if over:
            self.snapshot_locations = over.snapshot_locations
            self.location = f"{over.location}, {DryBackend.location}"

    async def authenticate(self) -> None:
        """Ask for credentials, if a read needs them."""
        if self._reads:
            await self._reads.authenticate()

    async def free_bytes(self) -> int | None:
        """Return None."""
        return None

    async def prune(self, names: Iterable[str]) -> int:
        """Delete nothing."""
        del names
        return 0
