"""kill -9 at every step of a load, then a plain start: the same table, one whole object, no more."""

import os

import pytest

from trials.crash.crashes import KILLED
from trials.crash.world import Worlds, check_finished, moved_on, undisturbed

MOST_STEPS = 300
"""No load of these takes as many."""

POINTS = 20
"""Least number of different points at which each kind of place is left."""

SEEDS = range(int(os.environ.get("POWER_SEEDS", "1")))
"""Of power cuts at each step; `make crash` tries more of them."""


async def test_a_load_that_was_killed_at_any_step_is_finished_by_the_next_start(worlds: Worlds) -> None:
    """The feed still has the same: afterwards there is one object, and the table of a load never killed."""
    wanted = await undisturbed(worlds)
    assert wanted.keys() == {"1", "2", "3"}
    points: set[str] = set()
    for step in range(0, MOST_STEPS, worlds.each):
        async with worlds.opened() as world:
            killed = await world.load(die_at=step)
            if killed.code != KILLED:
                break
            points.add(killed.killed_before)
            await check_finished(world, wanted, f"{step}: {killed.killed_before}")
    assert killed.code == 0
    assert len(points) * worlds.each >= POINTS, points


@pytest.mark.parametrize("worlds", ["local"], indirect=True)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_load_whose_machine_lost_power_at_any_step_is_finished_by_the_next_start(
    worlds: Worlds, seed: int
) -> None:
    """Of what was not synced, any part may be there: nothing of it is believed."""
    wanted, whole = await undisturbed(worlds), False
    for step in range(MOST_STEPS):
        async with worlds.opened() as world:
            killed = await world.load(die_at=step, power=seed * MOST_STEPS + step)
            if killed.code != KILLED:
                break
            whole = whole or bool(await world.snapshots())
            await check_finished(world, wanted, f"{step}: {killed.killed_before}")
    assert killed.code == 0
    assert whole, "some cuts come late enough"


async def test_the_next_start_catches_up_what_the_feed_no_longer_has(worlds: Worlds) -> None:
    """The feed has moved on: what was archived is in the table as a whole, whatever had been stored."""
    caught_up = 0
    for step in range(worlds.each - 1, MOST_STEPS, worlds.each):
        async with worlds.opened() as world:
            killed, more = await moved_on(world, die_at=step)
            caught_up += more
        if killed.code != KILLED:
            break
    assert killed.code == 0
    assert caught_up >= 1


@pytest.mark.parametrize("worlds", ["local"], indirect=True)
@pytest.mark.parametrize("seed", SEEDS)
async def test_what_was_archived_and_finished_before_the_power_was_cut_is_there_though_the_feed_moved_on(
    worlds: Worlds, seed: int
) -> None:
    for step in range(MOST_STEPS):
        async with worlds.opened() as world:
            killed, _ = await moved_on(world, die_at=step, power=seed * MOST_STEPS + step)
        if killed.code != KILLED:
            break
    assert killed.code == 0
