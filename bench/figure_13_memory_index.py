"""Figure 13: the latest snapshot in memory: how long it takes to build, and how much it holds.

One rule: time and memory are taken in runs of their own, because counting memory takes time.
"""

import time
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from aqi_service.core.snapshot_index import IndexBuilder, SnapshotIndex
from aqi_service.core.snapshot_version import SnapshotVersion
from bench.lib.feed import FIRST_ID, NEWEST, RECORD_BYTES
from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.items import index_of, items_of
from bench.lib.processes import fresh
from bench.lib.run import Run

MOST_MB = 30.0


def _build(document: str) -> SnapshotIndex:
    builder, items = IndexBuilder(), list(items_of(document))
    builder.add(items)
    snapshot_time = int(NEWEST.timestamp())
    return builder.done(
        SnapshotVersion("data.json", snapshot_time, "daqi", len(items), snapshot_time, ""), snapshot_time
    )


def _checked(index: SnapshotIndex, records: int) -> None:
    reply = index.reply(FIRST_ID + 1, NEWEST.timestamp())
    if len(index) != records or reply is None or str(FIRST_ID + 1).encode() not in reply:
        raise AssertionError(f"the index has {len(index)} records, not {records}")


def packing(document: str, records: str) -> float:
    """Return the processor seconds that it takes to pack items that are there already."""
    items = list(items_of(document))
    begun = time.process_time()
    builder = IndexBuilder()
    builder.add(items)
    snapshot_time = int(NEWEST.timestamp())
    index = builder.done(
        SnapshotVersion("data.json", snapshot_time, "daqi", len(items), snapshot_time, ""), snapshot_time
    )
    seconds = time.process_time() - begun
    _checked(index, int(records))
    return seconds


def reading(document: str, records: str) -> float:
    """Return the processor seconds from a file's bytes to the index."""
    begun = time.process_time()
    index = _build(document)
    seconds = time.process_time() - begun
    _checked(index, int(records))
    return seconds


def memory(document: str, records: str) -> float:
    """Return the megabytes that an index holds with its sensors, their flags and their boxes' humidity."""
    index_of(document)  # fills the caches of numbers, which are not the index's
    tracemalloc.start()
    index = index_of(document)
    held = tracemalloc.get_traced_memory()[0]
    _checked(index, int(records))
    return held / 1e6


def side(name: str, document: Path, records: int) -> float:
    """Run one of the three in a fresh process."""
    return float(fresh(f"{__name__}:{name}", document, records))


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    records = run.pick(500, 30_000)
    document = run.feed(records * 2 * RECORD_BYTES / 1e6)
    packed, read, held = in_turns(
        run.rounds,
        *(partial(side, name, document, records) for name in ("packing", "reading", "memory")),
    )
    name = f"13 index of {records:,} sensors"
    yield Figure(f"{name}, packed", "s", Side("ours", packed), goal=Goal(1, at_most=True))
    yield Figure(f"{name}, from the file's bytes", "s", Side("ours", read))
    yield Figure(
        f"{name}, memory with flags and humidity", "MB", Side("ours", held), goal=Goal(MOST_MB, at_most=True)
    )
