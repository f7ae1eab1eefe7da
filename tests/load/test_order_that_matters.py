"""Where the order of loading does decide what the table holds: what happens then.

One rule: what stands here is what the properties of load/test_any_order.py leave out, and no more.
"""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import snapshot_name
from aqi_service.storage.ports import Storage
from tests.doubles.delivery_processes import Job
from tests.doubles.delivery_reference import Snapshot
from tests.doubles.delivery_snapshots import HOUR, LIVE_TAKEN
from tests.doubles.documents import document_of, record
from tests.doubles.load_helpers import fates, run
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore

NOON, LATER = "2023-12-20 12:00:00", "2023-12-20 13:00:00"


def snapshot(hour: int, pm10: str, measured: str = NOON) -> Snapshot:
    """Make a snapshot of that hour with one record."""
    return Snapshot(LIVE_TAKEN + hour * HOUR, document_of(record(1, pm10, timestamp=measured)))


async def replay(one: Snapshot, store: Any, **how: Any) -> LoadReport:
    source = Job(one, "file", snapshot_name(one.taken)).source(None)
    return await run(source, Storage(MemoryArchive(), store), now=LIVE_TAKEN + 4 * HOUR, **how)


async def after(*snapshots: Snapshot) -> tuple[str | None, int]:
    """Load one after the other; give the record's PM10, and the hour of the snapshot that brought it."""
    store = MemoryStore()
    for one in snapshots:
        assert (await replay(one, store)).status is Status.COMPLETE
    item = store.items["1"]
    return item.pm10, ((item.snapshot_at or 0) - LIVE_TAKEN) // HOUR


A_B_A = (snapshot(1, "10"), snapshot(2, "20"), snapshot(3, "10"))
ENDS: dict[tuple[int, ...], tuple[str, int]] = {
    (1, 2, 3): ("10", 3),
    (2, 1, 3): ("10", 3),
    (2, 3, 1): ("10", 3),
    (3, 1, 2): ("10", 3),
    (3, 2, 1): ("10", 3),
    (1, 3, 2): ("20", 2),
}


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))), ids=str)
async def test_a_value_that_changed_and_changed_back_ends_as_changed_in_one_order_of_loading_only(
    order: Sequence[int],
) -> None:
    """The third, loaded over the first, writes nothing: the item keeps its time, and the second is newer."""
    assert await after(*(A_B_A[number - 1] for number in order)) == ENDS[tuple(order)]


async def test_of_two_snapshots_of_one_minute_the_one_loaded_later_wins() -> None:
    one, other = snapshot(1, "10"), snapshot(1, "20")
    assert [await after(one, other), await after(other, one)] == [("20", 1), ("10", 1)]


async def test_of_snapshots_that_say_the_same_the_one_loaded_first_gives_its_time() -> None:
    one, other = snapshot(1, "10"), snapshot(2, "10")
    assert [await after(one, other), await after(other, one)] == [("10", 1), ("10", 2)]


@pytest.mark.parametrize("live", [True, False], ids=["live", "replay"])
async def test_what_becomes_newer_between_reading_and_writing_is_overwritten_by_the_live_feed_alone(
    live: bool,
) -> None:
    """A batch knows no condition: nothing newer than the live feed may be replayed beside it."""
    store = MemoryStore()

    async def overtake() -> None:
        assert fates(await replay(snapshot(0, "20", LATER), store)) == {"stored": 1}

    report = await replay(snapshot(1, "10"), Before(store, put=overtake), live=live)
    assert fates(report) == ({"stored": 1} if live else {"superseded": 1})
    assert store.items["1"].timestamp == (NOON if live else LATER)
