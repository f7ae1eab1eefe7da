"""Both ports in memory, and a port of any kind that waits or fails where a test says so.

One rule: they keep what the ports promise, and nothing of them is patched from outside.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aqi_service.core.items import Item, dated, is_expired
from aqi_service.errors import NameInUse
from aqi_service.storage.lease import no_guard
from aqi_service.storage.ports import READ_LIMIT, Judged, PutResult, SnapshotInfo, Storage, Upload
from aqi_service.storage.sensor_reads import SensorPage, SensorRange

TABLE_ID = "a table"

Hook = Callable[[], Awaitable[None]]


class MemoryArchive:
    """An archive in three dicts; `open` counts the uploads that are under way."""

    def __init__(self) -> None:
        self.snapshots: dict[str, bytes] = {}
        self.infos: dict[str, SnapshotInfo] = {}
        self.documents: dict[str, bytes] = {}
        self.open = 0

    async def check(self) -> None:
        """Return at once."""

    async def names(self) -> Sequence[str]:
        return list(self.snapshots)

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator[Upload]:
        self.open += 1
        try:
            yield _MemoryUpload(self, name, info)
        finally:
            self.open -= 1

    async def sweep(self) -> int:
        return 0

    async def info(self, name: str) -> SnapshotInfo | None:
        return self.infos.get(name)

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        yield self.snapshots[name][offset:]

    async def put(self, key: str, body: bytes) -> None:
        self.documents[key] = body

    async def change(self, key: str, new: Callable[[bytes | None], bytes | None]) -> None:
        body = new(self.documents.get(key))
        if body is not None:
            self.documents[key] = body

    async def get(self, key: str) -> bytes | None:
        return self.documents.get(key)

    async def close(self) -> None:
        """Return at once."""


class _MemoryUpload:
    def __init__(self, archive: MemoryArchive, name: str, info: SnapshotInfo) -> None:
        self._archive, self._name, self._info = archive, name, info
        self._body = b""

    async def write(self, chunk: bytes) -> None:
        self._body += chunk

    async def complete(self) -> None:
        if self._name in self._archive.snapshots:
            raise NameInUse(f"there is a snapshot {self._name} already")
        self._archive.snapshots[self._name] = self._body
        self._archive.infos[self._name] = self._info


class MemoryStore:
    """A table in a dict; it counts the items that were put, and how often it was made durable.

    `expired` are the times by which items were to be deleted; a page of a sensor costs `page_units`.
    """

    page_units = 0.0

    items_per_second: float | None = None

    def __init__(self, *items: Item, refuses: Mapping[str, str] | None = None) -> None:
        self.items = {item.id: item for item in items}
        self.writes = 0
        self.settled = 0
        self.expired: list[int] = []
        self._refuses = refuses or {}
        self.table_id = TABLE_ID

    async def identity(self) -> str:
        return self.table_id

    async def check(self) -> None:
        """Return at once."""

    async def get(self, record_id: str) -> Item | None:
        return self.items.get(record_id)

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Item | None]:
        assert len(set(ids)) == len(ids) <= READ_LIMIT
        return {record_id: self.items.get(record_id) for record_id in ids}

    async def read(self, ids: Sequence[str]) -> Mapping[str, Item]:
        assert len(set(ids)) == len(ids)
        return {record_id: self.items[record_id] for record_id in ids if record_id in self.items}

    async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
        there = sorted(
            (
                item
                for item in self.items.values()
                if item.sensor_id == str(asked.sensor_id)
                and asked.since <= (-1 if item.measured_at is None else item.measured_at) < asked.until
                and not is_expired(item, ages)
            ),
            key=lambda item: (item.measured_at, int(item.id)),
            reverse=asked.newest_first,
        )
        begin = position or 0
        end = begin + asked.limit
        page = [Item(**{field: getattr(item, field) for field in asked.wanted}) for item in there[begin:end]]
        return SensorPage(page, end if end < len(there) else None, self.page_units)

    async def put(
        self,
        items: Sequence[Item],
        *,
        conditional: bool,
        guard: Callable[[], None] = no_guard,
        judged: Judged | None = None,
    ) -> PutResult:
        del judged  # it does nothing twice, and nothing else happens in between
        guard()
        self.writes += len(items)
        refused = {item.id: self._refuses[item.id] for item in items if item.id in self._refuses}
        now = time.time()
        outdated = {
            item.id
            for item in items
            if conditional and item.id in self.items and _age(dated(self.items[item.id], now)) > _age(item)
        }
        taken = [item for item in items if item.id not in outdated | refused.keys()]
        self.items |= {item.id: item for item in taken}
        return PutResult(frozenset(outdated), refused)

    async def delete_of_sensor(self, sensor_id: int, ids: Sequence[str]) -> int:
        there = [i for i in ids if i in self.items and self.items[i].sensor_id == str(sensor_id)]
        for record_id in there:
            del self.items[record_id]
        return len(there)

    async def settle(self) -> None:
        self.settled += 1

    async def receipt(self) -> str | None:
        return None  # as DynamoDB does

    async def known_receipts(self, receipts: Collection[str | None]) -> frozenset[str | None]:
        return frozenset({None}.intersection(receipts))

    async def expire(self, now: int) -> int:
        self.expired.append(now)
        return 0

    async def close(self) -> None:
        """Return at once."""


def _age(item: Item) -> list[int]:
    return [-1 if time is None else time for time in (item.measured_at, item.snapshot_at)]


class Before:
    """A port, or an upload, before whose methods something else is done: it may wait, or raise.

    `write` and `complete` are those of every upload of an archive; `after_put` is done after `put`.
    """

    def __init__(self, port: Any, **hooks: Hook) -> None:
        self._port = port
        self._hooks = hooks

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        before, after = self._hooks.get(name), self._hooks.get(f"after_{name}")
        if before is None and after is None:
            return method

        async def call(*arguments: Any, **named: Any) -> Any:
            if before is not None:
                await before()
            result = await method(*arguments, **named)
            if after is not None:
                await after()
            return result

        return call

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator[Any]:
        if "upload" in self._hooks:
            await self._hooks["upload"]()
        async with self._port.upload(name, info) as upload:
            yield Before(upload, **self._hooks)


def failing(error: BaseException, after: int = 0) -> Hook:
    """Make a hook that raises from its call number `after` (from 0) on."""
    calls = iter(range(1 << 30))

    async def fail() -> None:
        if next(calls) >= after:
            raise error

    return fail


class Stuck:
    """A hook that never returns; `reached` is set when it is called."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await asyncio.Event().wait()


class Gate:
    """A hook that waits until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1
        await self.open.wait()


def in_memory(archive: Any = None, store: Any = None) -> Storage:
    """Put a storage together, in memory where nothing else is given."""
    return Storage(archive or MemoryArchive(), store or MemoryStore())
