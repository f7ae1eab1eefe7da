"""How many requests to the table are under way, and how many are repeated: who waits gets a turn."""

import asyncio
from collections.abc import Coroutine
from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.errors import Unavailable
from aqi_service.storage.aws.retry import ATTEMPTS, Slots, retry_unprocessed
from tests.doubles.aws_world import Waits
from tests.doubles.patience import patience
from tests.doubles.wire_fixtures import turns


async def hold(slots: Slots, gate: asyncio.Event, begun: list[int], number: int) -> None:
    async with slots.one():
        begun.append(number)
        await gate.wait()


async def test_no_more_than_the_limit_have_a_turn_and_the_others_follow_in_order() -> None:
    slots, gates = Slots(2), [asyncio.Event() for _ in range(5)]
    begun: list[int] = []
    tasks = [asyncio.create_task(hold(slots, gate, begun, i)) for i, gate in enumerate(gates)]
    await turns()
    assert begun == [0, 1]
    for number, gate in enumerate(gates):
        gate.set()
        await turns()
        assert begun == list(range(min(5, number + 3)))
    await asyncio.gather(*tasks)


async def test_of_those_that_may_begin_one_does_in_a_turn_of_the_loop() -> None:
    slots, gate = Slots(8), asyncio.Event()
    begun: list[int] = []
    tasks = [asyncio.create_task(hold(slots, gate, begun, i)) for i in range(8)]
    seen = []
    while len(begun) < 8:
        await asyncio.sleep(0)
        seen.append(len(begun))
    assert {after - before for before, after in pairwise(seen)} == {0, 1}
    gate.set()
    await asyncio.gather(*tasks)


async def test_who_was_cancelled_just_before_its_turn_leaves_the_place_to_the_next() -> None:
    slots, gate = Slots(1), asyncio.Event()
    gate.set()
    begun: list[int] = []
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    alone = asyncio.create_task(hold(slots, gate, begun, 0))
    await asyncio.sleep(0)
    alone.cancel()
    await turns()
    await hold(slots, gate, begun, 1)
    assert (begun, complaints) == ([1], [])


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["cancel", "release"]))))
async def test_whoever_is_cancelled_waiting_or_with_a_turn_takes_no_turn_from_the_others(
    steps: list[tuple[int, str]],
) -> None:
    slots, gates = Slots(3), [asyncio.Event() for _ in range(10)]
    begun: list[int] = []
    tasks = [asyncio.create_task(hold(slots, gate, begun, i)) for i, gate in enumerate(gates)]
    for number, step in steps:
        if step == "cancel":
            tasks[number].cancel()
        else:
            gates[number].set()
        if number % 2:
            await turns(3)
    for gate in gates:
        gate.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends)
    async with asyncio.TaskGroup() as group:
        barrier = asyncio.Barrier(3)
        for _ in range(3):
            group.create_task(meet(slots, barrier))


async def meet(slots: Slots, barrier: asyncio.Barrier) -> None:
    async with slots.one():
        await barrier.wait()


async def test_an_error_inside_gives_the_turn_back() -> None:
    slots = Slots(1)
    with pytest.raises(KeyError):
        async with slots.one():
            raise KeyError
    async with patience(), slots.one():
        pass


class ThrottledTable:
    """Takes nothing of a request at first, and it whole with each so manieth repetition of any."""

    def __init__(self, every: int) -> None:
        self.repeated: list[int] = []
        self._every = every
        self._known: set[int] = set()

    async def ask(self, left: list[int]) -> list[int]:
        await asyncio.sleep(0)
        if left[0] not in self._known:
            self._known.add(left[0])
            return left
        self.repeated.append(left[0])
        return left if len(self.repeated) % self._every else []

    def repeat(self, most: int, requests: int) -> list[Coroutine[Any, Any, None]]:
        """Give so many requests, at most so many at once."""
        slots, waits = Slots(most), Waits()
        return [retry_unprocessed([i], self.ask, "table", slots, waits) for i in range(requests)]


async def test_of_requests_of_which_nothing_was_done_one_at_a_time_is_repeated() -> None:
    table = ThrottledTable(ATTEMPTS)
    await asyncio.gather(*table.repeat(8, 20))
    assert [(number, len(list(tries))) for number, tries in groupby(table.repeated)] == [
        (number, ATTEMPTS) for number in range(20)
    ]


async def test_where_one_fails_after_its_repetitions_the_next_has_as_many() -> None:
    table = ThrottledTable(10**9)
    ends = await asyncio.gather(*table.repeat(8, 2), return_exceptions=True)
    assert [type(end) for end in ends] == [Unavailable] * 2
    assert table.repeated == [0] * ATTEMPTS + [1] * ATTEMPTS


async def test_others_go_out_while_one_is_repeated() -> None:
    slots, gate = Slots(8), asyncio.Event()
    calls: list[int] = []

    async def request(left: list[int]) -> list[int]:
        calls.append(left[0])
        return left if left == [0] and not gate.is_set() else []

    async def wait(_seconds: float) -> None:
        await gate.wait()

    left = asyncio.create_task(retry_unprocessed([0], request, "table", slots, wait))
    await turns()
    async with patience():
        await retry_unprocessed([1], request, "table", slots, wait)
    assert calls == [0, 1]
    gate.set()
    await left
    assert calls == [0, 1, 0]
