"""A table whose requests wait to be let go, and the batcher before it."""

import asyncio
from collections.abc import Mapping, Sequence

from aqi_service.core.items import Item
from aqi_service.lookup.batcher import LookupBatcher, LookupCounts
from tests.doubles.storage_doubles import MemoryStore
from tests.doubles.storage_items import FULL
from tests.doubles.wire_fixtures import task, turns

TABLE = {str(number): FULL._replace(id=str(number)) for number in range(0, 1000, 2)}


class Table(MemoryStore):
    """A table whose requests wait to be let go, one by one; `asked` has the ids of each."""

    def __init__(self) -> None:
        super().__init__(*TABLE.values())
        self.asked: list[list[str]] = []
        self.gates: list[asyncio.Future[None]] = []

    async def get(self, record_id: str) -> Item | None:
        await self._arrived([record_id])
        return await super().get(record_id)

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Item | None]:
        await self._arrived(list(ids))
        return await super().get_many(ids)

    async def _arrived(self, ids: list[str]) -> None:
        self.asked.append(ids)
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate

    async def answer(self, request: int, error: Exception | None = None) -> None:
        """Let a request go, and give what waits for it a turn."""
        gate = self.gates[request]
        gate.set_exception(error) if error else gate.set_result(None)
        await turns()


def table() -> tuple[Table, LookupBatcher]:
    store = Table()
    return store, LookupBatcher(store, LookupCounts(), deadline=5.0)


def asks(misses: LookupBatcher, *numbers: int) -> list["asyncio.Task[Item | None]"]:
    return [task(misses.get(str(number))) for number in numbers]
