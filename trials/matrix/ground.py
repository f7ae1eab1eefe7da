"""What a cell runs on: bucket and table behind the shim, a feed, and a server that answers lookups.

One rule: all of it is in one loop whose time jumps, so a fault that lasts for minutes takes no time.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aqi_service.core.report import LoadReport
from aqi_service.lookup.lookup import Lookup
from aqi_service.storage.ports import Storage
from tests.doubles.faults.clients import World, through
from tests.doubles.faults.clock import JumpingLoop
from tests.doubles.faults.journal import Journal
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import Step, answer, feed_server, head
from tests.doubles.load_helpers import NOW, run
from tests.doubles.load_places import AwsPlace, ScannedPlace
from tests.doubles.wire_fixtures import Served, serving
from trials.matrix.cells import EARLIER, SEED, Cell


@dataclass
class Ground:
    """Where a cell runs.

    Attributes:
        lookups: what was asked and answered while the load ran, with the seconds that it took.
    """

    world: World
    place: AwsPlace
    served: Served
    loop: JumpingLoop
    lookups: list[tuple[bytes, bytes, float]] = field(default_factory=list)

    @property
    def journal(self) -> Journal:
        return self.world.journal

    async def seed(self) -> None:
        """Load the snapshot that is there before."""
        await self.load(SEED, now=EARLIER)
        self.world.shim.renew()

    async def load(self, body: bytes, **changes: Any) -> LoadReport:
        """Load a document from a feed in which nothing fails."""
        return await self.load_from((answer(body),), **changes)

    async def load_from(self, *scripts: tuple[Step, ...], **changes: Any) -> LoadReport:
        """Load what a feed says."""
        async with feed_server(*scripts) as feed:
            return await self.from_url(feed.url(), **changes)

    async def from_url(self, url: str, **changes: Any) -> LoadReport:
        """Load what is found there."""
        plan: dict[str, Any] = {"live": True, "now": NOW, "table": self.world.table} | changes
        return await run(url, self.place.storage, **plan)

    async def strike(self, cell: Cell) -> LoadReport:
        """Load under the cell's fault; lookups are asked meanwhile."""
        self.world.shim.book.add(*cell.rules)
        steps = cell.script(self, cell.body) if cell.script else self.in_halves(cell.body)
        async with feed_server(steps) as feed:
            return await self._beside(self.from_url(feed.url(), **cell.changes), cell.cancel)

    def in_halves(self, body: bytes) -> tuple[Step, ...]:
        """Script a feed that sends a body in two halves, with a lookup between them."""
        middle = len(body) // 2
        return (head(Content_Length=len(body)), body[:middle], 0.01, body[middle:])

    async def _beside(self, work: Coroutine[Any, Any, LoadReport], cancel: str) -> LoadReport:
        """Run the load, and lookups beside it."""
        load = asyncio.create_task(work)
        asking = asyncio.create_task(self._look_up_until(load))
        if cancel:
            while not any(record.waiting for record in self.journal.of(cancel)):  # noqa: ASYNC110  # no event
                await asyncio.sleep(0.1)
            load.cancel()
        await asyncio.wait({load, asking})
        await asking
        return await load

    async def _look_up_until(self, load: "asyncio.Task[LoadReport]") -> None:
        """Look up, round after round, until the load has ended, at least one round."""
        while True:
            for record_id in (b"3", b"20", b"999999"):
                await self.ask(record_id)
            if load.done():
                return
            await asyncio.wait({load}, timeout=7)

    async def ask(self, record_id: bytes) -> bytes:
        """Look one record up, as a client does."""
        begun = self.loop.time()
        async with self.served.peer() as peer:
            [reply] = await peer.ask(record_id)
        self.lookups.append((record_id, reply, self.loop.time() - begun))
        return reply

    def keys(self, documents: dict[str, bytes]) -> set[str]:
        """Name the snapshots among the documents."""
        return {key for key in documents if key.startswith("data_")}


@asynccontextmanager
async def ground(moto_endpoint: str, **environment: str) -> AsyncIterator[Ground]:
    """Open bucket and table, with what the seed puts there; `environment` is what the clients see.

    Two endpoints with a blank between them are servers that take moto's place, for S3 and for DynamoDB.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    async with Shim(moto_endpoint) as shim:
        loop.busy = lambda: shim.journal.at_work
        async with through(shim, **environment) as opened:
            world = opened.fresh()
            await world.make_bucket()
            await world.make_table()
            storage = Storage(world.archive, world.store_with(asyncio.sleep))
            kind = ScannedPlace if " " in moto_endpoint else AwsPlace
            place = kind(storage, world.clients, world.bucket, world.table)
            lookup = Lookup(storage.store, lambda: NOW)
            async with serving(lookup.answer) as served:
                found = Ground(world, place, served, loop)
                await found.seed()
                yield found
            await lookup.close()
