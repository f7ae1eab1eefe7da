"""Figure 8: p99 of lookups while a large snapshot loads in the same process, beside the same process idle.

One rule: lookups that memory answers and those that the table has to answer stand apart, and the load must
have been complete.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson

from aqi_service.core.frames import NOT_FOUND
from aqi_service.core.render import csv_reply
from bench.feed import FIRST_ID
from bench.figures import Figure, Goal, Side
from bench.parsing import items_of
from bench.processes import program
from bench.programs import Program, python, running
from bench.run import Run
from bench.servers import TAKEN
from bench.standing import StandIn, standing, verify_items
from bench.waiting import pacing

FEW = 1600
"""Records that are asked for; every second is particulate, and so in memory, and the others nowhere."""

GOAL = Goal(10, at_most=True)
LONG = 3600.0
"""Seconds after which a load is taken for hanging."""

KINDS = ("memory", "table")
Taken = Mapping[str, Sequence[float]]


class Place(NamedTuple):
    """Where a daemon keeps what it loads: its name, and the options and variables that lead there."""

    name: str
    options: tuple[str, ...]
    environment: Mapping[str, str]


def p99(taken: Sequence[float]) -> float:
    """Give the time within which 99 of 100 lookups were answered."""
    return sorted(taken)[max(0, math.ceil(0.99 * len(taken)) - 1)]


def truth_of(document: Path, file: Path) -> Path:
    """Write what is to be answered for the first ids of a document."""
    replies = {str(FIRST_ID + number): NOT_FOUND.decode() for number in range(FEW)}
    found = {item.id: csv_reply(item).decode() for item in items_of(str(document))}
    replies |= {record_id: found[record_id] for record_id in replies if record_id in found}
    file.write_bytes(orjson.dumps(replies))
    return file


@contextmanager
def loading(place: Place, feed_url: str, folder: Path) -> Iterator[Program]:
    """Run a daemon that loads the feed as soon as it serves."""
    options = ("--feed-url", feed_url, "--load-deadline", f"{LONG:.0f}", "--port", "0", "--no-http")
    with running(python("-m", "aqi_service", *place.options, *options), place.environment, folder) as ours:
        yield ours


def measured(run: Run, place: Place, standin: StandIn, small: Path, large: Path) -> tuple[Taken, Taken]:
    """Return what lookups took while the large document loaded, and idle after that."""
    folder = run.folder / "during"
    folder.mkdir(exist_ok=True)
    truth = truth_of(small, folder / "truth.json")
    first = ("-m", "aqi_service", *place.options, "--load-only", "--from", str(small), *TAKEN)
    program(first, place.environment, folder)
    standin.set(feed=str(large))
    with loading(place, f"{standin.endpoint}/__feed", folder) as ours:
        port = int(ours.line(r"^listening on \S+:(\d+) \(tcp\)")[1])
        with pacing(port, truth) as busy:
            report = orjson.loads(ours.line(r'^\{"status".*', LONG)[0])
        with pacing(port, truth) as idle:
            time.sleep(run.pick(0.2, 10, 20))
    if (report["status"], report["bytes"]) != ("complete", large.stat().st_size):
        raise AssertionError(f"the load was not complete: {report}")
    return busy, idle


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    megabytes = run.pick(1.5, 100, 500)
    small, large = run.feed(run.pick(0.7, 0.7, 0.7)), run.feed(megabytes)
    with standing() as standin:
        aws = standin.options[1:-2]
        places = (
            Place("files and SQLite", ("--local", "d"), {}),
            Place("S3 and DynamoDB", tuple(aws), standin.environment),
        )
        for place in places:
            turns = [measured(run, place, standin, small, large) for _ in range(run.pick(1, 1, 3))]
            for kind in KINDS:
                busy, idle = ([p99(each[kind]) for each in side] for side in zip(*turns, strict=True))
                name = f"8 {megabytes:g} MB into {place.name}, {kind}: p99"
                yield Figure(name, "ms", Side("ours", busy), goal=GOAL)
                yield Figure(f"{name} beside idle", "ms", Side("ours", busy), limit=Side("idle", idle))
        verify_items(standin.counts(), large)
