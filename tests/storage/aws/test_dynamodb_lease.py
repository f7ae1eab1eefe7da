"""The lease of a DynamoDB table beyond contract/test_lease: terms, times, takings over, and faults."""

from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from aqi_service.errors import LeaseLost, MissingResource, Unavailable
from aqi_service.storage.aws.dynamodb_lease import SPARE_SECONDS, awake_or_not
from aqi_service.storage.lease import LEASE_SECONDS, RENEW_SECONDS
from tests.doubles.aws_answers import (
    Answer,
    Forward,
    Reply,
    Request,
    cut,
    done_but,
    error,
    lost,
    passed,
    unprocessed,
)
from tests.doubles.aws_world import World
from tests.doubles.lease_world import KEY, AwsContest, after, of
from tests.doubles.storage_items import FULL

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALID = LEASE_SECONDS - SPARE_SECONDS
ITEMS = [FULL._replace(id=str(number)) for number in range(1, 26)]


@pytest_asyncio.fixture(loop_scope="module")
async def contest(aws: World) -> AwsContest:
    return await AwsContest.made(aws)


@pytest.mark.parametrize(("platform", "seconds"), [("linux", 107.0), ("darwin", 5.0), ("win32", 5.0)])
async def test_its_clock_goes_on_while_a_machine_with_linux_sleeps(
    monkeypatch: pytest.MonkeyPatch, platform: str, seconds: float
) -> None:
    clocks = SimpleNamespace(CLOCK_BOOTTIME=7, clock_gettime=(100.0).__add__, monotonic=lambda: 5.0)
    monkeypatch.setattr("aqi_service.storage.aws.dynamodb_lease.time", clocks)
    monkeypatch.setattr("aqi_service.storage.aws.dynamodb_lease.sys", SimpleNamespace(platform=platform))
    assert awake_or_not() == seconds


async def test_the_item_names_its_holder_and_never_expires(contest: AwsContest) -> None:
    await contest.held("host=a")
    item = await contest.item()
    assert item.keys() == {"id", "holder", "term"}
    assert item["holder"] == {"S": "host=a"}


async def test_each_taking_and_each_renewal_writes_a_new_term(contest: AwsContest) -> None:
    lease = await contest.held()
    terms = [(await contest.item())["term"]["S"]]
    for change in (lease.renew, lease.take, lease.renew):
        await change()
        terms.append((await contest.item())["term"]["S"])
    assert len(set(terms)) == 4


async def test_who_holds_it_is_read_consistently(contest: AwsContest) -> None:
    await contest.held()
    await contest.contender("second").take()
    assert [seen.json["ConsistentRead"] for seen in contest.world.double.seen("GetItem")] == [True, True]


async def test_one_that_was_never_asked_for_or_is_given_back_already_asks_nothing_to_be_given_back(
    contest: AwsContest,
) -> None:
    lease = await contest.held()
    await lease.release()
    contest.world.double.clear()
    await lease.release()
    await contest.contender("second").release()
    assert contest.world.double.requests == []
    assert await lease.take() is None


async def test_a_silent_holder_is_replaced_once_its_newest_term_was_seen_for_the_whole_time(
    contest: AwsContest,
) -> None:
    first, second = await contest.held(), contest.contender("second")
    contest.clock.advance(1000)  # nobody was looking
    assert await second.take() == "first"
    contest.clock.advance(20)
    await first.renew()
    contest.clock.advance(20)
    assert await second.take() == "first"
    contest.clock.advance(LEASE_SECONDS - 0.1)
    assert await second.take() == "first"
    assert contest.world.double.count("PutItem") == 2  # the first's: waiting writes nothing
    contest.clock.advance(0.1)
    assert await second.take() is None
    second.check()


async def test_the_time_of_a_slow_first_look_does_not_count(contest: AwsContest) -> None:
    await contest.held()
    second = contest.contender("second")
    contest.world.double.on("GetItem", after(passed, contest.clock, 8), times=1)
    assert await second.take() == "first"
    contest.clock.advance(LEASE_SECONDS - 1)
    assert await second.take() == "first"
    contest.clock.advance(1)
    assert await second.take() is None


async def test_a_renewal_just_before_the_taking_over_keeps_the_lease(contest: AwsContest) -> None:
    first, second = await contest.held(), contest.contender("second")
    assert await second.take() == "first"
    contest.clock.advance(LEASE_SECONDS)

    async def renewed_first(request: Request, forward: Forward) -> Reply:
        await first.renew()
        return await forward(request)

    contest.world.double.on("PutItem", of("second", renewed_first))
    assert await second.take() == "first"
    first.check()


async def test_a_lease_is_good_until_a_while_before_others_may_take_it(contest: AwsContest) -> None:
    lease = await contest.held()
    contest.clock.advance(VALID - 0.1)
    lease.check()
    contest.clock.advance(0.1)
    with pytest.raises(
        LeaseLost, match=f"^the lease of table {contest.world.table} is not ours, or ran out$"
    ):
        lease.check()


@pytest.mark.parametrize("renewal", [False, True])
async def test_the_time_of_a_lease_runs_from_before_its_request(contest: AwsContest, renewal: bool) -> None:
    lease = contest.contender("first") if not renewal else await contest.held()
    contest.world.double.on("PutItem", after(passed, contest.clock, 8))
    await (lease.renew() if renewal else lease.take())
    contest.clock.advance(VALID - 8 - 0.1)
    lease.check()
    contest.clock.advance(0.1)
    with pytest.raises(LeaseLost):
        lease.check()


async def test_a_dead_holder_is_replaced_at_once_and_one_that_was_no_holder_any_more_trusts_no_clock(
    contest: AwsContest,
) -> None:
    first, second = await contest.held(), contest.contender("second")
    contest.dead.add("first")  # wrongly so
    assert await second.take() is None
    second.check()
    with pytest.raises(LeaseLost, match="held by 'second' now"):
        await first.renew()
    with pytest.raises(LeaseLost):
        first.check()


async def test_a_holder_that_was_replaced_without_knowing_it_gives_nothing_of_the_others_back(
    contest: AwsContest,
) -> None:
    first, second = await contest.held(), contest.contender("second")
    contest.dead.add("first")
    assert await second.take() is None
    await first.release()
    assert (await contest.item())["holder"] == {"S": "second"}
    await second.renew()
    second.check()


@pytest.mark.parametrize(
    ("answer", "operation", "sent"),
    [(unprocessed(10), "BatchWriteItem", 1), (error(400, "ValidationException"), "PutItem", 0)],
)
async def test_a_write_whose_lease_ends_meanwhile_is_not_repeated(
    contest: AwsContest, answer: Answer, operation: str, sent: int
) -> None:
    lease, double = await contest.held(), contest.world.double
    double.clear()
    double.on("BatchWriteItem", after(answer, contest.clock, VALID))
    with pytest.raises(LeaseLost):
        await contest.store.put(ITEMS, conditional=False, guard=lease.check)
    assert double.count(operation) == sent


async def test_a_holder_whose_item_was_deleted_has_lost_it(contest: AwsContest) -> None:
    lease = await contest.held()
    await contest.world.dynamodb.delete_item(TableName=contest.world.table, Key=KEY)
    with pytest.raises(LeaseLost, match="held by nobody now"):
        await lease.renew()
    with pytest.raises(LeaseLost):
        lease.check()
    assert await contest.item() is None


@pytest.mark.parametrize("fault", [lost, done_but(500, "InternalServerError"), cut])
async def test_one_lost_answer_costs_nobody_the_lease(contest: AwsContest, fault: Answer) -> None:
    lease = contest.contender("first")
    for change in (lease.take, lease.renew, lease.renew):
        contest.clock.advance(RENEW_SECONDS)
        contest.world.double.on("PutItem", fault, times=1)
        assert await change() is None
        contest.clock.advance(VALID - 0.1)
        lease.check()


async def test_a_look_at_the_table_is_tried_three_times(contest: AwsContest) -> None:
    contest.world.double.on("GetItem", cut, times=2)
    assert await contest.contender("first").take() is None
    contest.world.double.clear()
    contest.world.double.on("GetItem", cut)
    with pytest.raises(Unavailable, match=f"^the lease of table {contest.world.table}: no answer"):
        await contest.contender("second").take()
    assert contest.world.double.count("GetItem") == 3


async def test_a_taking_whose_answers_are_all_lost_is_no_taking_until_it_is_repeated(
    contest: AwsContest,
) -> None:
    lease = contest.contender("first")
    contest.world.double.on("PutItem", lost, times=3)
    with pytest.raises(Unavailable, match=f"^the lease of table {contest.world.table}: no answer"):
        await lease.take()
    with pytest.raises(LeaseLost):
        lease.check()
    assert await contest.contender("second").take() == "first"
    assert await lease.take() is None
    lease.check()


@pytest.mark.parametrize("renewal", [False, True])
async def test_what_came_through_unnoticed_can_be_given_back(contest: AwsContest, renewal: bool) -> None:
    lease = await contest.held() if renewal else contest.contender("first")
    contest.world.double.on("PutItem", lost, times=3)
    with pytest.raises(Unavailable):
        await (lease.renew() if renewal else lease.take())
    await lease.release()
    assert await contest.item() is None


async def test_a_renewal_that_came_through_unnoticed_is_followed_by_the_next(contest: AwsContest) -> None:
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


async def test_a_holder_cut_off_from_the_table_stops_in_time_and_is_replaced(contest: AwsContest) -> None:
    first, second = await contest.held(), contest.contender("second")
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
async def test_an_item_that_is_no_lease_is_written_over(
    contest: AwsContest, attributes: dict[str, Any]
) -> None:
    await contest.leave(**attributes)
    assert await contest.contender("first").take() is None


@pytest.mark.parametrize("term", [{"N": "5"}, {"BOOL": True}, {"S": "?"}])
async def test_a_strange_lease_is_waited_for_as_any_other(contest: AwsContest, term: Any) -> None:
    await contest.leave(term=term)
    lease = contest.contender("first")
    assert await lease.take() == ""
    contest.clock.advance(LEASE_SECONDS)
    assert await lease.take() is None


async def test_where_the_table_is_gone_that_is_said(contest: AwsContest) -> None:
    lease = await contest.held()
    await contest.world.dynamodb.delete_table(TableName=contest.world.table)
    with pytest.raises(MissingResource):
        await lease.renew()
    with pytest.raises(MissingResource):
        await contest.contender("second").take()
