"""Contenders for the lease of a table behind the AWS double, all with one clock that a test moves.

One rule: what a test wants to know of the item, it reads past the lease.
"""

from typing import Any

from aqi_service.storage.aws.dynamodb_lease import DynamoLease, Means
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, passed
from tests.doubles.aws_world import World
from tests.doubles.faults.clients import at_once
from tests.doubles.faults.clock import HandClock

KEY: Any = {"id": {"S": "lease"}}


class Contest:
    """A table behind the double, and one clock for all; names in `dead` are those of dead processes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = HandClock(500.0)
        self.dead: set[str] = set()

    @property
    def table(self) -> Any:
        return self.world.dynamodb

    def lease(self, name: str) -> DynamoLease:
        means = Means(self.dead.__contains__, self.clock, at_once)
        return DynamoLease(self.table, self.world.table, self.world.store().keyed, name, means)

    async def held(self, name: str = "first") -> DynamoLease:
        """Give a lease that is taken."""
        lease = self.lease(name)
        assert await lease.take() is None
        return lease

    async def item(self) -> Any:
        """Read the lease's item."""
        answer = await self.table.get_item(TableName=self.world.table, Key=KEY)
        return answer.get("Item")

    async def leave(self, **attributes: Any) -> None:
        """Put another item into the lease's place."""
        await self.table.put_item(TableName=self.world.table, Item=KEY | attributes)


def of(name: str, answer: Answer) -> Answer:
    """Give this answer to the writes of one holder, and moto's to the others."""

    async def chosen(request: Request, forward: Forward) -> Reply:
        return await (answer if name.encode() in request.body else passed)(request, forward)

    return chosen


def meanwhile(clock: HandClock, seconds: float) -> Answer:
    """Give moto's answer after this time on the clock."""

    async def late(request: Request, forward: Forward) -> Reply:
        answer = await forward(request)
        clock.advance(seconds)
        return answer

    return late
