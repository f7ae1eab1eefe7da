"""Who asks a table that refuses: one waits for a time, by a clock moved by hand, the others for that one."""

import asyncio

import pytest

from aqi_service.storage.aws.dynamodb_rate import Throttle
from tests.doubles.wire_fixtures import turns


class Gate(list[float]):
    """A sleep that notes for how long it was asked, and ends when the gate is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await self.opened.wait()


async def test_what_a_refusal_tells_holds_for_those_that_wait_behind_the_next_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now[0])
    gate = Gate()
    throttle = Throttle(gate)
    throttle.took(0, 25)
    waiting = [asyncio.create_task(throttle.turn(25)) for _ in range(3)]
    await turns()
    assert gate == [1.0]
    now[0] += 4
    throttle.took(20, 1)
    gate.opened.set()
    assert await asyncio.gather(*waiting) == [25, 4, 4]


async def test_who_is_cancelled_while_it_waits_for_its_turn_holds_nobody_up() -> None:
    gate = Gate()
    throttle = Throttle(gate)
    throttle.took(0, 25)
    first, second = (asyncio.create_task(throttle.turn(25)) for _ in range(2))
    await turns()
    first.cancel()
    gate.opened.set()
    assert await second == 25
    assert first.cancelled()
    assert len(gate) == 2
