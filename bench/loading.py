"""Figure 5: the peak memory of a whole load into S3 and DynamoDB, small and large.

One rule: the load is the program as it is started, and all of it must have arrived.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.figures import Figure, Goal, Side, in_turns
from bench.processes import Ended, program
from bench.run import Run
from bench.standing import StandIn, standing, verify_items, verify_object


def load(standin: StandIn, document: Path, folder: Path, over: Path | None = None) -> Ended:
    """Load the live feed into an empty bucket, from start to exit, and verify what arrived.

    The table is empty, or filled by the document `over`.
    """
    standin.clear("objects", "counts", *(() if over else ("items",)))
    standin.set(feed=str(document))
    ended = program(["-m", "aqi_service", *standin.options], standin.environment, folder)
    counts = standin.counts()
    verify_object(counts, document)
    verify_items(counts, document, over)
    return ended


def peak(standin: StandIn, document: Path, folder: Path) -> float:
    """Load, and return the peak memory in MB."""
    most = load(standin, document, folder).peak
    if most != most:  # noqa: PLR0124  # it is not a number
        raise AssertionError("the bench itself was larger than the load")
    return most


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    small, large = run.pick((0.1, 0.2), (25, 45), (25, 500))
    with standing() as standin:
        documents = [run.feed(megabytes) for megabytes in (small, large)]
        low, high = in_turns(
            run.rounds, *(partial(peak, standin, document, run.folder) for document in documents)
        )
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
