"""A small siege of the real daemon (`make siege` is the whole one), and that it would notice what is wrong.

One rule: nothing here depends on how fast the machine is: that a thing ends counts, not when.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from aqi_service.server.sockets import default_max_connections
from trials.siege.__main__ import main
from trials.siege.attacks import STORM, storm
from trials.siege.figures import Figure, broken, table
from trials.siege.honest import ENOUGH, Waits
from trials.siege.opening import besieged
from trials.siege.sizes import SMALL, SMALL_BOUNDS, WHOLE, Crowd

FEW = 256
BEYOND = 600
"""Peers, more than twice what so few descriptors could hold."""
PEERS = 2000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder that sieges one after the other share."""
    return tmp_path_factory.mktemp("place")


@pytest.mark.long
def test_under_2000_connections_every_limit_is_kept_and_every_cut_is_counted_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--small"]) == 0
    told = capsys.readouterr()
    assert "NOT KEPT" not in told.out, told.out
    made = re.search(r"connections made +(\d+)", told.out)
    cut = re.search(r"connections cut +(\d+)", told.out)
    assert made
    assert cut
    assert int(made[1]) >= PEERS
    assert int(cut[1]) > SMALL.hostile + SMALL.storm / 2


@pytest.mark.long
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_with_256_descriptors_it_answers_beside_600_peers_and_stops_in_time(
    loop: str, place: Path
) -> None:
    places = default_max_connections(FEW)
    size = replace(SMALL, descriptors=FEW, options=(), stuck=20, busy=10, from_all=Crowd(BEYOND, places))
    told: list[str] = []
    async with besieged(size, SMALL_BOUNDS, 1, place, loop=loop, told=lambda *x: told.extend(x)) as siege:
        siege.honest.keeps_to_one = True
        assert (await siege.watch.alive())["is_uvloop"] == (loop == "uvloop")
        async with siege.watch.watching(), siege.honest.asking():
            await siege.watch.until("connections", 1)
            refused = BEYOND - (places - 1)
            seen = await siege.order("crowd", number=BEYOND, refused=refused, address="")
            counts = await siege.watch.counts()
            assert (seen["stayed"], counts["refused connections"]) == (places - 1, refused)
            await siege.order("release")
        assert siege.honest.wrong == []
        assert siege.honest.waits
        assert siege.watch.peak.descriptors < FEW
        await siege.stop()
        assert broken(siege.figures) == [], told
        assert not [
            line for line in siege.program.err if "files" in line and "open_files_limit_low" not in line
        ]


def test_the_same_seed_gives_the_same_attacks() -> None:
    one, same, other = storm("1", 500), storm("1", 500), storm("2", 500)
    assert one == same != other
    assert {attack for attack, _ in one} == set(STORM)


def test_the_whole_siege_leaves_the_daemons_own_limits_as_they_are() -> None:
    assert (WHOLE.frame, WHOLE.write, WHOLE.grace, WHOLE.options) == (10.0, 30.0, 6.0, ())
    assert (WHOLE.idle, WHOLE.hostile, WHOLE.storm) == (8000, 1000, 20_000)


def test_a_figure_over_its_limit_is_told_and_counted() -> None:
    figures = [Figure("kept", 10.0, "s", 10), Figure("shown", 99.0), Figure("over", 10.25, "ms", 10)]
    assert [figure.name for figure in broken(figures)] == ["over"]
    assert table(figures) == [
        "kept         10 s     at most 10",
        "shown        99",
        "over       10.2 ms    at most 10  NOT KEPT",
    ]


@pytest.mark.parametrize(("unhindered", "over"), [(0.001, []), (0.06, ["but for waits for a core, p99"])])
def test_the_honest_client_is_not_judged_by_the_time_in_which_others_had_the_cores(
    unhindered: float, over: list[str]
) -> None:
    waits = Waits(asked=[0.3] * ENOUGH, unhindered=[unhindered] * ENOUGH, own=[0.2] * ENOUGH)
    assert [figure.name for figure in broken(list(waits.figures(most=0.05)))] == over
