"""Figure 5: the peak memory of a whole load into S3 and DynamoDB, small and large.

One rule: the load is the program as it is started, and all of it must have arrived.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.loads import load
from bench.lib.run import Run
from bench.lib.standin.client import StandIn, running_standin


def peak(standin: StandIn, document: Path, folder: Path) -> float:
    """Load, and return the peak memory in MB."""
    most = load(standin, document, folder).peak
    if most != most:  # noqa: PLR0124  # it is not a number
        raise AssertionError("the bench itself was larger than the load")
    return most


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    small, large = run.pick((0.1, 0.2), (25, 45), (25, 500))
    with running_standin() as standin:
        documents = [run.feed(megabytes) for megabytes in (small, large)]
        work = [partial(peak, standin, document, run.folder) for document in documents]
        rounds = run.pick(1, 3, 1)  # one of 500 MB takes a minute, and its memory is the same each time
        low, high = in_turns(rounds, *work)
    theirs = Side(f"ours, {small:g} MB", low)
    yield Figure(
        f"5 {small:g} MB, peak memory of a load", "MB", Side("ours", low), goal=Goal(150, at_most=True)
    )
    yield Figure(
        f"5 {large:g} MB, peak memory of a load", "MB", Side("ours", high), goal=Goal(150, at_most=True)
    )
    yield Figure(
        f"5 {large:g} MB beside {small:g} MB", "MB", Side("ours", high), theirs, goal=Goal(1.15, at_most=True)
    )
