"""The store over DynamoDB: how it batches, and that each item gets through whatever the table answers."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

from aqi_service.core.items import Item
from aqi_service.core.schedule import BACKOFF_CAP
from aqi_service.errors import AccessDenied, ConfigError, ItemRefused, MissingResource, Unavailable
from aqi_service.storage.aws.clients import WRITE_CONCURRENCY
from aqi_service.storage.aws.dynamodb_writes import WRITE_LIMIT
from aqi_service.storage.aws.retry import ATTEMPTS
from aqi_service.storage.ports import READ_LIMIT
from tests.doubles.aws_answers import Answer, body, cut, error, held, lost, poison, unprocessed
from tests.doubles.aws_world import World, fresh, until
from tests.doubles.storage_items import FULL

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEMS = [FULL._replace(id=str(number)) for number in range(1, 101)]
IDS = [item.id for item in ITEMS]
PASSING: dict[str, Answer] = {
    "throttled": error(400, "ProvisionedThroughputExceededException"),
    "request limit": error(400, "RequestLimitExceeded"),
    "throttling": error(400, "ThrottlingException"),
    "500": error(500, "InternalServerError"),
    "503": error(503, "ServiceUnavailable"),
    "reset": cut,
    "lost": lost,
}


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, table=True)


def sizes(world: World, operation: str) -> list[int]:
    """Give how many items each batch of an operation had."""
    asked = [request.json["RequestItems"][world.table] for request in world.double.seen(operation)]
    return [len(each["Keys"] if isinstance(each, dict) else each) for each in asked]


async def stored(world: World) -> dict[str, Item]:
    """Read the whole table past all rules."""
    world.double.clear()
    return await world.store().read(IDS)


async def test_writes_go_out_in_batches_of_25_and_a_read_is_one_batch_of_100(world: World) -> None:
    await world.store().put(ITEMS, conditional=False)
    assert sizes(world, "BatchWriteItem") == [WRITE_LIMIT] * 4
    assert len(await world.store().read(IDS)) == 100
    assert sizes(world, "BatchGetItem") == [READ_LIMIT]
    assert world.double.seen("BatchGetItem")[0].json["RequestItems"][world.table]["ConsistentRead"] is True


async def test_more_ids_than_one_read_takes_are_a_mistake_of_the_caller(world: World) -> None:
    with pytest.raises(ValueError, match="101 ids in one read, the limit is 100"):
        await world.store().read([*IDS, "101"])


async def test_a_replay_writes_item_by_item_and_few_at_a_time(world: World) -> None:
    await world.store().put(ITEMS, conditional=True)
    assert world.double.count("BatchWriteItem") == 0
    assert world.double.count("PutItem") == 100
    assert 2 <= world.double.journal.peak("PutItem") <= WRITE_CONCURRENCY


async def test_batches_go_out_a_few_at_a_time(world: World) -> None:
    store = world.store()
    await asyncio.gather(*(store.put(ITEMS, conditional=False) for _ in range(3)))
    assert 2 <= world.double.journal.peak("BatchWriteItem") <= WRITE_CONCURRENCY


@pytest.mark.parametrize("processed", [0, 1, 24])
async def test_unprocessed_items_are_sent_again_until_none_is_left(world: World, processed: int) -> None:
    world.double.on("BatchWriteItem", unprocessed(processed), times=3)
    result = await world.store().put(ITEMS[:25], conditional=False)
    assert result == (frozenset(), {})
    assert await stored(world) == {item.id: item for item in ITEMS[:25]}
    assert len(world.waits) == (1 if processed == 24 else 3)


@pytest.mark.parametrize("processed", [0, 1, 99])
async def test_unprocessed_keys_are_asked_for_again_until_none_is_left(world: World, processed: int) -> None:
    await world.store().put(ITEMS, conditional=False)
    world.double.on("BatchGetItem", unprocessed(processed), times=3)
    assert await world.store().read(IDS) == {item.id: item for item in ITEMS}


async def test_after_a_refusal_a_batch_waits_for_its_turn_and_the_rate_is_told(world: World) -> None:
    store = world.store()
    assert store.items_per_second is None
    world.double.on("BatchWriteItem", unprocessed(1), times=1)
    await store.put(ITEMS[:25], conditional=False)
    assert store.items_per_second == 25
    [turn] = world.turns
    assert 0 < turn <= 1
    assert await stored(world) == {item.id: item for item in ITEMS[:25]}


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("conditional", [False, True])
async def test_only_what_asks_for_less_tells_a_rate(world: World, fault: str, conditional: bool) -> None:
    store = world.store()
    for operation in ("BatchWriteItem", "PutItem"):
        world.double.on(operation, PASSING[fault], times=1)
    await store.put(ITEMS[:1], conditional=conditional)
    is_throttled = fault in ("throttled", "request limit", "throttling")
    assert store.items_per_second == (25 if is_throttled else None)


@pytest.mark.parametrize(
    "left",
    [
        {"{table}": [{"PutRequest": {"Item": {"id": {"N": "07.0"}}}}]},
        {"arn:aws:dynamodb:us-east-1:1:table/{table}": [{"PutRequest": {"Item": {"id": {"S": "7"}}}}]},
    ],
    ids=["of a key in another form", "of the table by another name"],
)
async def test_what_was_not_processed_is_written_again_whatever_it_is_called(world: World, left: Any) -> None:
    named = {name.format(table=world.table): puts for name, puts in left.items()}
    world.double.on("BatchWriteItem", body(json.dumps({"UnprocessedItems": named})), times=1)
    await world.store().put(ITEMS[6:7], conditional=False)
    assert await stored(world) == {"7": ITEMS[6]}


@pytest.mark.parametrize("keys", ["null", '{"t":null}', '{"t":{}}', '{"t":{"ConsistentRead":true}}'])
async def test_an_answer_whose_parts_are_null_is_one_without_them(world: World, keys: str) -> None:
    nothing = body('{"Responses":null,"UnprocessedItems":null,"UnprocessedKeys":' + keys + "}")
    for operation in ("BatchWriteItem", "BatchGetItem"):
        world.double.on(operation, nothing)
    await world.store().put(ITEMS, conditional=False)
    assert await world.store().read(IDS) == {}


async def test_as_long_as_one_item_gets_through_there_is_no_end_of_patience(world: World) -> None:
    world.double.on("BatchWriteItem", unprocessed(1))
    await world.store().put(ITEMS[:25], conditional=False)
    assert sizes(world, "BatchWriteItem") == list(range(25, 0, -1))
    assert all(0 <= wait <= 0.05 for wait in world.waits)


@pytest.mark.parametrize(("operation", "write"), [("BatchWriteItem", True), ("BatchGetItem", False)])
async def test_a_table_that_takes_nothing_for_long_is_unavailable(
    world: World, operation: str, write: bool
) -> None:
    world.double.on(operation, unprocessed(0))
    with pytest.raises(Unavailable, match=f"^table {world.table}: the table takes nothing more"):
        await (world.store().put(ITEMS[:25], conditional=False) if write else world.store().read(IDS))
    assert world.double.count(operation) == ATTEMPTS + 1
    edges = [min(BACKOFF_CAP, 0.05 * 2**number) for number in range(ATTEMPTS)]
    assert all(0 <= wait <= edge for wait, edge in zip(world.waits, edges, strict=True))
    assert all(earlier < later for earlier, later in pairwise(edges))


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("conditional", [False, True])
async def test_a_write_that_fails_for_a_while_is_repeated_and_gives_the_same_table(
    world: World, fault: str, conditional: bool
) -> None:
    for operation in ("BatchWriteItem", "PutItem"):
        world.double.on(operation, PASSING[fault], times=4)
    assert await world.store().put(ITEMS[:30], conditional=conditional) == (frozenset(), {})
    assert await stored(world) == {item.id: item for item in ITEMS[:30]}
    assert len(world.waits) == 4


@pytest.mark.parametrize("fault", PASSING)
async def test_a_read_that_fails_for_a_while_is_repeated(world: World, fault: str) -> None:
    await world.store().put(ITEMS[:3], conditional=False)
    for operation in ("BatchGetItem", "GetItem", "DescribeTable"):
        world.double.on(operation, PASSING[fault], times=2)
    assert await world.store().read(["1", "2", "500"]) == {"1": ITEMS[0], "2": ITEMS[1]}
    assert await world.store().get("3") == ITEMS[2]


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("conditional", [False, True])
async def test_a_write_that_fails_for_good_raises_the_last_real_error(
    world: World, fault: str, conditional: bool
) -> None:
    for operation in ("BatchWriteItem", "PutItem"):
        world.double.on(operation, PASSING[fault])
    with pytest.raises(Unavailable, match=f"^table {world.table}: (AWS cannot do it now|no answer) "):
        await world.store().put(ITEMS[:30], conditional=conditional)


async def test_a_lookup_does_not_wait_long_for_a_table_that_fails(world: World) -> None:
    world.double.on("GetItem", error(500, "InternalServerError"))
    with pytest.raises(Unavailable):
        await world.store().get("1")
    assert world.double.count("GetItem") == 3
    assert sum(world.waits) <= 0.15


async def test_lookups_that_go_together_are_one_request_that_need_not_be_consistent(world: World) -> None:
    await world.store().put(ITEMS[:50], conditional=False)
    found = await world.store().get_many(IDS)
    assert found == {item.id: item for item in ITEMS[:50]} | dict.fromkeys(IDS[50:])
    assert sizes(world, "BatchGetItem") == [100]
    asked = world.double.seen("BatchGetItem")[0].json["RequestItems"][world.table]
    assert "ConsistentRead" not in asked


@pytest.mark.parametrize("fault", PASSING)
async def test_lookups_that_go_together_are_tried_as_often_as_a_lone_one(world: World, fault: str) -> None:
    await world.store().put(ITEMS[:3], conditional=False)
    world.double.on("BatchGetItem", PASSING[fault], times=2)
    assert await world.store().get_many(["1", "2", "500"]) == {"1": ITEMS[0], "2": ITEMS[1], "500": None}
    world.double.clear()
    world.double.on("BatchGetItem", PASSING[fault])
    with pytest.raises(Unavailable):
        await world.store().get_many(["1", "2"])
    assert world.double.count("BatchGetItem") == 3
    assert sum(world.waits) <= 0.3


@pytest.mark.parametrize("processed", [0, 1, 99])
async def test_lookups_that_are_left_unprocessed_are_asked_for_again(world: World, processed: int) -> None:
    await world.store().put(ITEMS, conditional=False)
    world.double.on("BatchGetItem", unprocessed(processed), times=2)
    assert await world.store().get_many(IDS) == {item.id: item for item in ITEMS}
    assert len(world.waits) == (1 if processed == 99 else 2)


async def test_lookups_that_stay_unprocessed_are_left_out_and_the_others_answered(world: World) -> None:
    await world.store().put(ITEMS, conditional=False)
    world.double.on("BatchGetItem", unprocessed(20))
    assert await world.store().get_many(IDS) == {item.id: item for item in ITEMS[:60]}
    assert sizes(world, "BatchGetItem") == [100, 80, 60]
    world.double.on("BatchGetItem", unprocessed(0))
    with pytest.raises(Unavailable, match=f"^table {world.table}: the table gives nothing more"):
        await world.store().get_many(IDS)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "ValidationException"), ItemRefused),
        (error(400, "ResourceNotFoundException"), MissingResource),
        (error(400, "AccessDeniedException"), AccessDenied),
    ],
)
async def test_what_may_concern_one_lookup_alone_is_told_from_a_table_that_does_not_answer(
    world: World, answer: Answer, kind: type[Exception]
) -> None:
    world.double.on("BatchGetItem", answer)
    with pytest.raises(kind, match=f"^table {world.table}: "):
        await world.store().get_many(IDS)
    assert world.waits == []


@pytest.mark.parametrize("conditional", [False, True])
async def test_a_poison_item_costs_its_neighbours_nothing_and_is_refused_with_a_reason(
    world: World, conditional: bool
) -> None:
    for operation in ("BatchWriteItem", "PutItem"):
        world.double.on(operation, poison("7"))
    result = await world.store().put(ITEMS[:25], conditional=conditional)
    assert list(result.refused) == ["7"]
    assert "One or more parameter values were invalid" in result.refused["7"]
    assert await stored(world) == {item.id: item for item in ITEMS[:25] if item.id != "7"}


async def test_items_beside_a_poison_one_are_repeated_when_they_are_throttled(world: World) -> None:
    world.double.on("BatchWriteItem", poison("7"))
    world.double.on("PutItem", poison("7"))
    world.double.on("PutItem", error(400, "ThrottlingException"), times=5)
    assert list((await world.store().put(ITEMS[:25], conditional=False)).refused) == ["7"]
    assert len(await stored(world)) == 24


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "ResourceNotFoundException"), MissingResource),
        (error(400, "AccessDeniedException"), AccessDenied),
        (error(400, "UnrecognizedClientException"), AccessDenied),
        (error(400, "ExpiredTokenException"), AccessDenied),
    ],
)
async def test_what_waiting_cannot_mend_is_raised_at_once(
    world: World, answer: Answer, kind: type[ConfigError]
) -> None:
    store = world.store()
    for operation in ("BatchWriteItem", "PutItem", "BatchGetItem", "GetItem"):
        world.double.on(operation, answer)
    told = f"^table {world.table}: "
    for conditional in (False, True):
        with pytest.raises(kind, match=told):
            await store.put(ITEMS[:3], conditional=conditional)
    with pytest.raises(kind, match=told):
        await store.read(IDS)
    with pytest.raises(kind, match=told):
        await store.get("1")
    assert world.waits == []


async def test_the_first_error_of_a_write_ends_its_other_batches(world: World) -> None:
    world.double.on("BatchWriteItem", held(asyncio.Event()))
    world.double.on("BatchWriteItem", error(400, "AccessDeniedException"), skip=3, times=1)
    with pytest.raises(AccessDenied):
        await world.store().put(ITEMS, conditional=False)


@pytest.mark.parametrize("conditional", [False, True])
async def test_a_cancelled_write_leaves_the_store_usable(world: World, conditional: bool) -> None:
    store = world.store()
    operation = "PutItem" if conditional else "BatchWriteItem"
    world.double.on(operation, held(asyncio.Event()))
    tasks = [asyncio.create_task(store.put(ITEMS, conditional=conditional)) for _ in range(4)]
    await until(lambda: world.double.count(operation) >= 8)
    for task in tasks:
        task.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError)
        for end in await asyncio.gather(*tasks, return_exceptions=True)
    )
    world.double.clear()
    await store.put(ITEMS, conditional=conditional)
    assert len(await store.read(IDS)) == 100


async def test_cancelled_reads_and_lookups_leave_the_store_usable(world: World) -> None:
    store = world.store()
    await store.put(ITEMS[:1], conditional=False)
    world.double.on("BatchGetItem", held(asyncio.Event()))
    world.double.on("GetItem", held(asyncio.Event()))
    tasks = [asyncio.create_task(store.read(["1"])) for _ in range(20)]
    lookups = [asyncio.create_task(store.get("1")) for _ in range(100)]
    await until(lambda: world.double.count("BatchGetItem") >= 8 and world.double.count("GetItem") >= 64)
    for task in [*tasks, *lookups]:
        task.cancel()
    await asyncio.gather(*tasks, *lookups, return_exceptions=True)
    assert world.double.journal.peak("GetItem") == 64
    world.double.clear()
    assert await store.get("1") == ITEMS[0]
    assert await store.read(["1"]) == {"1": ITEMS[0]}


async def test_a_lookup_does_not_wait_for_a_load_that_is_throttled(world: World) -> None:
    store = world.store()
    await store.put(ITEMS[:1], conditional=False)
    world.double.on("BatchWriteItem", held(asyncio.Event()))
    tasks = [asyncio.create_task(store.put(ITEMS, conditional=False)) for _ in range(10)]
    await until(lambda: world.double.count("BatchWriteItem") >= 8)
    assert await store.get("1") == ITEMS[0]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
