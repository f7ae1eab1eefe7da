"""A loader and two replicas behind one address, asked all the while: killed one after the other.

One rule: who asks may ask once more, on a new connection, and then has the answer; what is answered, some
snapshot had so.
"""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random

from aqi_service.client.client import Client
from aqi_service.errors import ClientError
from bench.lib.relay import relayed
from tests.doubles.delivery_reference import Keeping, Snapshot, read
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.program import Running
from trials.chaos.documents import Network
from trials.shards.plan import DAY, FIRST
from trials.shards.shards import DAEMON, LONG, Place, place_at

REPLICA = ("--serve-only", "--port", "0", "--no-http")
CLIENTS = 6
"""Two for each process at first: the relay deals connections out in turn."""

Values = tuple[str | None, ...]
COLUMNS = ("timestamp", "P2.5", "P10", "AQI")


@dataclass
class Asked:
    """What was seen.

    Attributes:
        lookups: how many were answered, `again` how many of them had to be asked once more.
        wrong: what was answered wrong, or not even then.
        connections: how many the loader and the replicas took, each of their lives by itself.
    """

    lookups: int = 0
    again: int = 0
    wrong: list[str] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)


class Asker:
    """Asks at one address for ids that are there, and knows the rows that each may have."""

    def __init__(self, port: int, rows: dict[str, set[Values]], ids: Sequence[str]) -> None:
        self._port, self._rows, self._ids = port, rows, cycle(ids)
        self.asked = Asked()
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Ask on as many connections as there are clients, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._ask())

    async def _ask(self) -> None:
        while True:
            await self._on_one_connection()

    async def more(self, count: int) -> None:
        """Wait until so many more were answered, or one was not."""
        until = self.asked.lookups + count
        async with asyncio.timeout(LONG), self._news:
            await self._news.wait_for(lambda: self.asked.lookups >= until or self.asked.wrong)

    async def _on_one_connection(self) -> None:
        record_id = next(self._ids)
        try:
            async with Client("127.0.0.1", self._port) as client:
                while True:
                    self._judge(record_id, await client.lookup(record_id))
                    await self._told()
                    record_id = next(self._ids)
        except ClientError:
            await self._once_more(record_id)

    async def _once_more(self, record_id: str) -> None:
        self.asked.again += 1
        try:
            async with Client("127.0.0.1", self._port) as client:
                self._judge(record_id, await client.lookup(record_id))
        except ClientError as error:
            self.asked.wrong.append(f"{record_id}, asked once more: {error}")
        await self._told()

    def _judge(self, record_id: str, found: object) -> None:
        row = tuple(found.get(name) or None for name in COLUMNS) if isinstance(found, dict) else None
        if row not in self._rows[record_id]:
            self.asked.wrong.append(f"{record_id} is answered with {found}")
        self.asked.lookups += 1

    async def _told(self) -> None:
        async with self._news:
            self._news.notify_all()


def documents(seed: int, records: int, count: int) -> list[bytes]:
    """Make what the feed publishes, one after the other."""
    network = Network(Random(f"{seed}/behind"), records, DAY)  # noqa: S311  # must be replayable
    return [network.publish() for _ in range(count)]


def rows_of(bodies: Sequence[bytes]) -> dict[str, set[Values]]:
    """Give the values that each id has in some document."""
    found: dict[str, set[Values]] = {}
    for body in bodies:
        for row in read(Snapshot(FIRST, body), Keeping(None, 0)).rows:
            found.setdefault(row["id"], set()).add(tuple(row.get(name) for name in COLUMNS))
    return found


async def behind_one_address(seed: int, endpoint: str, folder: Path, records: int, each: int) -> Asked:
    """Ask; after `each` lookups kill the loader while it loads; after more start it, and kill a replica."""
    bodies, middle = documents(seed, records, 3), asyncio.Event()
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(place_at(endpoint, folder))
        feed = await stack.enter_async_context(feed_server((answer(bodies[0]),)))
        loader = await _started(stack, place, "loader", feed.url())
        await loader.report(within=LONG)
        replicas = [await _started(stack, place, f"replica{number}") for number in range(2)]
        ports = [await each_one.port("tcp") for each_one in (loader, *replicas)]
        relay = await stack.enter_async_context(relayed(ports))
        asker = Asker(relay.port, rows_of(bodies), sorted(rows_of(bodies[:1])))
        asking = asyncio.create_task(asker.run())
        stack.callback(asking.cancel)
        await asker.more(each)
        feed.will(middle.set, answer(bodies[1]))
        feed.will(answer(bodies[2]))
        await middle.wait()
        await _killed(loader)
        await asker.more(each)
        again = await _started(stack, place, "loader-again", feed.url())
        relay.ports[0] = await again.port("tcp")
        await again.report(within=LONG)
        await _killed(replicas[0])
        await asker.more(each)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    asker.asked.connections = list(relay.taken.values())
    return asker.asked


async def _started(stack: AsyncExitStack, place: Place, name: str, url: str = "") -> Running:
    """Start a loader of a feed, or a replica."""
    options = (*DAEMON, "--feed-url", url) if url else REPLICA
    program: Running = await stack.enter_async_context(place.running(name, *options))
    await program.port("tcp")
    return program


async def _killed(program: Running) -> None:
    """Kill a process; its connections have ended when this returns."""
    program.tell(signal.SIGKILL)
    await program.ended()


def problems(asked: Asked) -> list[str]:
    """Say everything that is wrong."""
    idle = [] if asked.again > CLIENTS // 3 else ["nothing was killed under a lookup"]
    return [*asked.wrong, *idle]


def summary(asked: Asked) -> str:
    """Say in a line what was seen."""
    return (
        f"behind one address: lookups={asked.lookups} asked once more={asked.again} "
        f"wrong={len(asked.wrong)} connections={asked.connections}"
    )
