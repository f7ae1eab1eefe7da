"""kill -9 at random moments of a load, then a plain start: as in test_every_step, wherever it falls.

One rule: the moments come from a seed; KILLS says how many on each kind of place, KILL_SEED which.
"""

import asyncio
import logging
import os
from random import Random

import pytest

from tests.doubles.documents import document_of
from tests.doubles.feed_server import answer
from tests.doubles.load_helpers import records
from trials.crash.world import World, Worlds, check_finished, moved_on

KILLS = int(os.environ.get("KILLS", "5"))
SEED = int(os.environ.get("KILL_SEED", "1"))

IDS = range(11, 411)
BODY = document_of(*records(IDS))
"""Enough for several groups on their way at once."""


def prepared(world: World) -> World:
    """Have the feed give a snapshot that takes a while."""
    world.first, world.ids = BODY, frozenset(map(str, IDS))
    world.feeds((answer(BODY),))
    return world


async def test_a_load_that_was_killed_at_any_moment_is_finished_or_left_out_as_a_whole(
    worlds: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    """Every other time the feed still has the same, else it has moved on."""
    caplog.set_level(logging.WARNING, logger="werkzeug")  # `make crash` shows what is captured
    clock, chance = asyncio.get_running_loop().time, Random(SEED)  # noqa: S311  # must be replayable
    takes = []
    for _ in range(3):
        async with worlds.opened() as world:
            begun = clock()
            assert (await prepared(world).load()).code == 0
            takes.append(clock() - begun)
            wanted = await world.values()
    assert wanted.keys() == set(map(str, IDS))
    killed, archived = 0, 0
    for number in range(KILLS):
        moment = chance.uniform(0.0, min(takes))
        async with worlds.opened() as world:
            prepared(world)
            if number % 2:
                run, _ = await moved_on(world, kill_after=moment)
            else:
                run = await world.load(kill_after=moment)
                archived += bool(await world.snapshots())
                await check_finished(world, wanted, f"after {moment:.3f} s")
            killed += run.code != 0
    print(f"kills={killed} of {KILLS}, seed={SEED}, archived before {archived} of {(KILLS + 1) // 2}")
    assert killed
