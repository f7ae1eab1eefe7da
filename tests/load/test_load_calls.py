"""What a load asks of DynamoDB: how much it reads at once, what it writes and how, and what it does not ask.

One rule: a load runs whole, through the real client, and the requests are counted where they arrive.
"""

import time
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aqi_service.core.report import LoadReport, Status
from aqi_service.storage.aws.dynamodb_writes import NOT_NEWER, WRITE_LIMIT
from aqi_service.storage.ports import READ_LIMIT, Storage
from tests.doubles.aws_answers import Request, unprocessed
from tests.doubles.aws_world import World, fresh
from tests.doubles.documents import document_of
from tests.doubles.load_helpers import NOW, document, fates, records, run, written
from tests.doubles.storage_doubles import MemoryArchive

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = 103
IDS = range(COUNT)
LIVE = pytest.mark.parametrize("live", [True, False], ids=["live", "replay"])
WRITES = ("BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


@pytest_asyncio.fixture(loop_scope="module")
async def world(aws: World) -> World:
    return await fresh(aws, table=True)


async def loaded(world: World, folder: Path, body: bytes, **how: Any) -> LoadReport:
    """Load a document into the table, after which all requests are that load's."""
    world.double.clear()
    return await run(written(folder, body), Storage(MemoryArchive(), world.store()), **how)


def reads(world: World) -> list[Any]:
    """Give what each BatchGetItem asked for."""
    return [each.json["RequestItems"][world.table] for each in world.double.seen("BatchGetItem")]


def writes(world: World) -> list[Request]:
    return [each for operation in WRITES for each in world.double.seen(operation)]


@LIVE
async def test_a_load_reads_consistently_100_keys_at_a_time_and_never_an_item_alone(
    world: World, tmp_path: Path, live: bool
) -> None:
    assert fates(await loaded(world, tmp_path, document(*IDS), live=live)) == {"stored": COUNT}
    asked = reads(world)
    assert sorted(len(each["Keys"]) for each in asked) == [COUNT - READ_LIMIT, READ_LIMIT]
    assert [each["ConsistentRead"] for each in asked] == [True, True]
    assert not {"GetItem", "Query", "Scan"} & set(world.double.operations())


@LIVE
async def test_keys_that_a_read_left_are_asked_for_again_consistently_before_anything_is_decided(
    world: World, tmp_path: Path, live: bool
) -> None:
    await loaded(world, tmp_path, document(*IDS), live=True)
    world.double.clear()
    world.double.on("BatchGetItem", unprocessed(1), times=1)
    source = written(tmp_path, document(*IDS))
    report = await run(source, Storage(MemoryArchive(), world.store()), live=live, now=NOW + 3600)
    assert (fates(report), writes(world)) == ({"unchanged": COUNT}, [])
    sizes = [len(each["Keys"]) for each in reads(world)]
    # How many at a time is the rate's to say, which goes by the clock.
    assert sum(sizes) == COUNT + sizes[0] - 1
    assert {each["ConsistentRead"] for each in reads(world)} == {True}


@LIVE
async def test_the_same_content_in_a_later_snapshot_makes_no_write_call_at_all(
    world: World, tmp_path: Path, live: bool
) -> None:
    await loaded(world, tmp_path, document(*IDS), live=True)
    report = await loaded(world, tmp_path, document(*IDS), live=live, now=NOW + 3600)
    assert (report.status, fates(report)) == (Status.COMPLETE, {"unchanged": COUNT})
    assert writes(world) == []


@LIVE
async def test_an_older_snapshot_makes_no_write_call_at_all(world: World, tmp_path: Path, live: bool) -> None:
    await loaded(world, tmp_path, document(*IDS, timestamp="2023-12-20 17:00:00"), live=True)
    older = document(*IDS, timestamp="2023-12-20 16:00:00")
    report = await loaded(world, tmp_path, older, live=live, now=NOW - 3600)
    assert fates(report) == {"superseded": COUNT}
    assert writes(world) == []


async def test_the_live_feed_is_written_in_batches_of_at_most_25(world: World, tmp_path: Path) -> None:
    await loaded(world, tmp_path, document(*IDS), live=True)
    sizes = [len(each.json["RequestItems"][world.table]) for each in writes(world)]
    assert {each.operation for each in writes(world)} == {"BatchWriteItem"}
    assert sorted(sizes) == [3, *[WRITE_LIMIT] * 4]


async def test_a_replay_is_written_item_by_item_where_what_is_there_is_not_newer(
    world: World, tmp_path: Path
) -> None:
    await loaded(world, tmp_path, document(*IDS))
    asked = [each.json for each in writes(world)]
    assert {each.operation for each in writes(world)} == {"PutItem"}
    assert sorted(int(each["Item"]["id"]["S"]) for each in asked) == list(IDS)
    assert {each["ConditionExpression"] for each in asked} == {NOT_NEWER}
    times = {(each["Item"]["measured_at"]["N"], each["Item"]["snapshot_at"]["N"]) for each in asked}
    values = [each["ExpressionAttributeValues"] for each in asked]
    assert times == {(each[":measured"]["N"], each[":taken"]["N"]) for each in values}
    assert all(0 <= time.time() + 3600 - int(each[":until"]["N"]) < 3600 for each in values)


@LIVE
async def test_only_what_is_new_newer_or_changed_is_written(world: World, tmp_path: Path, live: bool) -> None:
    await loaded(world, tmp_path, document(*range(100), timestamp="2023-12-20 16:00:00"), live=True)
    changed = [one | {"location": {}} for one in records([1], timestamp="2023-12-20 16:00:00")]
    newer = records([2], timestamp="2023-12-20 17:00:00")
    rest = records([*range(3, 100), 100], timestamp="2023-12-20 16:00:00")
    report = await loaded(world, tmp_path, document_of(*changed, *newer, *rest), live=live, now=NOW + 3600)
    assert fates(report) == {"stored": 3, "unchanged": 97}
    batches = [each.json["RequestItems"][world.table] for each in world.double.seen("BatchWriteItem")]
    items = [put["PutRequest"]["Item"] for batch in batches for put in batch]
    items += [each.json["Item"] for each in world.double.seen("PutItem")]
    assert sorted(int(item["id"]["S"]) for item in items) == [1, 2, 100]
