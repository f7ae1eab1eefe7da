"""What a live load has to write again while a replay writes newer data: the newer wins, fates are right."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from aqi_service.core.items import Item
from aqi_service.load.group_writer import GroupWriter
from aqi_service.load.table_writer import TableWriter
from aqi_service.storage.aws import dynamodb_writes
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from tests.doubles.faults import effects
from tests.doubles.faults.clients import World, through
from tests.doubles.faults.clock import HandClock
from tests.doubles.faults.effects import Delay, Effect, Refuse
from tests.doubles.faults.shim import Shim
from tests.doubles.storage_doubles import Before
from tests.doubles.watch import Told
from tests.doubles.writer_world import add, fates, item

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = [item(number) for number in range(10)]
NEWER = item(9, measured_at=200, value="9", snapshot_at=400)
SAME = ITEMS[8]._replace(snapshot_at=501)
"""What a replay brings: a newer measurement, and one that another snapshot has as well."""

FAULTS: dict[str, Effect] = {
    "most unprocessed": effects.LEAVE_MOST,
    "all unprocessed": effects.LEAVE_ALL,
    "throttled": effects.THROTTLED,
    "over capacity": effects.OVER_CAPACITY,
    "500": Refuse("InternalServerError"),
    "500 after the write": Refuse("InternalServerError", applied=True),
    "reset before": effects.RESET_BEFORE,
    "reset after": effects.RESET_AFTER,
    "answer lost": effects.LOST_ANSWER,
    "no answer": effects.STALL,
    "no answer after the write": effects.STALL_AFTER,
}


class Meanwhile:
    """A sleep during whose first time something else is done."""

    def __init__(self) -> None:
        self.work: Callable[[], Awaitable[object]] | None = None
        self.replay: Callable[[list[Item]], Awaitable[object]]

    async def __call__(self, seconds: float = 0.0) -> None:
        del seconds
        work, self.work = self.work, None
        if work:
            await work()
        await asyncio.sleep(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def meanwhile() -> Meanwhile:
    return Meanwhile()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(moto_endpoint: str, meanwhile: Meanwhile) -> AsyncIterator[tuple[World, World]]:
    """Clients behind a shim, and others that go past it."""
    async with (
        Shim(moto_endpoint, sleep=meanwhile) as shim,
        through(shim) as world,
        through(shim, AWS_ENDPOINT_URL=moto_endpoint) as straight,
    ):
        yield world, straight


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared: tuple[World, World], meanwhile: Meanwhile) -> World:
    """An empty table; what happens meanwhile is a replay's conditional write, past all faults."""
    found, straight = shared[0].fresh(), shared[1]
    await found.make_table()
    found.shim.renew()
    replay = DynamoStore(straight.clients.writes, straight.clients.lookups, found.table)
    meanwhile.replay = partial(replay.put, conditional=True)
    meanwhile.work = partial(meanwhile.replay, [NEWER, SAME])
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """Stop the loop's clock; give what moves it."""
    loop = asyncio.get_running_loop()
    stopped = HandClock(loop.time())
    monkeypatch.setattr(loop, "time", stopped)
    return stopped


async def stored(world: World) -> Mapping[str, Item]:
    world.shim.book.clear()
    return await world.store.read([one.id for one in ITEMS])


async def delivered(store: Any) -> tuple[TableWriter, Told]:
    """Deliver as a live load does; give what memory was told."""
    told = Told()
    put = partial(store.put, conditional=False)
    writer = TableWriter(GroupWriter(store, put, now=lambda: 1000.0, watch=told))
    await add(writer, ITEMS)
    await writer.flush()
    return writer, told


async def check(world: World, store: Any) -> None:
    writer, told = await delivered(store)
    assert fates(writer) == {"stored": 8, "unchanged": 1, "superseded": 1}
    ours = {one.id: one for one in ITEMS[:8]}
    assert told == Told([one.id for one in ITEMS], ["9"])
    assert await stored(world) == ours | {"8": SAME, "9": NEWER}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_replay_that_ends_between_a_write_and_its_repetition_wins(
    world: World, meanwhile: Meanwhile, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "no answer" in fault:
        monkeypatch.setattr(dynamodb_writes, "WRITE_SECONDS", 0.5)
    world.fail("BatchWriteItem", FAULTS[fault], times=1)
    await check(world, world.store_with(meanwhile))


@pytest.mark.parametrize(("operation", "which"), [("BatchGetItem", 2), ("PutItem", 1)])
async def test_a_replay_that_ends_before_the_single_writes_behind_a_refused_batch_wins(
    world: World, meanwhile: Meanwhile, operation: str, which: int
) -> None:
    meanwhile.work = partial(meanwhile.replay, [NEWER])
    world.fail("BatchWriteItem", Refuse("ValidationException"))
    world.fail(operation, Delay(1), nth=(which,))
    writer, told = await delivered(world.store_with(meanwhile))
    assert fates(writer) == {"stored": 9, "superseded": 1}
    assert told.differing == ["9"]
    assert (await stored(world))["9"] == NEWER


async def test_single_writes_behind_a_refused_batch_are_judged_again(
    world: World, meanwhile: Meanwhile
) -> None:
    world.fail("BatchWriteItem", Delay(1), times=1)
    world.fail("BatchWriteItem", Refuse("ValidationException"))
    await check(world, world.store_with(meanwhile))
    assert world.journal.count("PutItem") == 8


async def test_what_the_table_does_not_give_to_be_judged_again_is_asked_for_until_it_does(
    world: World, meanwhile: Meanwhile
) -> None:
    world.fail("BatchWriteItem", effects.LEAVE_ALL, times=1)
    world.fail("BatchGetItem", effects.LEAVE_MOST, nth=(2, 4))
    world.fail("BatchGetItem", effects.LEAVE_ALL, nth=(3,))
    await check(world, world.store_with(meanwhile))


async def test_what_an_earlier_try_wrote_counts_as_stored_and_is_not_written_again(
    world: World, meanwhile: Meanwhile
) -> None:
    meanwhile.work = None
    world.fail("BatchWriteItem", effects.RESET_AFTER, times=1)
    writer, told = await delivered(world.store_with(meanwhile))
    assert fates(writer) == {"stored": 10}
    assert told == Told([one.id for one in ITEMS])
    assert len(world.journal.of("BatchWriteItem")) == 1


async def test_a_write_that_goes_out_soon_after_its_reading_costs_no_other_reading(
    world: World, meanwhile: Meanwhile, clock: HandClock
) -> None:
    del clock  # it stands still
    meanwhile.work = None
    await delivered(world.store_with(meanwhile))
    assert len(world.journal.of("BatchGetItem")) == len(world.journal.of("BatchWriteItem")) == 1


async def test_a_first_write_that_had_to_wait_is_judged_again(
    world: World, meanwhile: Meanwhile, clock: HandClock
) -> None:
    async def wait() -> None:
        clock.advance(dynamodb_writes.FRESH_SECONDS + 1)
        await meanwhile()

    await check(world, Before(world.store_with(meanwhile), put=wait))
