"""Pace: how much of a throttled table's write units a load uses, and how many of its requests are refused.

One rule: the first seconds, in which it learns the limit, and the last one do not count.
"""

from collections.abc import Iterator
from pathlib import Path

from bench.lib.cores import pin_to_last_core
from bench.lib.figures import Figure, Goal, Side
from bench.lib.processes import fresh
from bench.lib.run import Run
from bench.lib.standin.client import StandIn, running_standin

LIMITS = ((25, 20), (1_000, 12), (4_000, 12))
"""Write units a second (of a small table, a larger one, a new on-demand one), and for how many seconds."""

LEARNING = 5
"""Seconds that do not count."""


def shares(standin: StandIn, document: Path, limit: int, seconds: int) -> tuple[float, float]:
    """Write for so many seconds at the limit; return the share of units used and that of refusals, in %."""
    standin.clear()
    standin.set(throttle=limit)
    _, wanted = fresh("bench.lib.table_writes:write", "ours", standin.port, document, limit * seconds)
    counts = standin.counts()
    if counts["items"] != wanted:
        raise AssertionError(f"the table has {counts['items']}, not {wanted}")
    each = {int(second): counted for second, counted in counts["seconds"].items()}
    whole = [each.get(second, [0, 0, 0]) for second in range(min(each), max(each) + 1)]
    counted = whole[LEARNING:-1] or whole
    requests, units, refused = (sum(column) for column in zip(*counted, strict=True))
    return 100 * units / (limit * len(counted)), 100 * refused / requests


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    document = run.feed(run.pick(4, 45))
    with running_standin() as standin:
        pin_to_last_core(standin.pid)
        for limit, seconds in run.pick(((25, 1), (1_000, 1)), LIMITS):
            used, refused = shares(standin, document, limit, seconds)
            name = f"Pace, {limit:,} units a second"
            yield Figure(f"{name}, used", "%", Side("ours", [used]), goal=Goal(90))
            yield Figure(f"{name}, refused", "%", Side("ours", [refused]), goal=Goal(5, at_most=True))
