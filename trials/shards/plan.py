"""A seed into a plan: the snapshots of an archive, what the feed publishes, and who is killed when.

One rule: pure; the same seed gives the same plan.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random

from aqi_service.core.snapshot_names import snapshot_name
from tests.doubles.delivery_reference import Snapshot
from trials.chaos.documents import Network

DAY = date(2023, 12, 20)
"""Long past, so that the daemon leaves what is unfinished of it to whoever runs the command."""

FIRST, EVERY = int(datetime(2023, 12, 20, 18, tzinfo=UTC).timestamp()), 600
"""Epoch seconds of the first snapshot, and between two."""

FEWEST = 6
"""Requests that a worker makes before it is killed, at least: those of its start."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a trial is.

    Attributes:
        snapshots: in the archive, of so many `records` each.
        shards: workers.
        live: generations that the feed publishes meanwhile.
        kills: of each worker, at least one.
        requests: a worker is killed after at most so many.
    """

    snapshots: int
    records: int
    shards: int
    live: int
    kills: int
    requests: int


SMALL = Size(snapshots=6, records=16, shards=3, live=1, kills=1, requests=30)
WHOLE = Size(snapshots=64, records=120, shards=8, live=4, kills=4, requests=300)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen.

    Attributes:
        archived: the snapshots, in the order of their time.
        live: the documents of the feed, in turn.
        kills: of each worker, after how many requests it is killed, time after time.
    """

    seed: int
    size: Size
    archived: tuple[Snapshot, ...]
    live: tuple[bytes, ...]
    kills: tuple[tuple[int, ...], ...]

    @property
    def names(self) -> dict[str, Snapshot]:
        """Give each archived snapshot by its name."""
        return {snapshot_name(snapshot.taken): snapshot for snapshot in self.archived}


def plan_of(seed: int, size: Size) -> Plan:
    """Make the plan of a seed."""
    chance = Random(f"{seed}/kills")  # noqa: S311  # must be replayable
    network = Network(Random(f"{seed}/documents"), size.records, DAY)  # noqa: S311  # must be replayable
    archived = tuple(Snapshot(FIRST + EVERY * number, network.publish()) for number in range(size.snapshots))
    kills = tuple(
        tuple(chance.randint(FEWEST, size.requests) for _ in range(chance.randint(1, size.kills)))
        for _ in range(size.shards)
    )
    return Plan(seed, size, archived, tuple(network.publish() for _ in range(size.live)), kills)
