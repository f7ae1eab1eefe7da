"""Contenders for one lease under any order of requests, losses, pauses and crashes: never two hold it.

One rule: hypothesis decides what happens next; the lease's own code runs in between, until it waits again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from aqi_service.errors import LeaseLost, Unavailable
from aqi_service.storage.aws.dynamodb_lease import ANSWER_SECONDS, DynamoLease, Keyed, Means, awake_or_not
from aqi_service.storage.lease import LEASE_SECONDS, RENEW_SECONDS
from tests.doubles.faults.clients import at_once
from tests.doubles.faults.clock import HandClock, jumping

WEIGHTED = [0] * 12 + [1] * 12 + [2] * 4 + [3] * 3 + [4] * 8 + [5] + [6]
"""How often each of the steps of Play happens."""


def steps(seed: int) -> list[tuple[int, int]]:
    """Draw a long play: what happens next, and to whom."""
    chance = Random(seed)  # noqa: S311  # must be replayable
    return [(chance.choice(WEIGHTED), chance.randrange(8)) for _ in range(300)]


@dataclass
class Call:
    """A request on its way to the table: `run` is its effect, `answer` what its sender waits for."""

    sender: "Contender"
    run: Callable[[], Any]
    answer: asyncio.Future[Any]
    outcome: Any = None
    arrived: bool = False

    def arrive(self) -> None:
        """Let the table do its work; an error is an outcome as well."""
        self.arrived = True
        try:
            self.outcome = self.run()
        except ClientError as error:
            self.outcome = error

    def end(self, outcome: Any) -> None:
        """Let the sender go on, with an answer or an error."""
        if self.answer.done():
            return
        if isinstance(outcome, Exception):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


@dataclass
class Table:
    """One item, and what DynamoDB does with the requests that a lease makes."""

    item: dict[str, Any] | None = None
    calls: list[Call] = field(default_factory=list)

    def get(self, **_: Any) -> dict[str, Any]:
        return {"Item": dict(self.item)} if self.item is not None else {}

    def put(self, **asked: Any) -> dict[str, Any]:
        self.require(**asked)
        self.item = asked["Item"]
        return {}

    def delete(self, **asked: Any) -> dict[str, Any]:
        self.require(**asked)
        self.item = None
        return {}

    def require(self, **asked: Any) -> None:
        """Raise as DynamoDB does if the condition does not hold."""
        term = (self.item or {}).get("term")
        assert asked["ExpressionAttributeNames"] == {"#term": "term"}
        seen = asked.get("ExpressionAttributeValues", {}).get(":seen")
        holds = {
            "attribute_not_exists(#term)": term is None,
            "#term = :seen": term is not None and term == seen,
        }
        if not holds[asked["ConditionExpression"]]:
            code = "ConditionalCheckFailedException"
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "PutItem")


class Contender:
    """A process: it takes the lease, renews it, gives it back, each when it is woken."""

    def __init__(self, table: Table, name: str, clock: HandClock, dead: set[str]) -> None:
        self.table = table
        self.name = name
        self.wanted = "keep"
        self.awake = asyncio.Event()
        client: Any = self  # it has the three methods that a lease calls
        self.lease = DynamoLease(client, "t", keyed, name, Means(dead.__contains__, clock, at_once))
        self.task = asyncio.create_task(self.live())
        self.taken = 0

    async def get_item(self, **asked: Any) -> Any:
        return await self.send(lambda: self.table.get(**asked))

    async def put_item(self, **asked: Any) -> Any:
        return await self.send(lambda: self.table.put(**asked))

    async def delete_item(self, **asked: Any) -> Any:
        return await self.send(lambda: self.table.delete(**asked))

    async def send(self, run: Callable[[], Any]) -> Any:
        call = Call(self, run, asyncio.get_running_loop().create_future())
        self.table.calls.append(call)
        return await call.answer

    async def live(self) -> None:
        """Take, renew until it is lost or not wanted, give back, begin again."""
        while True:
            await self.attempt(self.take())
            await self.turn()

    async def take(self) -> None:
        if await self.lease.take() is not None:
            return
        self.taken += 1
        self.wanted = "keep"
        while self.wanted == "keep":
            await self.turn()
            await self.attempt(self.lease.renew())
        await self.attempt(self.lease.release())

    async def attempt(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except LeaseLost:
            self.wanted = "give back"
        except Unavailable:
            pass  # the next turn tries again

    async def turn(self) -> None:
        self.awake.clear()
        await self.awake.wait()

    def holds(self) -> bool:
        """Tell whether the process believes that it holds the lease."""
        try:
            self.lease.check()
        except LeaseLost:
            return False
        return not self.task.done()


@asynccontextmanager
async def keyed() -> AsyncIterator[str]:
    yield "S"


class Play:
    """The table, its contenders and the time; `step` lets one thing happen."""

    def __init__(self, contenders: int = 3) -> None:
        self.table = Table()
        self.clock = HandClock(100.0)
        self.dead: set[str] = set()
        self.names = iter(range(1000))
        self.contenders = [self.born() for _ in range(contenders)]
        self.most = 0
        self.taken = 0

    def born(self) -> Contender:
        return Contender(self.table, f"process {next(self.names)}", self.clock, self.dead)

    async def step(self, what: int, whom: int) -> None:
        """Let one thing happen, and then everybody go on until all wait."""
        steps = [
            self.deliver, self.wake, self.arrive, self.lose, self.tick, self.crash, self.stop_wanting
        ]  # fmt: skip
        steps[what](whom)
        for _ in range(12):
            await asyncio.sleep(0)
        holders = [each.name for each in self.contenders if each.holds()]
        self.most = max(self.most, len(holders))

    def call(self, whom: int) -> Call | None:
        return self.table.calls[whom % len(self.table.calls)] if self.table.calls else None

    def deliver(self, whom: int) -> None:
        """Let a request arrive, if it has not, and its answer too."""
        if call := self.call(whom):
            if not call.arrived:
                call.arrive()
            self.table.calls.remove(call)
            call.end(call.outcome)

    def arrive(self, whom: int) -> None:
        """Let a request arrive; its answer is still on its way."""
        call = self.call(whom)
        if call and not call.arrived:
            call.arrive()

    def lose(self, whom: int) -> None:
        """Let the sender give up; what has not arrived may still do so, much later."""
        if call := self.call(whom):
            call.end(ConnectionResetError())

    def wake(self, whom: int) -> None:
        """Let a process go on that has slept or was paused."""
        self.contenders[whom % len(self.contenders)].awake.set()

    def tick(self, whom: int) -> None:
        self.clock.advance([0.5, 3, 5, RENEW_SECONDS, 12, 20, LEASE_SECONDS - 1, LEASE_SECONDS][whom])

    def crash(self, whom: int) -> None:
        """Kill a process, which another replaces; whether it counts as dead is the host's matter."""
        victim = self.contenders[whom % len(self.contenders)]
        victim.task.cancel()
        if whom >= 4:
            self.dead.add(victim.name)
        self.taken += victim.taken
        self.contenders[self.contenders.index(victim)] = self.born()

    def stop_wanting(self, whom: int) -> None:
        self.contenders[whom % len(self.contenders)].wanted = "give back"

    async def end(self) -> None:
        for each in self.contenders:
            each.task.cancel()
            self.taken += each.taken
        outcomes = await asyncio.gather(*(each.task for each in self.contenders), return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)


async def played(seed: int) -> Play:
    play = Play()
    await asyncio.sleep(0)
    for what, whom in steps(seed):
        await play.step(what, whom)
    await play.end()
    return play


@settings(max_examples=75)
@given(st.integers(0, 2**32))
def test_never_do_two_believe_that_they_hold_the_lease(seed: int) -> None:
    assert asyncio.run(played(seed)).most <= 1


def test_in_such_plays_the_lease_changes_hands_again_and_again() -> None:
    assert min(asyncio.run(played(seed)).taken for seed in range(20)) >= 2


async def test_in_fair_play_somebody_holds_the_lease_again_after_every_crash() -> None:
    play = Play()
    for round_ in range(20):
        holder = None
        for _ in range(60):
            for whom in range(3):
                await play.step(1, whom)
                while play.table.calls:
                    await play.step(0, 0)
            holder = next((each for each in play.contenders if each.holds()), None)
            if holder:
                break
            await play.step(4, 2)
        assert holder, f"nobody in round {round_}"
        await play.step(5, play.contenders.index(holder))
    assert play.most == 1
    await play.end()


class Silent:
    """A client that takes requests and never answers."""

    async def get_item(self, **_: Any) -> None:
        await asyncio.Event().wait()

    put_item = delete_item = get_item


@asynccontextmanager
async def never() -> AsyncIterator[str]:
    await asyncio.Event().wait()
    yield "S"


@pytest.mark.parametrize("described", [keyed, never])
def test_a_table_that_never_answers_or_is_never_described_is_unavailable_in_time(described: Keyed) -> None:
    @jumping
    async def run() -> None:
        client: Any = Silent()
        lease, now = DynamoLease(client, "t", described, "first"), asyncio.get_running_loop().time
        begun = now()
        with pytest.raises(Unavailable, match="no answer"):
            await lease.take()
        assert now() - begun <= ANSWER_SECONDS + 0.1

    run()


def test_the_own_clock_goes_on() -> None:
    first = awake_or_not()
    while awake_or_not() == first:
        pass
    assert awake_or_not() > first
