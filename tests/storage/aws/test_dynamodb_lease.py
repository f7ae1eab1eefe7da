"""The lease of a DynamoDB table: what it writes, how long it lasts, and who takes it over when."""

import asyncio
from types import SimpleNamespace

import pytest
import pytest_asyncio

from aqi_service.errors import LeaseLost
from aqi_service.storage.aws.dynamodb_lease import SPARE_SECONDS, awake_or_not
from aqi_service.storage.ports import LEASE_SECONDS
from tests.doubles.aws_answers import Forward, Reply, Request
from tests.doubles.aws_world import World, fresh
from tests.doubles.lease_world import Contest, meanwhile, of

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALID = LEASE_SECONDS - SPARE_SECONDS


@pytest_asyncio.fixture(loop_scope="module")
async def contest(aws: World) -> Contest:
    world = await fresh(aws)
    await world.make_table()
    return Contest(world)


@pytest.mark.parametrize(("platform", "seconds"), [("linux", 107.0), ("darwin", 5.0), ("win32", 5.0)])
async def test_its_clock_goes_on_while_a_machine_with_linux_sleeps(
    monkeypatch: pytest.MonkeyPatch, platform: str, seconds: float
) -> None:
    clocks = SimpleNamespace(CLOCK_BOOTTIME=7, clock_gettime=(100.0).__add__, monotonic=lambda: 5.0)
    monkeypatch.setattr("aqi_service.storage.aws.dynamodb_lease.time", clocks)
    monkeypatch.setattr("aqi_service.storage.aws.dynamodb_lease.sys", SimpleNamespace(platform=platform))
    assert awake_or_not() == seconds


async def test_the_item_names_its_holder_and_never_expires(contest: Contest) -> None:
    await contest.held("host=a")
    item = await contest.item()
    assert item.keys() == {"id", "holder", "term"}
    assert item["holder"] == {"S": "host=a"}


async def test_each_taking_and_each_renewal_writes_a_new_term(contest: Contest) -> None:
    lease = await contest.held()
    terms = [(await contest.item())["term"]["S"]]
    for change in (lease.renew, lease.take, lease.renew):
        await change()
        terms.append((await contest.item())["term"]["S"])
    assert len(set(terms)) == 4


async def test_who_holds_it_is_read_consistently(contest: Contest) -> None:
    await contest.held()
    await contest.lease("second").take()
    assert [seen.json["ConsistentRead"] for seen in contest.world.double.seen("GetItem")] == [True, True]


async def test_waiting_for_another_writes_nothing(contest: Contest) -> None:
    await contest.held()
    contest.world.double.clear()
    second = contest.lease("second")
    for _ in range(5):
        assert await second.take() == "first"
    assert contest.world.double.count("PutItem") == 0


async def test_giving_it_back_leaves_no_item(contest: Contest) -> None:
    lease = await contest.held()
    await lease.release()
    assert await contest.item() is None


async def test_one_that_was_never_asked_for_or_is_given_back_already_asks_nothing_to_be_given_back(
    contest: Contest,
) -> None:
    lease = await contest.held()
    await lease.release()
    contest.world.double.clear()
    await lease.release()
    await contest.lease("second").release()
    assert contest.world.double.requests == []
    assert await lease.take() is None


async def test_a_silent_holder_is_replaced_once_its_term_was_seen_for_the_whole_time(
    contest: Contest,
) -> None:
    await contest.held()
    contest.clock.advance(1000)  # nobody was looking
    second = contest.lease("second")
    assert await second.take() == "first"
    contest.clock.advance(LEASE_SECONDS - 0.1)
    assert await second.take() == "first"
    contest.clock.advance(0.1)
    assert await second.take() is None
    second.check()


async def test_the_time_of_a_slow_first_look_does_not_count(contest: Contest) -> None:
    await contest.held()
    second = contest.lease("second")
    contest.world.double.on("GetItem", meanwhile(contest.clock, 8), times=1)
    assert await second.take() == "first"
    contest.clock.advance(LEASE_SECONDS - 1)
    assert await second.take() == "first"
    contest.clock.advance(1)
    assert await second.take() is None


async def test_a_renewal_that_a_contender_saw_starts_its_waiting_again(contest: Contest) -> None:
    first, second = await contest.held(), contest.lease("second")
    assert await second.take() == "first"
    contest.clock.advance(20)
    await first.renew()
    contest.clock.advance(20)
    assert await second.take() == "first"
    contest.clock.advance(LEASE_SECONDS - 0.1)
    assert await second.take() == "first"
    contest.clock.advance(0.1)
    assert await second.take() is None


async def test_a_renewal_just_before_the_taking_over_keeps_the_lease(contest: Contest) -> None:
    first, second = await contest.held(), contest.lease("second")
    assert await second.take() == "first"
    contest.clock.advance(LEASE_SECONDS)

    async def renewed_first(request: Request, forward: Forward) -> Reply:
        await first.renew()
        return await forward(request)

    contest.world.double.on("PutItem", of("second", renewed_first))
    assert await second.take() == "first"
    first.check()


async def test_of_two_that_take_over_at_one_time_one_gets_it(contest: Contest) -> None:
    await contest.held()
    rivals = [contest.lease("second"), contest.lease("third")]
    assert [await each.take() for each in rivals] == ["first", "first"]
    contest.clock.advance(LEASE_SECONDS)
    answers = await asyncio.gather(*(each.take() for each in rivals))
    assert sorted(map(str, answers)) in (["None", "second"], ["None", "third"])


async def test_a_dead_holder_is_replaced_at_once(contest: Contest) -> None:
    await contest.held()
    second = contest.lease("second")
    contest.dead.add("first")
    assert await second.take() is None
    second.check()


async def test_a_lease_is_good_until_a_while_before_others_may_take_it(contest: Contest) -> None:
    lease = await contest.held()
    contest.clock.advance(VALID - 0.1)
    lease.check()
    contest.clock.advance(0.1)
    with pytest.raises(
        LeaseLost, match=f"^the lease of table {contest.world.table} is not ours, or ran out$"
    ):
        lease.check()


@pytest.mark.parametrize("renewal", [False, True])
async def test_the_time_of_a_lease_runs_from_before_its_request(contest: Contest, renewal: bool) -> None:
    lease = contest.lease("first") if not renewal else await contest.held()
    contest.world.double.on("PutItem", meanwhile(contest.clock, 8))
    await (lease.renew() if renewal else lease.take())
    contest.clock.advance(VALID - 8 - 0.1)
    lease.check()
    contest.clock.advance(0.1)
    with pytest.raises(LeaseLost):
        lease.check()


async def test_a_holder_that_was_replaced_while_it_was_paused_learns_it(contest: Contest) -> None:
    first, second = await contest.held(), contest.lease("second")
    await second.take()
    contest.clock.advance(LEASE_SECONDS)
    assert await second.take() is None
    with pytest.raises(LeaseLost, match="held by 'second' now"):
        await first.renew()
    with pytest.raises(LeaseLost):
        first.check()
    second.check()
    await first.release()
    assert (await contest.item())["holder"] == {"S": "second"}


async def test_a_holder_that_is_told_that_it_was_replaced_trusts_no_clock(contest: Contest) -> None:
    first, second = await contest.held(), contest.lease("second")
    contest.dead.add("first")  # wrongly so
    assert await second.take() is None
    with pytest.raises(LeaseLost):
        await first.renew()
    with pytest.raises(LeaseLost):
        first.check()


async def test_a_holder_that_was_replaced_without_knowing_it_gives_nothing_of_the_others_back(
    contest: Contest,
) -> None:
    first, second = await contest.held(), contest.lease("second")
    contest.dead.add("first")
    assert await second.take() is None
    await first.release()
    assert (await contest.item())["holder"] == {"S": "second"}
    await second.renew()
    second.check()


async def test_a_paused_holder_that_nobody_replaced_may_renew(contest: Contest) -> None:
    lease = await contest.held()
    contest.clock.advance(90)
    await lease.renew()
    lease.check()
