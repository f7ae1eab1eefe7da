"""Contenders for the lease of one table, each under its name, and what the table of a lease may answer.

One rule: the contenders of a table read one clock, which only a test moves, and wait for nothing.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from aqi_service.storage.aws.dynamodb_lease import DynamoLease, Means
from aqi_service.storage.lease import Lease
from aqi_service.storage.local.lease import LocalLease
from aqi_service.storage.ports import Store
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, passed
from tests.doubles.aws_backends import others
from tests.doubles.aws_world import World, fresh, opened
from tests.doubles.faults.clients import at_once
from tests.doubles.faults.clock import HandClock
from tests.doubles.moto_server import moto_endpoint
from tests.doubles.stores import local_store

KEY: Any = {"id": {"S": "lease"}}


class Contest:
    """A table, the clock, and a way to make one more contender; names in `dead` are dead processes."""

    def __init__(self, store: Store, make: Callable[[str, Means], Lease]) -> None:
        self.store = store
        self.clock = HandClock(1000.0)
        self.dead: set[str] = set()
        self._make = make

    def contender(self, name: str) -> Lease:
        """Make a lease of the table, in a process of this name."""
        return self._make(name, Means(self.dead.__contains__, self.clock, at_once))

    async def held(self, name: str = "first") -> Lease:
        """Give a lease that is taken."""
        lease = self.contender(name)
        assert await lease.take() is None
        return lease


class AwsContest(Contest):
    """Contenders for a table behind the double; what a test wants to know of the item, it reads past them."""

    def __init__(self, world: World) -> None:
        store = world.store()
        super().__init__(store, partial(DynamoLease, world.dynamodb, world.table, store.keyed))
        self.world = world

    @classmethod
    async def made(cls, aws: World, kind: str = "S") -> "AwsContest":
        """Make a table whose key is of this type."""
        world = await fresh(aws)
        await world.make_table(kind)
        return cls(world)

    async def item(self) -> Any:
        """Read the lease's item."""
        answer = await self.world.dynamodb.get_item(TableName=self.world.table, Key=KEY)
        return answer.get("Item")

    async def leave(self, **attributes: Any) -> None:
        """Put another item into the lease's place."""
        await self.world.dynamodb.put_item(TableName=self.world.table, Item=KEY | attributes)


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Contest]:
    """Contend for a folder."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(local_store(folder))

        def make(name: str, _: Means) -> Lease:
            lease = LocalLease(folder, name)
            stack.push_async_callback(lease.close)
            return lease

        yield Contest(store, make)


@asynccontextmanager
async def dynamodb(_folder: Path, kind: str = "S") -> AsyncIterator[Contest]:
    """Contend for a table whose key is of this type."""
    async with opened(moto_endpoint(), None, **others()) as aws:
        yield await AwsContest.made(aws, kind)


LEASES: dict[str, Callable[[Path], AbstractAsyncContextManager[Contest]]] = {
    "local": local,
    "dynamodb": dynamodb,
    "dynamodb-number-key": partial(dynamodb, kind="N"),
}


def of(name: str, answer: Answer) -> Answer:
    """Give this answer to the writes of one holder, and moto's to the others."""

    async def chosen(request: Request, forward: Forward) -> Reply:
        return await (answer if name.encode() in request.body else passed)(request, forward)

    return chosen


def after(answer: Answer, clock: HandClock, seconds: float) -> Answer:
    """Give this answer, after so much time on the clock."""

    async def late(request: Request, forward: Forward) -> Reply:
        clock.advance(seconds)
        return await answer(request, forward)

    return late
