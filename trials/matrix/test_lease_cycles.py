"""Three loaders on one table for many loads, while one after the other is put out of action.

One rule: time jumps, so that minutes of polling and renewing pass at once; the seed says what happens next.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import pytest

from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.scheduler import Scheduler
from aqi_service.server.limits import ServerCounts
from aqi_service.shutdown import Stop
from aqi_service.storage.aws.clients import Clients
from aqi_service.storage.aws.dynamodb_lease import DynamoLease, Means
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.ports import Storage
from tests.doubles.backend import GivenBackend
from tests.doubles.config import config
from tests.doubles.daemons import holder_at, takeovers, trespasses
from tests.doubles.documents import document_of, record
from tests.doubles.faults.clients import World, through
from tests.doubles.faults.clock import JumpingLoop
from tests.doubles.faults.effects import RESET_AFTER, RESET_BEFORE, STALL, Effect, Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import FeedServer, answer, feed_server
from tests.doubles.storage_doubles import MemoryArchive
from tests.doubles.wire_fixtures import by_jumps

IDS = range(1, 61)
LOADERS = ("first", "second", "third")
EVENTS, INTERVAL = 5, 15
CUT_OFF: dict[str, Effect] = {"reset": RESET_BEFORE, "silent": STALL, "503": Refuse("ServiceUnavailable")}
NOISE = (
    Rule("PutItem", RESET_AFTER, chance=0.05),
    Rule("Batch*Item", RESET_AFTER, chance=0.05),
    Rule("GetItem", Refuse("InternalServerError"), chance=0.05),
)


@dataclass
class One:
    """A loader, as a process of this name has it."""

    process: str
    status: ServiceStatus
    task: asyncio.Task[None]
    stop: Stop


@dataclass
class Scene:
    """The table, the loaders by their access keys, and the feed.

    `asked` is who asked the feed, and when. A loader's contact is its access key, too.
    """

    shim: Shim
    world: World
    clients: dict[str, Clients]
    chance: Random
    archive: MemoryArchive = field(default_factory=MemoryArchive)
    living: dict[str, One] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    asked: list[tuple[str, int]] = field(default_factory=list)
    feed: FeedServer | None = None
    born: int = 0

    def __iter__(self) -> Iterator[bytes]:
        """Answer the feed's next request, with other values each time."""
        assert self.feed
        who = self.feed.requests[-1].headers["user-agent"].partition("+")[2].strip(")")
        self.asked.append((who, self.shim.journal.now))
        yield answer(document_of(*(record(i, p1=f"{len(self.asked)}.5", p2="1") for i in IDS)))

    def bear(self, name: str) -> None:
        """Start a loader, under an access key that has none."""
        self.born += 1
        clients, loop = self.clients[name], asyncio.get_running_loop()
        store = DynamoStore(clients.writes, clients.lookups, self.world.table)
        means = Means(self.dead.__contains__, loop.time, asyncio.sleep)
        process = f"{name}, process {self.born}"
        lease = DynamoLease(clients.writes, self.world.table, store.keyed, process, means)
        assert self.feed
        settings = config(feed_url=self.feed.url(), contact=name, interval=INTERVAL, load_deadline=60.0)
        status, stop = ServiceStatus(ServerCounts()), Stop()
        loader = Scheduler(settings, GivenBackend(Storage(self.archive, store), "here", lease=lease), status)
        self.living[name] = One(process, status, loop.create_task(loader.run(stop)), stop)

    async def loaded(self, but: str = "") -> str:
        """Wait for the next load of a holder, another than `but`, that ends well; tell whose.

        One that was cut off may still end well, when all but its manifest was done.
        """
        before = {name: one.status.loads["complete"] for name, one in self.living.items()}
        while True:
            await asyncio.sleep(2)
            for name, one in self.living.items():
                assert not one.task.done()
                done, journal = one.status.loads["complete"], self.shim.journal
                if name != but and done > before[name] and holder_at(journal, journal.now) == name:
                    return name
                before[name] = done

    async def happen(self, holder: str) -> None:
        """Put the holder out of action in one way or another, until another has loaded."""
        way = self.chance.choice(["killed", "killed elsewhere", "ended", *CUT_OFF])
        if way in CUT_OFF:
            self.shim.book.add(Rule("dynamodb:*", CUT_OFF[way], sender=holder, during=holder))
            self.shim.book.switch(holder)
            await self.loaded(but=holder)
            self.shim.book.switch(holder, on=False)
            return
        one = self.living.pop(holder)
        if way == "ended":
            one.stop.set()
            await one.task
        else:
            await self.kill(holder, one, seen=way == "killed")
        await self.loaded()
        self.bear(holder)

    async def kill(self, name: str, one: One, *, seen: bool) -> None:
        """End a loader without a word; on the same host the others see that it is dead."""
        self.shim.book.add(Rule("*", RESET_BEFORE, sender=name, during=one.process))
        self.shim.book.switch(one.process)
        if seen:
            self.dead.add(one.process)
        one.task.cancel()
        await asyncio.gather(one.task, return_exceptions=True)
        self.shim.book.switch(one.process, on=False)


@asynccontextmanager
async def scene(moto_endpoint: str, seed: int) -> AsyncIterator[Scene]:
    """Open a table, and let the loaders begin."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    async with AsyncExitStack() as stack:
        shim = await stack.enter_async_context(Shim(moto_endpoint, seed=seed))
        loop.busy = lambda: shim.journal.at_work
        world = (await stack.enter_async_context(through(shim))).fresh()
        await world.make_table()
        shim.renew(*NOISE, seed=seed)
        opened = {
            name: await stack.enter_async_context(through(shim, AWS_ACCESS_KEY_ID=name)) for name in LOADERS
        }
        clients = {name: world.clients for name, world in opened.items()}
        found = Scene(shim, world, clients, Random(seed))  # noqa: S311  # must be replayable
        found.feed = await stack.enter_async_context(feed_server((found,)))
        for name in LOADERS:
            found.bear(name)
        yield found
        for one in found.living.values():
            one.stop.set()
        await asyncio.gather(*(one.task for one in found.living.values()))


@pytest.mark.parametrize("seed", [1])
@by_jumps
async def test_through_many_loads_and_faults_one_loads_at_a_time_and_another_always_takes_over(
    seed: int, moto_endpoint: str
) -> None:
    async with scene(moto_endpoint, seed) as found:
        for _ in range(EVENTS):
            await found.happen(await found.loaded())
        journal = found.shim.journal
        assert trespasses(journal) == []
        assert [(who, at) for who, at in found.asked if holder_at(journal, at) != who] == []
        assert len(takeovers(journal)) > EVENTS
        assert len(found.asked) >= 2 * EVENTS
