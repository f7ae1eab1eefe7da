"""What a lease promises, kept by every implementation in `tests.doubles.lease_world`."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aqi_service.core.items import LEASE_IDS
from aqi_service.errors import LeaseLost
from aqi_service.storage.lease import RENEW_SECONDS, Lease
from tests.doubles.lease_world import LEASES, Contest
from tests.doubles.storage_items import FULL


@pytest.fixture(params=LEASES)
async def contest(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Contest]:
    async with LEASES[request.param](tmp_path) as found:
        yield found


def holds(lease: Lease) -> bool:
    """Tell whether a lease says that it is its owner's."""
    try:
        lease.check()
    except LeaseLost:
        return False
    return True


async def test_nobody_holds_a_lease_before_it_is_taken(contest: Contest) -> None:
    lease = contest.contender("a")
    assert not holds(lease)
    with pytest.raises(LeaseLost):
        await lease.renew()
    assert not holds(lease)


async def test_the_first_takes_it_and_the_others_learn_its_name(contest: Contest) -> None:
    first, second, third = (contest.contender(name) for name in ("first", "second", "third"))
    assert await first.take() is None
    assert [await second.take(), await third.take()] == ["first", "first"]
    assert [holds(each) for each in (first, second, third)] == [True, False, False]


async def test_of_many_that_take_at_one_time_one_gets_it(contest: Contest) -> None:
    contenders = {name: contest.contender(name) for name in "abcdefgh"}
    answers = await asyncio.gather(*(each.take() for each in contenders.values()))
    [winner] = [name for name, each in contenders.items() if holds(each)]
    assert answers.count(None) == 1
    assert set(answers) <= {None, winner, ""}  # the name is in a file a moment after the lock


async def test_taking_it_again_keeps_it(contest: Contest) -> None:
    first, second = contest.contender("first"), contest.contender("second")
    assert [await first.take(), await first.take()] == [None, None]
    assert holds(first)
    assert await second.take() == "first"


async def test_one_that_is_renewed_stays_its_holders_for_ever(contest: Contest) -> None:
    first, second = contest.contender("first"), contest.contender("second")
    await first.take()
    for _ in range(10):
        contest.clock.advance(RENEW_SECONDS)
        assert holds(first)
        await first.renew()
        assert await second.take() == "first"
    assert holds(first)


async def test_one_that_is_given_back_can_be_taken_at_once(contest: Contest) -> None:
    first, second = contest.contender("first"), contest.contender("second")
    await first.take()
    await first.release()
    assert not holds(first)
    assert await second.take() is None
    assert [holds(first), holds(second)] == [False, True]


async def test_giving_back_what_one_does_not_hold_changes_nothing(contest: Contest) -> None:
    first, second = contest.contender("first"), contest.contender("second")
    await first.take()
    await second.take()
    await second.release()
    assert holds(first)
    assert await second.take() == "first"


async def test_it_may_be_given_back_twice_and_taken_again(contest: Contest) -> None:
    lease = contest.contender("a")
    await lease.take()
    await lease.release()
    await lease.release()
    assert await lease.take() is None
    assert holds(lease)


async def test_a_renewal_after_giving_it_back_fails(contest: Contest) -> None:
    lease = contest.contender("a")
    await lease.take()
    await lease.release()
    with pytest.raises(LeaseLost):
        await lease.renew()
    assert not holds(lease)


async def test_the_lease_is_no_record_and_no_expiry_takes_it(contest: Contest) -> None:
    first, second = contest.contender("first"), contest.contender("second")
    await contest.store.put([FULL], conditional=False)
    await first.take()
    assert [await contest.store.get(each) for each in LEASE_IDS] == [None, None]
    assert await contest.store.read([*LEASE_IDS, FULL.id]) == {FULL.id: FULL}
    await contest.store.expire(2**40)
    assert await second.take() == "first"


async def test_a_write_goes_out_while_the_lease_is_held_and_none_afterwards(contest: Contest) -> None:
    lease = contest.contender("a")
    await lease.take()
    await contest.store.put([FULL], conditional=False, guard=lease.check)
    await lease.release()
    for conditional in (False, True):
        with pytest.raises(LeaseLost):
            await contest.store.put([FULL._replace(pm10="7")], conditional=conditional, guard=lease.check)
    assert await contest.store.get(FULL.id) == FULL
