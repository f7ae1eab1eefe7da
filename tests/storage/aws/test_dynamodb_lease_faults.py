"""The lease of a DynamoDB table when answers are lost, holders pause, and the table is cut off or strange."""

from typing import Any

import pytest
import pytest_asyncio

from aqi_service.errors import LeaseLost, MissingResource, Unavailable
from aqi_service.storage.aws.dynamodb_lease import SPARE_SECONDS
from aqi_service.storage.ports import LEASE_SECONDS, RENEW_SECONDS
from tests.doubles.aws_answers import Answer, Forward, Reply, Request, cut, done_but, error, lost, unprocessed
from tests.doubles.aws_world import World, fresh
from tests.doubles.lease_world import KEY, Contest, of
from tests.doubles.storage_items import FULL

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALID = LEASE_SECONDS - SPARE_SECONDS
ITEMS = [FULL._replace(id=str(number)) for number in range(1, 101)]


@pytest_asyncio.fixture(loop_scope="module")
async def contest(aws: World) -> Contest:
    world = await fresh(aws)
    await world.make_table()
    return Contest(world)


async def test_a_holder_paused_past_its_lease_sends_no_write(contest: Contest) -> None:
    lease = await contest.held()
    contest.clock.advance(90)
    with pytest.raises(LeaseLost):
        await contest.world.store().put(ITEMS, conditional=False, guard=lease.check)
    assert contest.world.double.count("BatchWriteItem") == 0


@pytest.mark.parametrize(
    ("answer", "operation", "sent"),
    [
        (unprocessed(10), "BatchWriteItem", 1),
        (error(400, "ThrottlingException"), "BatchWriteItem", 1),
        (error(400, "ValidationException"), "PutItem", 0),
    ],
)
async def test_a_write_whose_lease_ends_meanwhile_is_not_repeated(
    contest: Contest, answer: Answer, operation: str, sent: int
) -> None:
    lease = await contest.held()
    world = contest.world
    world.double.clear()

    async def late(request: Request, forward: Forward) -> Reply:
        contest.clock.advance(VALID)
        return await answer(request, forward)

    world.double.on("BatchWriteItem", late)
    with pytest.raises(LeaseLost):
        await world.store().put(ITEMS[:25], conditional=False, guard=lease.check)
    assert world.double.count(operation) == sent


async def test_a_holder_whose_item_was_deleted_has_lost_it(contest: Contest) -> None:
    lease = await contest.held()
    await contest.table.delete_item(TableName=contest.world.table, Key=KEY)
    with pytest.raises(LeaseLost, match="held by nobody now"):
        await lease.renew()
    with pytest.raises(LeaseLost):
        lease.check()
    assert await contest.item() is None


@pytest.mark.parametrize("fault", [lost, done_but(500, "InternalServerError"), cut])
async def test_one_lost_answer_costs_nobody_the_lease(contest: Contest, fault: Answer) -> None:
    lease = contest.lease("first")
    for change in (lease.take, lease.renew, lease.renew):
        contest.clock.advance(RENEW_SECONDS)
        contest.world.double.on("PutItem", fault, times=1)
        assert await change() is None
        contest.clock.advance(VALID - 0.1)
        lease.check()


async def test_a_look_at_the_table_is_tried_three_times(contest: Contest) -> None:
    contest.world.double.on("GetItem", cut, times=2)
    assert await contest.lease("first").take() is None
    contest.world.double.clear()
    contest.world.double.on("GetItem", cut)
    with pytest.raises(Unavailable, match=f"^the lease of table {contest.world.table}: no answer"):
        await contest.lease("second").take()
    assert contest.world.double.count("GetItem") == 3


async def test_a_taking_whose_answers_are_all_lost_is_no_taking_until_it_is_repeated(
    contest: Contest,
) -> None:
    lease = contest.lease("first")
    contest.world.double.on("PutItem", lost, times=3)
    with pytest.raises(Unavailable, match=f"^the lease of table {contest.world.table}: no answer"):
        await lease.take()
    with pytest.raises(LeaseLost):
        lease.check()
    assert await contest.lease("second").take() == "first"
    assert await lease.take() is None
    lease.check()


async def test_a_taking_that_came_through_unnoticed_can_be_given_back(contest: Contest) -> None:
    lease = contest.lease("first")
    contest.world.double.on("PutItem", lost, times=3)
    with pytest.raises(Unavailable):
        await lease.take()
    await lease.release()
    assert await contest.item() is None


async def test_a_renewal_that_came_through_unnoticed_is_followed_by_the_next(contest: Contest) -> None:
    lease = await contest.held()
    contest.world.double.on("PutItem", lost, times=3)
    with pytest.raises(Unavailable):
        await lease.renew()
    lease.check()
    contest.clock.advance(VALID)
    with pytest.raises(LeaseLost):
        lease.check()
    await lease.renew()
    lease.check()


async def test_a_renewal_that_came_through_unnoticed_does_not_keep_it_from_being_given_back(
    contest: Contest,
) -> None:
    lease = await contest.held()
    contest.world.double.on("PutItem", lost, times=3)
    with pytest.raises(Unavailable):
        await lease.renew()
    await lease.release()
    assert await contest.item() is None


async def test_a_holder_cut_off_from_the_table_stops_in_time_and_is_replaced(contest: Contest) -> None:
    first, second = await contest.held(), contest.lease("second")
    contest.world.double.on("PutItem", of("first", cut))
    assert await second.take() == "first"
    for _ in range(2):
        contest.clock.advance(RENEW_SECONDS)
        with pytest.raises(Unavailable):
            await first.renew()
        first.check()
    contest.clock.advance(LEASE_SECONDS - 2 * RENEW_SECONDS)
    with pytest.raises(LeaseLost):
        first.check()
    assert await second.take() is None


@pytest.mark.parametrize(
    "attributes",
    [{}, {"holder": {"S": "x"}}, {"holder": {"N": "5"}, "measured_at": {"N": "7"}}],
)
async def test_an_item_that_is_no_lease_is_written_over(contest: Contest, attributes: dict[str, Any]) -> None:
    await contest.leave(**attributes)
    assert await contest.lease("first").take() is None


@pytest.mark.parametrize("term", [{"N": "5"}, {"BOOL": True}, {"S": "?"}])
async def test_a_strange_lease_is_waited_for_as_any_other(contest: Contest, term: Any) -> None:
    await contest.leave(term=term)
    lease = contest.lease("first")
    assert await lease.take() == ""
    contest.clock.advance(LEASE_SECONDS)
    assert await lease.take() is None


async def test_where_the_table_is_gone_that_is_said(contest: Contest) -> None:
    lease = await contest.held()
    await contest.table.delete_table(TableName=contest.world.table)
    with pytest.raises(MissingResource):
        await lease.renew()
    with pytest.raises(MissingResource):
        await contest.lease("second").take()
