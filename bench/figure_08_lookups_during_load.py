"""Figure 8: p99 of lookups while a large snapshot loads in the same process, beside the same process idle.

So it is while memory reads the snapshot after that, which takes as many seconds as it comes later.

One rule: lookups that memory answers and those that the table has to answer stand apart, and the load must
have been complete.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.frames import NOT_FOUND
from bench.lib.background import Program, python, running
from bench.lib.cores import waited_for_a_core
from bench.lib.feed import FIRST_ID
from bench.lib.figures import Figure, Goal, Side
from bench.lib.items import items_of
from bench.lib.paced_lookups import TimedLookup, paced_lookups
from bench.lib.run import Run
from bench.lib.standin.client import BUCKET, TABLE, StandIn, running_standin
from bench.lib.verify import verify_items

FEW = 1600
"""Records that are asked for; every second is particulate, and so in memory, and the others nowhere."""

GOAL = Goal(10, at_most=True)
LONG = 3600.0
"""Seconds after which a load is taken for hanging."""

REPORT = r'^\{"status".*'
RENEWED = "memory_replaced"
ANSWERED_BY = {"memory": True, "table": False}
"""Who answers -> whether the record is found."""


class Backend(NamedTuple):
    """Where a daemon keeps what it loads: its name, and the options and variables that lead there."""

    name: str
    options: tuple[str, ...]
    environment: Mapping[str, str]


class Turn(NamedTuple):
    """One load.

    Attributes:
        idle: lookups before it.
        busy: meanwhile.
        reading: from its end until memory had its snapshot.
        later: seconds that this took.
        waited: the percent of the load's time that the daemon had no core.
    """

    idle: list[TimedLookup]
    busy: list[TimedLookup]
    reading: list[TimedLookup]
    later: float
    waited: float


def p99(lookups: Sequence[TimedLookup], *, found: bool) -> float:
    """Give the milliseconds within which 99 of 100 such lookups were answered."""
    ordered = sorted(each.seconds for each in lookups if each.found is found)
    return 1000 * ordered[max(0, math.ceil(0.99 * len(ordered)) - 1)]


def truth_of(document: Path, file: Path) -> Path:
    """Write what is to be answered for the first ids of a document."""
    replies = {str(FIRST_ID + number): NOT_FOUND.decode() for number in range(FEW)}
    found = {item.id: csv_reply(item).decode() for item in items_of(str(document))}
    replies |= {record_id: found[record_id] for record_id in replies if record_id in found}
    file.write_bytes(orjson.dumps(replies))
    return file


def loaded(ours: Program) -> tuple[dict[str, Any], float, float, float]:
    """Wait until a load has reported and its snapshot is in memory, whichever is first.

    The next load's report, should it come before, is passed over. Return the report, when each was, and the
    seconds that the daemon had had no core at the load's end.
    """
    report: dict[str, Any] = {}
    end = renewed = without = 0.0
    while not (end and renewed):
        line = ours.line(f"{REPORT}|{RENEWED}", LONG)[0]
        if not line.startswith("{"):
            renewed = time.time()
        elif not report:
            report, end, without = orjson.loads(line), time.time(), waited_for_a_core(ours.pid)
    return report, end, renewed, without


def load_beside_lookups(run: Run, backend: Backend, standin: StandIn, small: Path, large: Path) -> Turn:
    """Have a daemon load the small document, then the large one, and look up from the first one's end on.

    So memory has what is asked for, as it has in a daemon that has run for a while.
    """
    folder = run.folder / "during"
    folder.mkdir(exist_ok=True)
    truth = truth_of(small, folder / "truth.json")
    standin.set(feed=str(small))
    times = ("--interval", str(run.pick(3, 10, 30)), "--load-deadline", f"{LONG:.0f}")
    options = (
        *backend.options,
        "--feed-url",
        f"{standin.endpoint}/__feed",
        *times,
        "--port",
        "0",
        "--no-http",
    )
    with running(python("-m", "aqi_service", *options), backend.environment, folder) as ours:
        port = int(ours.line(r"^listening on \S+:(\d+) \(tcp\)")[1])
        loaded(ours)
        standin.set(feed=str(large))
        with paced_lookups(port, truth) as lookups:
            before = waited_for_a_core(ours.pid)
            report, end, renewed, without = loaded(ours)
    if (report["status"], report["bytes"]) != ("complete", large.stat().st_size):
        raise AssertionError(f"the load was not complete: {report}")
    without -= before
    begun = end - report["seconds"]
    idle = [each for each in lookups if each.due + each.seconds < begun]
    busy = [each for each in lookups if begun <= each.due < end]
    reading = [each for each in lookups if end <= each.due < renewed]
    return Turn(idle, busy, reading, max(0.0, renewed - end), 100 * without / report["seconds"])


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    megabytes = run.pick(3, 45, 250)
    small, large = run.feed(0.7), run.feed(megabytes)
    with running_standin() as standin:
        for backend in (
            Backend("files and SQLite", ("--local", "d"), {}),
            Backend("S3 and DynamoDB", ("--table", TABLE, "--bucket", BUCKET), standin.environment),
        ):
            turn = load_beside_lookups(run, backend, standin, small, large)
            yield from _of_backend(f"8 {megabytes:g} MB into {backend.name}", turn)
        verify_items(standin.counts(), large)


def _of_backend(name: str, turn: Turn) -> Iterator[Figure]:
    for source, found in ANSWERED_BY.items():
        busy, idle = Side("ours", [p99(turn.busy, found=found)]), Side("idle", [p99(turn.idle, found=found)])
        yield Figure(f"{name}, {source}: p99", "ms", busy, goal=GOAL)
        yield Figure(f"{name}, {source}: p99", "ms", busy, limit=idle)
        if turn.reading:
            reading = Side("ours", [p99(turn.reading, found=found)])
            yield Figure(f"{name}, {source}: p99 while it is read", "ms", reading, limit=busy)
    yield Figure(f"{name}, in memory after", "s", Side("ours", [turn.later]))
    yield Figure(f"{name}, waited for a core", "%", Side("ours", [turn.waited]))
