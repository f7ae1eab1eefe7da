"""Figure 18: two replicas behind one address beside one, and two shards of a backfill beside one.

One rule: what was the limit stands beside: how much of a core each program had, of as many as there are.
"""

import http.client
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count as numbers
from pathlib import Path
from typing import NamedTuple

from aqi_service.core.snapshot_names import snapshot_name
from bench.figure_06_lookups_from_memory import Shape, turn
from bench.lib.background import python, running
from bench.lib.feed import FIRST_ID, NEWEST, RECORD_BYTES, count, feed
from bench.lib.figures import Figure, Side
from bench.lib.lookup_generator import LookupRates
from bench.lib.processes import program
from bench.lib.run import Run
from bench.lib.servers import Server, daemon
from bench.lib.standin.client import BUCKET, StandIn, running_standin

SHAPE = Shape("50 connections", 50, 1)
HUNDRED = 100


class Backfill(NamedTuple):
    """What workers did: items a second from the first start to the last end, and a second of their cores."""

    rate: float
    of_core: float


def replicas(run: Run) -> Iterator[Figure]:
    """Ask one replica, one behind a relay, and two behind a relay, in turns."""
    document = run.feed(run.pick(800, 30_000) * 2 * RECORD_BYTES / 1e6)
    seconds = run.pick(0.1, 1.0)
    shape = SHAPE._replace(connections=run.pick(4, SHAPE.connections))
    with ExitStack() as stack:
        two = [stack.enter_context(daemon(run.folder, document)) for _ in range(2)]
        asked = [two[0], *(stack_relay(stack, two[:number]) for number in (1, 2))]
        turns = [[turn(server, "frames", shape, seconds) for server in asked] for _ in range(run.rounds)]
    direct, one, both = zip(*turns, strict=True)
    behind = Side("one replica behind it", rates(one))
    without = Side("the replica itself", rates(direct))
    name = f"18 replicas behind one address, {shape.name}"
    yield Figure(f"{name}: one", "/s", Side("ours", behind.values), limit=without)
    yield Figure(f"{name}: two", "/s", Side("ours", rates(both)), behind, without)
    for what, seen in (("one", one), ("two", both)):
        relay = Side("the relay", [HUNDRED * each.rate / each.served for each in seen])
        generator = Side("the generator", [HUNDRED * each.rate / each.asked for each in seen])
        yield Figure(f"{name}: {what}, the relay had", "% of a core", relay, limit=generator)


def stack_relay(stack: ExitStack, servers: Sequence[Server]) -> Server:
    """Put a relay in front of some."""
    ports = [str(server.port) for server in servers]
    relay = stack.enter_context(running(python("-m", "bench.lib.relay", *ports)))
    return Server(int(relay.line(r"^(\d+)$")[1]), relay.pid, servers[0].truth)


def rates(seen: Sequence[LookupRates]) -> list[float]:
    """Give the lookups a second by the clock."""
    return [each.rate for each in seen]


def shards(run: Run) -> Iterator[Figure]:
    """Load an archive with one worker and with two, in turns."""
    snapshots, records = run.pick((2, 60), (4, 6_000))
    with running_standin() as standin:
        fill(standin, snapshots, records)
        tables = numbers()
        one, two = in_turns_of(
            run.rounds, partial(backfilled, standin, tables, snapshots * (records // 2), run.folder)
        )
    alone = Side("one shard", [each.rate for each in one])
    name = f"18 shards, {snapshots} snapshots of {records // 2:,} new items"
    yield Figure(f"{name}: one", "items/s", Side("ours", alone.values))
    yield Figure(f"{name}: two", "items/s", Side("ours", [each.rate for each in two]), alone)
    cores = Side("one shard", [each.of_core for each in one])
    yield Figure(f"{name}: two", "items/s of their core", Side("ours", [each.of_core for each in two]), cores)


def in_turns_of(rounds: int, work: partial[Backfill]) -> tuple[list[Backfill], list[Backfill]]:
    """Do it with one worker and with two, in turns."""
    made = [(work(1), work(2)) for _ in range(rounds)]
    return [one for one, _ in made], [two for _, two in made]


def fill(standin: StandIn, snapshots: int, records: int) -> None:
    """Put snapshots into the stand-in's bucket, each a minute later, no two of which share an id."""
    standin.set(keep=True)
    taken = int(NEWEST.timestamp())
    for number in range(snapshots):
        size = records * RECORD_BYTES
        body = b"".join(feed(size, number + 1, first_id=FIRST_ID + number * count(size)))
        put(standin, snapshot_name(taken + 60 * number), body)


def put(standin: StandIn, name: str, body: bytes) -> None:
    """Put an object there."""
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=120)
    try:
        connection.request("PUT", f"/{BUCKET}/{name}", body)
        if (answer := connection.getresponse()).status != 200:
            raise AssertionError(f"the stand-in did not take {name}: {answer.status}")
    finally:
        connection.close()


def backfilled(standin: StandIn, tables: Iterator[int], wanted: int, folder: Path, workers: int) -> Backfill:
    """Fill an empty table. Raises AssertionError unless all items arrived."""
    standin.clear("items", "counts")
    where = ("--bucket", BUCKET, "--table", f"scale-{next(tables)}")  # no manifest is of that table
    begun = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        ended = list(
            pool.map(
                lambda number: program(
                    [
                        "-m",
                        "aqi_service",
                        "--load-only",
                        *where,
                        "--from",
                        "archive",
                        "--shard",
                        f"{number}/{workers}",
                    ],
                    standin.environment,
                    folder,
                ),
                range(workers),
            )
        )
    seconds = time.perf_counter() - begun
    if (found := standin.counts()["items"]["items"]) != wanted:
        raise AssertionError(f"{workers} shards: the table has {found} items, not {wanted}")
    return Backfill(wanted / seconds, wanted / sum(each.cpu for each in ended))


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    yield from replicas(run)
    yield from shards(run)
