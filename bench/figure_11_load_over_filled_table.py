"""Figure 11: the write units of a load over a table that has 95 % of it; and figure 3 for that load.

One rule: its seconds and its write units are of the same loads, and all of it must arrive.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.loads import THE_USUAL_WAY, load, other_seconds
from bench.lib.run import Run
from bench.lib.standin.client import StandIn, running_standin

Units = tuple[float, float]
"""Write units of a load into an empty table, and of the one over it."""


def seconds_over(standin: StandIn, before: Path, after: Path, folder: Path, units: list[Units]) -> float:
    """Load one document over another; return the seconds of the second load, and add both's write units."""
    load(standin, before, folder)
    first = float(standin.counts()["table"]["write_units"])
    elapsed = load(standin, after, folder, over=before).seconds
    units.append((first, float(standin.counts()["table"]["write_units"])))
    return elapsed


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    megabytes = run.pick(0.1, 25)
    before, after = run.feed(megabytes), run.feed(megabytes, 0.05)
    units: list[Units] = []
    with running_standin() as standin:
        mine, theirs = in_turns(
            run.rounds,
            partial(seconds_over, standin, before, after, run.folder, units),
            partial(other_seconds, standin, after, "usual"),
        )
    yield Figure(
        f"3 {megabytes:g} MB over a table that has 95 % of it",
        "loads/s",
        Side("ours", [1 / each for each in mine]),
        Side(THE_USUAL_WAY, [1 / each for each in theirs]),
        goal=Goal(2.5),
    )
    every, changed = zip(*units, strict=True)
    yield Figure(
        f"11 {megabytes:g} MB, 5 % new or changed",
        "write units",
        Side("ours", changed),
        Side("writing all", every),
        goal=Goal(0.06, at_most=True),
    )
