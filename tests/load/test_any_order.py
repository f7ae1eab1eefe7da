"""Loads in any order, beside each other, killed and repeated: the table ends as a plain reference makes it.

One rule: hypothesis decides what happens; the table is in memory, each of its items written by itself.
"""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from aqi_service.core.snapshot_names import snapshot_name
from tests.doubles.delivery_checks import check_archive, check_reports, check_table, rows
from tests.doubles.delivery_processes import FAULTS, Job, OneByOne, Step, jobs, steps, store_of
from tests.doubles.delivery_reference import Keeping, Snapshot, one_after_the_other
from tests.doubles.delivery_snapshots import NOW, REPLAYED, TTLS
from tests.doubles.delivery_world import World, in_pieces, on_standing_clock
from tests.doubles.storage_doubles import MemoryStore

THOROUGH = settings(max_examples=50)
"""A busy machine is no defect, so there is no deadline."""

GROUPS = st.sampled_from([1, 2, 100])
WINDOWS = st.sampled_from([200, 1000, 1 << 16])
ONE_AT_A_TIME = st.lists(REPLAYED, min_size=2, max_size=6).flatmap(
    lambda some: st.lists(
        st.tuples(st.sampled_from(some), st.sampled_from(["file", "live"])), min_size=2, max_size=8
    )
)


async def all_loaded(some: list[Job], happens: list[Step], keeping: Keeping) -> None:
    """Load all that there is, and see what that has come to."""
    store = MemoryStore()
    world = World(lambda process: OneByOne(store_of(process, store)), keeping.ttl)
    await world.run(some, happens)
    check_table(rows(store.items), some, keeping)
    check_reports(world.reports, keeping)
    check_archive(world.archive, some)


@THOROUGH
@given(jobs(), steps(), GROUPS, WINDOWS, TTLS)
def test_loads_beside_each_other_leave_the_table_as_the_reference(
    some: list[Job], happens: list[Step], group_size: int, window: int, ttl: int | None
) -> None:
    with in_pieces(group_size, window):
        on_standing_clock(all_loaded(some, happens, Keeping(ttl, NOW)))


@THOROUGH
@given(jobs(), steps(*FAULTS), GROUPS, WINDOWS, TTLS)
def test_loads_that_are_killed_fail_and_are_repeated_leave_the_table_as_the_reference(
    some: list[Job], happens: list[Step], group_size: int, window: int, ttl: int | None
) -> None:
    with in_pieces(group_size, window):
        on_standing_clock(all_loaded(some, happens, Keeping(ttl, NOW)))


async def one_by_one(loads: list[tuple[Snapshot, str]], keeping: Keeping) -> None:
    """Load each when the one before is done, and compare with the reference that does so in this order."""
    store = MemoryStore()
    world = World(lambda process: store_of(process, store), keeping.ttl)
    for snapshot, kind in loads:
        await world.run([Job(snapshot, kind, snapshot_name(snapshot.taken))])
    # By a clock that is ahead of the data nothing expires: such a row may be there, or not.
    there = {key: row for key, row in rows(store.items).items() if row.get("expires_at", math.inf) > NOW}
    assert there == one_after_the_other([snapshot for snapshot, _ in loads], keeping)


@THOROUGH
@given(ONE_AT_A_TIME, TTLS)
def test_loads_one_after_the_other_leave_the_table_as_the_reference_in_that_order_to_the_last_attribute(
    loads: list[tuple[Snapshot, str]], ttl: int | None
) -> None:
    on_standing_clock(one_by_one(loads, Keeping(ttl, NOW)))
