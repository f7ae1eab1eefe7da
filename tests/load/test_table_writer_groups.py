"""Items that are accepted and counted together fare as if each had come alone."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.items import Item
from aqi_service.core.moved_ids import LoadIds, MovedIds
from aqi_service.errors import Unavailable
from aqi_service.load.table_writer import TableWriter
from tests.doubles.documents import QUICK
from tests.doubles.storage_doubles import Before, MemoryStore
from tests.doubles.writer_world import NOW, SNAPSHOT_AT, fates, item, position, writer_to

IDS = st.integers(1, 30) | st.integers(250, 520)
EXPIRY = st.sampled_from([None, None, None, int(NOW), int(NOW) + 1])
ITEMS = st.lists(
    st.builds(item, IDS, st.integers(0, 3), st.sampled_from("123"), expires_at=EXPIRY), max_size=60
)
STORED = st.lists(
    st.builds(item, IDS, st.integers(0, 3), st.sampled_from("123"), expires_at=EXPIRY,
              snapshot_at=st.sampled_from([SNAPSHOT_AT - 1, SNAPSHOT_AT + 1]), aqi=st.sampled_from("45")),
    unique_by=lambda one: one.id, max_size=30,
)  # fmt: skip
CUTS = st.lists(st.integers(1, 25), min_size=1, max_size=20)


async def delivered_in(
    cuts: Sequence[int], items: Sequence[Item], before: Sequence[Item], size: int, fails_at: int
) -> Any:
    """Deliver in batches of these sizes, and again after a write that fails; tell everything."""
    store, puts = MemoryStore(*before, refuses={"3": "no"}), 0

    async def fail_once() -> None:
        nonlocal puts
        puts += 1
        if puts == fails_at:
            raise Unavailable("throttled")

    writer = writer_to(Before(store, put=fail_once), group_size=size)
    writer.group_writer.watch = MovedIds().begin()
    for again in range(3):
        at = 0
        while at < len(items):
            some = items[at : at + cuts[at % len(cuts)]]
            if not again:
                writer.announce(len(some))
            await writer.add(some, position(at))
            at += len(some)
        await writer.flush()
        if writer.resume() is None:
            break
    return told(writer), {i: one._replace(snapshot_at=None) for i, one in store.items.items()}


def told(writer: TableWriter) -> Any:
    changes, watch = writer.group_writer.changes, writer.group_writer.watch
    found = fates(writer), writer.counts.example, changes.as_json(), writer.counts.refused
    return *found, [n for n in range(530) if n in watch], marked(watch)


def marked(watch: LoadIds) -> tuple[int, int]:
    return watch.mark


@QUICK
@given(ITEMS, STORED, CUTS, st.integers(1, 9), st.integers(0, 4))
def test_batches_of_any_sizes_end_as_items_one_by_one(
    items: list[Item], before: list[Item], cuts: list[int], size: int, fails_at: int
) -> None:
    together = asyncio.run(delivered_in(cuts, items, before, size, fails_at))
    assert together == asyncio.run(delivered_in([1], items, before, size, fails_at))
