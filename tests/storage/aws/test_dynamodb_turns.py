"""How many requests to the table are under way: fewer while it throttles, and who waits gets a turn."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.storage.aws.dynamodb_turns import Pace
from tests.doubles.patience import patience
from tests.doubles.wire_fixtures import turns


async def hold(pace: Pace, gate: asyncio.Event, begun: list[int], number: int) -> None:
    async with pace.turn():
        begun.append(number)
        await gate.wait()


async def test_no_more_than_the_limit_have_a_turn_and_the_others_follow_in_order() -> None:
    pace, gates = Pace(2), [asyncio.Event() for _ in range(5)]
    begun: list[int] = []
    tasks = [asyncio.create_task(hold(pace, gate, begun, i)) for i, gate in enumerate(gates)]
    await turns()
    assert begun == [0, 1]
    for number, gate in enumerate(gates):
        gate.set()
        await turns()
        assert begun == list(range(min(5, number + 3)))
    await asyncio.gather(*tasks)


async def test_of_those_that_may_begin_one_does_in_a_turn_of_the_loop() -> None:
    pace, gate = Pace(8), asyncio.Event()
    begun: list[int] = []
    tasks = [asyncio.create_task(hold(pace, gate, begun, i)) for i in range(8)]
    seen = []
    while len(begun) < 8:
        await asyncio.sleep(0)
        seen.append(len(begun))
    assert {after - before for before, after in pairwise(seen)} == {0, 1}
    gate.set()
    await asyncio.gather(*tasks)


def test_each_trouble_halves_the_limit_down_to_one_and_success_brings_it_back() -> None:
    pace = Pace(8)
    limits = []
    for _ in range(4):
        pace.slower()
        limits.append(pace.limit)
    assert limits == [4, 2, 1, 1]
    needed = 0
    while pace.limit < 8:
        pace.faster()
        needed += 1
    assert 20 <= needed <= 40
    pace.faster()
    assert pace.limit == 8


async def test_a_turn_that_ends_while_the_limit_is_lower_lets_nobody_in() -> None:
    pace, gates = Pace(2), [asyncio.Event() for _ in range(3)]
    begun: list[int] = []
    tasks = [asyncio.create_task(hold(pace, gate, begun, i)) for i, gate in enumerate(gates)]
    await turns()
    assert not pace.is_crowded
    pace.slower()
    assert pace.is_crowded
    gates[0].set()
    await turns()
    assert (begun, pace.is_crowded) == ([0, 1], False)
    pace.faster()
    await turns()
    assert begun == [0, 1, 2]
    for gate in gates:
        gate.set()
    await asyncio.gather(*tasks)


async def test_who_was_about_to_begin_does_not_when_the_limit_was_lowered_just_before() -> None:
    pace, gate = Pace(2), asyncio.Event()
    begun: list[int] = []
    tasks = [asyncio.create_task(hold(pace, gate, begun, 0))]
    await turns()
    tasks.append(asyncio.create_task(hold(pace, gate, begun, 1)))
    await asyncio.sleep(0)
    pace.slower()
    await turns()
    assert begun == [0]
    gate.set()
    await asyncio.gather(*tasks)
    assert begun == [0, 1]


async def test_who_was_cancelled_just_before_its_turn_leaves_the_place_to_the_next() -> None:
    pace, gate = Pace(1), asyncio.Event()
    gate.set()
    begun: list[int] = []
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    alone = asyncio.create_task(hold(pace, gate, begun, 0))
    await asyncio.sleep(0)
    alone.cancel()
    await turns()
    await hold(pace, gate, begun, 1)
    assert (begun, complaints) == ([1], [])


async def test_the_loop_is_left_in_peace_while_nobody_may_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    loop = asyncio.get_running_loop()
    call_soon = loop.call_soon
    pace, gate = Pace(1), asyncio.Event()
    begun: list[int] = []

    def noting(work: Any, *args: Any, **how: Any) -> asyncio.Handle:
        if getattr(work, "__self__", None) is pace:
            asked.append(work)
        return call_soon(work, *args, **how)

    monkeypatch.setattr(loop, "call_soon", noting)
    tasks = [asyncio.create_task(hold(pace, gate, begun, number)) for number in range(2)]
    await turns()
    assert (begun, len(asked)) == ([0], 1)
    gate.set()
    await asyncio.gather(*tasks)
    await turns()
    assert (begun, len(asked)) == ([0, 1], 2)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["cancel", "release", "slower", "faster"]))))
async def test_whoever_is_cancelled_waiting_or_with_a_turn_takes_no_turn_from_the_others(
    steps: list[tuple[int, str]],
) -> None:
    pace, gates = Pace(3), [asyncio.Event() for _ in range(10)]
    begun: list[int] = []
    tasks = [asyncio.create_task(hold(pace, gate, begun, i)) for i, gate in enumerate(gates)]
    for number, step in steps:
        if step == "cancel":
            tasks[number].cancel()
        elif step == "release":
            gates[number].set()
        else:
            getattr(pace, step)()
        if number % 2:
            await turns(3)
    for gate in gates:
        gate.set()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends)
    for _ in range(40):
        pace.faster()
    async with asyncio.TaskGroup() as group:
        barrier = asyncio.Barrier(3)
        for _ in range(3):
            group.create_task(meet(pace, barrier))


async def meet(pace: Pace, barrier: asyncio.Barrier) -> None:
    async with pace.turn():
        await barrier.wait()


async def test_an_error_inside_gives_the_turn_back() -> None:
    pace = Pace(1)
    with pytest.raises(KeyError):
        async with pace.turn():
            raise KeyError
    async with patience(), pace.turn():
        pass
