"""A load of the live feed against AWS behind the shim, on a clock that jumps when nobody is at work.

One rule: time passes only while every request that will be answered has been, so how fast the machine is
decides nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aqi_service.core.report import LoadReport
from aqi_service.storage.aws.dynamodb_attributes import to_attributes
from aqi_service.storage.ports import Storage
from tests.doubles.faults.clients import World, through
from tests.doubles.faults.clock import JumpingLoop
from tests.doubles.faults.effects import STALL, Bucket, Refuse, Throttle
from tests.doubles.faults.journal import Journal, Record
from tests.doubles.faults.proxy import TcpProxy
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import FeedServer, Step, feed_server, head
from tests.doubles.load_helpers import run, written
from tests.doubles.load_places import AwsPlace, Table
from tests.doubles.storage_doubles import Before, MemoryStore, in_memory

RATE = 5
"""Writes a second that the throttled table takes."""

Trouble = Callable[[], Awaitable[None]]


@dataclass
class Scene:
    """Bucket and table behind the shim, the table behind a proxy as well.

    `stored` is set when the table has taken the first group. `archived` is how long was waited until the
    snapshot was complete; `when_archived` is done then.
    """

    world: World
    proxy: TcpProxy
    loop: JumpingLoop
    begun: float
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    archived: list[float] = field(default_factory=list)
    when_archived: Trouble | None = None

    @property
    def journal(self) -> Journal:
        return self.world.journal

    @property
    def place(self) -> AwsPlace:
        async def note() -> None:
            self.archived.append(self.loop.ahead - self.begun)
            if self.when_archived:
                await self.when_archived()

        async def note_put() -> None:
            self.stored.set()

        archive: Any = Before(self.world.archive, after_complete=note)
        store: Any = Before(self.world.store_with(asyncio.sleep), after_put=note_put)
        storage = Storage(archive, store)
        return AwsPlace(storage, self.world.clients, self.world.bucket, self.world.table)

    async def load(self, feed: FeedServer, **changes: Any) -> LoadReport:
        """Load the live feed."""
        return await run(feed.url(), self.place.storage, live=True, table=self.world.table, **changes)

    def troubles(self) -> dict[str, Trouble]:
        """Give what may become of the table, by name; each begins when it is called."""
        return {
            "throttled": self._throttle,
            "answers 503": self._answer_503,
            "refuses": self.proxy.down,
            "silent": self._silence,
        }

    async def _throttle(self) -> None:
        bucket = Bucket(RATE, clock=self.loop.time)
        for operation in ("BatchWriteItem", "PutItem"):
            self.world.fail(operation, Throttle(bucket))

    async def _answer_503(self) -> None:
        self.world.fail("dynamodb:*", Refuse("ServiceUnavailable"))

    async def _silence(self) -> None:
        self.world.fail("dynamodb:*", STALL)

    async def mend(self) -> None:
        """Let the table be as it was."""
        self.world.shim.book.clear()
        await self.proxy.down()
        await self.proxy.up()

    def object(self, operation: str, name: str) -> list[Record]:
        """Give the requests of an operation on an object."""
        return self.journal.of(operation, f"{self.world.bucket}/{name}")

    def asked_for(self, end: int | None) -> set[int]:
        """Give the ids that were asked for at the table by requests that had begun at this tick."""
        records = self.journal.of("Batch*Item")
        return {i for each in records if end is not None and each.begun < end for i in _ids(each)}


def _ids(record: Record) -> set[int]:
    """Give the ids that a request to the table was about: keys are `{"id": {"S": "7"}}`."""
    return {int(key.split('"')[-2]) for _, key in record.keys}


@asynccontextmanager
async def scene(moto_endpoint: str) -> AsyncIterator[Scene]:
    """Open bucket and table, empty."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    async with Shim(moto_endpoint) as shim:
        loop.busy = lambda: shim.journal.at_work
        port = int(shim.endpoint.rpartition(":")[2])
        async with TcpProxy("127.0.0.1", port) as proxy:
            table = f"http://{proxy.host}:{proxy.port}"
            async with through(shim, AWS_ENDPOINT_URL_DYNAMODB=table) as opened:
                world = opened.fresh()
                await world.make_bucket()
                await world.make_table()
                shim.renew()
                yield Scene(world, proxy, loop, loop.ahead)


@asynccontextmanager
async def sending(body: bytes, pieces: int, pause: float, *then: Step) -> AsyncIterator[FeedServer]:
    """Run a feed that sends the body in pieces, with a pause behind each; more steps are behind the first."""
    size = -(-len(body) // pieces)
    script: list[Step] = [head(Content_Length=len(body)), body[:size], pause, *then]
    for start in range(size, len(body), size):
        script += [body[start : start + size], pause]
    async with feed_server(tuple(script)) as feed:
        yield feed


async def undisturbed(folder: Any, body: bytes) -> Table:
    """Give what the table holds after a load that nothing disturbs."""
    store = MemoryStore()
    await run(written(folder, body), in_memory(store=store), live=True)
    items: Table = {}
    for item in store.items.values():
        values: dict[str, Any] = {k: next(iter(v.values())) for k, v in to_attributes(item, "S").items()}
        items[item.id] = values | {k: int(values[k]) for k in ("measured_at", "snapshot_at")}
    return items
