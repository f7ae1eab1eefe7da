"""The shim between the program's DynamoDB client and moto: it passes, fails by rule, and keeps a journal."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from botocore.exceptions import BotoCoreError, ClientError

from aqi_service.core.items import Item
from tests.doubles.faults import effects
from tests.doubles.faults.clients import World, ended, through
from tests.doubles.faults.clock import HandClock
from tests.doubles.faults.effects import Bucket, Delay, Effect, Refuse, Throttle
from tests.doubles.faults.journal import Record
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.patience import patience

ITEMS = [Item(str(number), pm25="48.8", measured_at=1) for number in range(30)]
IDS = [item.id for item in ITEMS]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(moto_endpoint: str) -> AsyncIterator[World]:
    async with Shim(moto_endpoint) as shim, through(shim) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared: World) -> World:
    """The module's shim and clients with an empty table of this test's own."""
    found = shared.fresh()
    await found.make_table()
    found.shim.renew()
    return found


async def stored(world: World) -> list[str]:
    """Read the ids in the table, without the shim's rules."""
    world.shim.book.clear()
    answer = await world.dynamodb.scan(TableName=world.table)
    return sorted((item["id"]["S"] for item in answer["Items"]), key=int)


async def test_the_journal_knows_which_table_and_keys_each_request_was_about(world: World) -> None:
    await world.store.get("7")
    (record,) = world.journal.of("GetItem")
    assert record.call.resource == world.table
    assert record.keys == {(world.table, '{"id": {"S": "7"}}')}


ERRORS = [
    effects.INTERNAL_ERROR,
    effects.THROTTLED,
    effects.OVER_CAPACITY,
    effects.TOO_MANY,
    Refuse("ServiceUnavailable"),
    Refuse("", status=502),
]


@pytest.mark.parametrize("effect", ERRORS, ids=lambda effect: effect.code or "no body")
async def test_an_error_that_may_pass_is_repeated_and_was_not_applied(world: World, effect: Refuse) -> None:
    world.fail("BatchWriteItem", effect, times=2)
    await world.store.put(ITEMS[:2], conditional=False)
    records = world.journal.of("BatchWriteItem")
    assert [record.applied for record in records] == [False, False, True]
    assert [record.code for record in records] == [effect.code, effect.code, ""]


@pytest.mark.parametrize(
    ("effect", "applied"),
    [
        (effects.RESET_BEFORE, False),
        (effects.RESET_AFTER, True),
        (effects.LOST_ANSWER, True),
        (Refuse("InternalServerError", applied=True), True),
    ],
)
async def test_an_answer_that_does_not_come_is_asked_for_again(
    world: World, effect: Effect, applied: bool
) -> None:
    world.fail("PutItem", effect, times=1)
    await world.store.put(ITEMS[:1], conditional=True)
    first, second = world.journal.of("PutItem")
    assert (first.applied, first.answered) == (applied, isinstance(effect, Refuse))
    assert (second.applied, second.answered) == (True, True)
    assert await stored(world) == ["0"]


async def abandoned(world: World, request: Awaitable[Any]) -> Record:
    """Let a request come to the shim, and leave it; return what the journal has of it."""
    world.journal.records.clear()
    task = asyncio.ensure_future(request)
    while not world.journal.records:  # noqa: ASYNC110  # what is waited for is the shim's own task
        await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return world.journal.records[0]


@pytest.mark.parametrize(("effect", "applied"), [(effects.STALL, False), (effects.STALL_AFTER, True)])
async def test_a_stalled_request_is_never_answered_and_ends_when_its_client_leaves(
    world: World, effect: Effect, applied: bool
) -> None:
    world.fail("PutItem", effect)
    request = world.dynamodb.put_item(TableName=world.table, Item={"id": {"S": "1"}})
    record = await abandoned(world, request)
    await ended(record)
    assert (record.applied, record.answered, record.status) == (applied, False, None)
    assert await stored(world) == ["1"] * applied


async def test_a_delayed_write_lands_after_its_client_gave_up(moto_endpoint: str) -> None:
    gate = asyncio.Event()

    async def wait(seconds: float) -> None:
        del seconds
        await gate.wait()

    async with Shim(moto_endpoint, sleep=wait) as shim, through(shim) as opened:
        world = opened.fresh()
        await world.make_table()
        world.fail("PutItem", Delay(60))
        request = world.dynamodb.put_item(TableName=world.table, Item={"id": {"S": "1"}})
        record = await abandoned(world, request)
        assert await stored(world) == []
        gate.set()
        await ended(record)
        assert record.applied
        assert await stored(world) == ["1"]


async def test_latency_is_added_up_before_the_emulator_sees_the_request(moto_endpoint: str) -> None:
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    shim = Shim(moto_endpoint, [Rule("*", Delay(0.5)), Rule("List*", Delay(60))], sleep=note)
    async with shim, through(shim) as world:
        await world.dynamodb.list_tables()
    assert slept == [0.5, 60]


async def test_writes_of_one_key_at_the_same_time_show_in_the_journal(moto_endpoint: str) -> None:
    all_there = asyncio.Barrier(3)

    async def wait(_: float) -> None:
        await all_there.wait()

    async with Shim(moto_endpoint, sleep=wait) as shim, through(shim) as opened:
        world = opened.fresh()
        await world.make_table()
        world.fail("PutItem", Delay(60))
        async with patience():
            await asyncio.gather(*(world.store.put([ITEMS[i]], conditional=True) for i in (0, 0, 1)))
    assert world.journal.peak("PutItem") == 3
    assert len(list(world.journal.collisions("PutItem"))) == 1


async def test_the_same_seed_gives_the_same_faults(world: World) -> None:
    async def answers(seed: int) -> list[tuple[str, bool]]:
        rules = (
            Rule("GetItem", effects.THROTTLED, chance=0.4),
            Rule("GetItem", effects.RESET_AFTER, chance=0.2),
        )
        world.shim.renew(*rules, seed=seed)
        for _ in range(25):
            with suppress(ClientError, BotoCoreError):
                await world.dynamodb.get_item(TableName=world.table, Key={"id": {"S": "1"}})
        return [(record.code, record.answered) for record in world.journal.of("GetItem")]

    first = await answers(5)
    assert await answers(5) == first
    assert await answers(6) != first
    assert set(first) == {("ThrottlingException", True), ("", False), ("", True)}


async def test_a_request_that_its_client_cuts_short_is_not_written_down(world: World) -> None:
    _, port = world.shim.endpoint.rsplit(":", 1)
    _, writer = await asyncio.open_connection("127.0.0.1", int(port))
    writer.write(b"PUT /bucket/key HTTP/1.1\r\nHost: shim\r\nContent-Length: 10\r\n\r\nhalf")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await world.dynamodb.list_tables()
    assert world.journal.operations() == {"ListTables": 1}


def puts(*ids: str, number: str = "1") -> list[Any]:
    return [{"PutRequest": {"Item": {"id": {"S": i}, "p": {"N": number}}}} for i in ids]


async def test_numbers_come_back_canonical_however_they_were_written(
    world: World, moto_endpoint: str
) -> None:
    item = {"id": {"S": "1"}, "p": {"N": "48.80"}, "q": {"L": [{"N": "1E2"}]}}
    await world.dynamodb.put_item(TableName=world.table, Item=item)
    async with through(world.shim, AWS_ENDPOINT_URL=moto_endpoint) as straight:
        past: Any = {"id": {"S": "2"}, "p": {"N": "0.90"}}
        await straight.dynamodb.put_item(TableName=world.table, Item=past)
    keys = [{"id": {"S": "1"}}, {"id": {"S": "2"}}]
    answer = await world.batch("batch_get_item", {"Keys": keys})
    found = {item["id"]["S"]: item for item in answer["Responses"][world.table]}
    assert found["1"] == {"id": {"S": "1"}, "p": {"N": "48.8"}, "q": {"L": [{"N": "100"}]}}
    assert found["2"]["p"] == {"N": "0.9"}


@pytest.mark.parametrize("effect", [effects.LEAVE_ONE, effects.LEAVE_MOST, effects.LEAVE_ALL])
async def test_unprocessed_items_are_not_stored_and_the_store_asks_again(
    world: World, effect: effects.Leave
) -> None:
    world.fail("BatchWriteItem", effect, times=3)
    await world.store.put(ITEMS[:25], conditional=False)
    left = [record.left for record in world.journal.of("BatchWriteItem")]
    assert left == {"one": [1, 1, 1, 0], "most": [24, 23, 22, 0], "all": [25, 25, 25, 0]}[effect.share]
    assert await stored(world) == IDS[:25]


async def test_a_batch_over_the_rate_is_stored_in_part_and_an_empty_bucket_is_an_error(world: World) -> None:
    clock = HandClock()
    world.fail("*Item", Throttle(Bucket(10, clock=clock)))
    batch = puts(*IDS[:25])
    answer = await world.batch("batch_write_item", batch)
    assert len(answer["UnprocessedItems"][world.table]) == 15
    for refused in (
        world.batch("batch_write_item", batch),
        world.dynamodb.put_item(TableName=world.table, Item={"id": {"S": "1"}}),
    ):
        with pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
            await refused
    clock.advance(0.3)
    answer = await world.batch("batch_write_item", batch)
    assert len(answer["UnprocessedItems"][world.table]) == 22
    assert await stored(world) == IDS[:10]


async def test_an_invalid_request_is_refused_even_where_its_answer_would_be_left(world: World) -> None:
    world.fail("BatchWriteItem", effects.LEAVE_MOST)
    with pytest.raises(ClientError, match="ValidationException"):
        await world.batch("batch_write_item", puts("1", "1"))


async def test_a_tables_key_is_learned_anew_when_it_is_made_anew(world: World) -> None:
    await world.store.put(ITEMS[:1], conditional=False)
    await world.dynamodb.delete_table(TableName=world.table)
    await world.make_table("k")
    twice = [{"PutRequest": {"Item": {"k": {"S": "1"}, "id": {"S": i}}}} for i in "ab"]
    with pytest.raises(ClientError, match="duplicates"):
        await world.batch("batch_write_item", twice)
