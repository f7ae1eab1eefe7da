"""Figure 2: items a second into DynamoDB, written by one core.

One rule: each side is handed what it writes ready made, as it likes it best, and all of it must arrive.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.lib.cores import pin_to_last_core
from bench.lib.figures import TENTH, Figure, Goal, Side, in_turns
from bench.lib.processes import fresh
from bench.lib.run import Run
from bench.lib.standin.client import StandIn, running_standin


def rate(standin: StandIn, document: Path, most: int, side: str) -> float:
    """Run a side; return items a second. Raises AssertionError if the table has others than it wrote."""
    standin.clear()
    seconds, wanted = fresh("bench.lib.table_writes:write", side, standin.port, document, most)
    if (counts := standin.counts())["items"] != wanted:
        raise AssertionError(f"{side}: the table has {counts['items']}, not {wanted}")
    return float(wanted["items"] / seconds)


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    most = run.pick(200, 12_000, 40_000)
    document = run.feed(run.pick(0.2, 12, 40))
    with running_standin() as standin:
        pin_to_last_core(standin.pid)
        work = partial(rate, standin, document)
        found = in_turns(
            run.rounds,
            partial(work, most, "ours"),
            partial(work, most // 10, "batch_writer"),
            partial(work, most, "aiodynamo"),
            partial(work, most // 10, "put_item"),
        )
    mine = Side("ours", found[0])
    for name, values, note, goal in (
        ("aioboto3 batch_writer", found[1], TENTH, 7),
        ("aiodynamo batch_write", found[2], "", 1),
        ("put_item loop, as the report", found[3], TENTH, 40),
    ):
        yield Figure("2 into DynamoDB, one core", "items/s", mine, Side(name, values, note), goal=Goal(goal))
