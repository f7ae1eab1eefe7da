"""Figure 3: a whole load of the live feed into S3 and DynamoDB, from start to exit.

One rule: each side reads the same feed over HTTP, archives it and writes its items; all of it must arrive.

The peer is the usual way (`bench.lib.loads.THE_USUAL_WAY`), and, for the eye, the program that this one began
with, which has a goal of its own. Figure 11 has the same for a table that is filled already.
"""

from collections.abc import Iterator
from functools import partial

from bench.lib.figures import TENTH, Figure, Goal, Side, in_turns
from bench.lib.loads import THE_USUAL_WAY, other_seconds, our_seconds
from bench.lib.run import Run
from bench.lib.standin.client import StandIn, running_standin


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    small, *larger = run.pick((0.1, 0.2), (25,), (25, 250))
    with running_standin() as standin:
        yield from _beside_others(run, standin, small, Goal(2.2), with_report=True)
        for megabytes in larger:
            yield from _beside_others(run, standin, megabytes, Goal(2.8), with_report=False)


def _beside_others(
    run: Run, standin: StandIn, megabytes: float, goal: Goal, *, with_report: bool
) -> Iterator[Figure]:
    document, tenth = run.feed(megabytes), run.feed(megabytes / 10)
    mine, theirs, loops = in_turns(
        run.rounds if with_report else 1,  # of 250 MB one takes minutes
        partial(our_seconds, standin, document, run.folder),
        partial(other_seconds, standin, document, "usual"),
        partial(other_seconds, standin, tenth, "report") if with_report else lambda: 1.0,
    )
    name = f"3 {megabytes:g} MB, load-only, start to exit"
    peer = Side(THE_USUAL_WAY, [1 / each for each in theirs])
    ours = Side("ours", [1 / each for each in mine])
    yield Figure(name, "loads/s", ours, peer, goal=goal)
    if with_report:
        loop = Side("json.load, put_item loop", [1 / (10 * each) for each in loops], TENTH)
        yield Figure(name, "loads/s", ours, loop, goal=Goal(12))
