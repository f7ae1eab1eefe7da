"""Figure 6: lookups a second out of memory, beside streams that only echo, redis, and the report's server.

One rule: server and generator have a core each, and each reply's bytes are checked. A machine that does other
work takes time from both, so beside the clock's seconds stand those that the server had its core for; the
goals are of these. Redis has the same payloads, and no goal: it is there as what it is, a program in C.
"""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from bench.lib.cores import pin_to_first_core
from bench.lib.feed import RECORD_BYTES
from bench.lib.figures import Figure, Goal, Side
from bench.lib.lookup_generator import BATCHES, LookupJob, LookupRates, ask
from bench.lib.run import Run
from bench.lib.servers import Server, daemon, echo, redis, redis_server, report


class Shape(NamedTuple):
    """How it is asked."""

    name: str
    connections: int
    depth: int


SHAPES = (
    Shape("50 connections", 50, 1),
    Shape("50 connections, 16 deep", 50, 16),
    Shape("500 connections", 500, 1),
)
OF_REPORT = Goal(100)
OF_ECHO, OF_ECHO_DEEP = Goal(1), Goal(0.6)
"""Of streams that only echo: asked one at a time, and many at once."""

REPORTED = 50 * 16 * BATCHES
"""Records that the report's server has, as many as are asked for at most: asked for one by two connections at
the same time, it sends the one what it has not finished writing for the other."""

Rates = Sequence[LookupRates]
"""Of one side, one a turn."""

Turn = Callable[[Shape, float], LookupRates]
"""Ask one server in that shape for so many seconds."""


def turn(server: Server, wire: str, shape: Shape, seconds: float) -> LookupRates:
    """Ask one server."""
    where, how = (server.port, server.pid, wire, str(server.truth)), (shape.connections, shape.depth)
    return ask(LookupJob(*where, *how, seconds))


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    records = run.pick(800, 30_000)
    document = run.feed(records * 2 * RECORD_BYTES / 1e6)
    path, seconds = redis_server(), run.pick(0.1, 0.8)
    with ExitStack() as stack:
        ours = stack.enter_context(daemon(run.folder, document, pin_to_first_core))
        echoing = stack.enter_context(echo(run.folder, ours.truth, pin_to_first_core))
        slow = stack.enter_context(report(run.folder, document, REPORTED))
        turns: list[Turn] = [partial(turn, each, "frames") for each in (ours, echoing, slow)]
        if path:
            peer = stack.enter_context(redis(path, run.folder, ours.truth, pin_to_first_core))
            turns.append(partial(turn, peer, "resp"))
        for shape in (each._replace(connections=each.connections // run.pick(10, 1)) for each in SHAPES):
            rates = [[each(shape, seconds) for each in turns] for _ in range(run.rounds)]
            yield from of_shape(shape, version(path), *zip(*rates, strict=True))


def of_shape(
    shape: Shape, theirs: str, ours: Rates, echo: Rates, slow: Rates, *redis: Rates
) -> Iterator[Figure]:
    """Give the figures of one shape out of what each side reached, a value a turn."""
    name, goal = f"6 {shape.name}", OF_ECHO if shape.depth == 1 else OF_ECHO_DEEP
    said = name if redis else f"{name}; {theirs}"
    for unit, field in (("/s", "rate"), ("/s of the core", "served")):
        mine, limit = Side("ours", values(ours, field)), Side("streams that only echo", values(echo, field))
        yield Figure(said, unit, mine, limit=limit, goal=goal if field == "served" else None)
        if redis:
            yield Figure(name, unit, mine, Side(theirs, values(redis[0], field)))
    asked = Side("the generator", values(redis[0] if redis else echo, "asked"))
    yield Figure(name, "/s of the core", Side("ours", values(ours, "served")), limit=asked)
    report = Side("the report's server", values(slow, "served"))
    yield Figure(name, "/s of the core", Side("ours", values(ours, "served")), report, goal=OF_REPORT)


def values(rates: Rates, field: str) -> list[float]:
    """Give one field of each."""
    return [getattr(each, field) for each in rates]


def version(path: str | None) -> str:
    """Name redis and its version, or say that it is not there."""
    if path is None:
        return "redis is not there"
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    return f"redis {told.partition('v=')[2].split()[0]}"
