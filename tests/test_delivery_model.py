"""Loads in any order, beside each other, killed and repeated: the table ends as a plain reference makes it.

One rule: what the table has to hold comes from `delivery_reference`, which knows nothing of the program.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aqi_service.core.items import ATTRIBUTES, Item
from aqi_service.core.names import manifest_key, snapshot_name
from aqi_service.core.report import LoadReport
from tests.delivery_processes import FAULTS, Job, OneByOne, StandingLoop, Step, Then, steps, store_of
from tests.delivery_reference import (
    Keeping,
    Row,
    Seen,
    Snapshot,
    all_seen,
    content,
    ends_the_same_in_any_order,
    newest_seen,
    one_after_the_other,
    read,
)
from tests.delivery_snapshots import LIVE, LIVE_TAKEN, NOW, REPLAYED, TAKEN, TTL, snapshots
from tests.delivery_world import World, in_pieces, run_on
from tests.load_helpers import TABLE
from tests.storage_doubles import MemoryArchive, MemoryStore

KINDS = st.sampled_from(["file", "url", "archive"])
CHUNKS = st.sampled_from([400, 1000, 1 << 20])
DEADLINES = st.sampled_from([None, 600.0])


@st.composite
def jobs(draw: st.DrawFn) -> list[Job]:
    """Give replays of a few snapshots, some of them more than once, and maybe a load of the live feed."""
    taken = draw(st.lists(REPLAYED, min_size=2, max_size=4))
    found = []
    for number, which in enumerate(draw(st.permutations([*taken, *draw(st.lists(st.sampled_from(taken), max_size=2))]))):
        kind = draw(KINDS)
        name = snapshot_name(which.taken)
        if kind == "archive":
            name = name.replace(".json", f"-{number + 10}.json")
        found.append(Job(which, kind, name, draw(CHUNKS), draw(DEADLINES)))
    if draw(st.booleans()):
        found.append(Job(draw(LIVE), "live", chunk=draw(CHUNKS), deadline=draw(DEADLINES)))
    return found


def rows(items: Mapping[str, Item]) -> dict[str, Row]:
    """Give items as a table has them."""
    names = [attribute.name for attribute in ATTRIBUTES]
    return {
        key: {name: value for name, value in zip(names, item, strict=True) if value is not None}
        for key, item in items.items()
    }


def check(table: Mapping[str, Row], done: Sequence[Job], keeping: Keeping) -> None:
    """See that the table is as the reference makes it, as far as that is the same in any order."""
    snapshots = sorted({job.snapshot for job in done})
    expected = one_after_the_other(snapshots, keeping)
    assert table.keys() == expected.keys()
    for record_id, seen in all_seen(snapshots, keeping).items():
        row = table[record_id]
        assert row in [each.row for each in seen]
        if is_overtaken(seen):
            continue
        assert row["measured_at"] == expected[record_id]["measured_at"]
        if ends_the_same_in_any_order(seen):
            assert content(row) == content(expected[record_id])


def is_overtaken(seen: list[Seen]) -> bool:
    """Tell whether a replay brings something newer than the live feed.

    Batches are written without a condition, so that the live feed may overwrite what a replay wrote between
    its reading and its writing.
    """
    live = [each for each in seen if each.row["snapshot_at"] == LIVE_TAKEN]
    return bool(live) and not any(each in live for each in newest_seen(seen))


def check_reports(reports: Sequence[tuple[Job, LoadReport]], keeping: Keeping) -> None:
    """See that every load that ended well counted what is in its document."""
    for job, report in reports:
        reading = read(job.snapshot, keeping)
        fates = {name: count for name in ("without_pm", "merged", "rejected", "expired") if (count := getattr(report.fates, name))}
        assert fates == {name: count for name, count in reading.fates.items() if count}
        assert report.records == len(json.loads(job.snapshot.body))


def check_archive(archive: MemoryArchive, done: Sequence[Job]) -> None:
    """See that every snapshot is in the archive as it was, and that its manifest says that it is finished."""
    finished = set()
    for name, body in archive.snapshots.items():
        manifest = archive.documents.get(manifest_key(TABLE, name))
        if manifest and json.loads(manifest)["status"] == "complete":
            finished.add(body)
    assert {job.snapshot.body for job in done} == finished == set(archive.snapshots.values())


async def loaded(done: list[Job], happens: list[Step], keeping: Keeping) -> None:
    store = MemoryStore()
    world = World(lambda process: OneByOne(store_of(process, store)), {"ttl": keeping.ttl})
    world.archive.snapshots |= {job.name: job.snapshot.body for job in done if job.kind == "archive"}
    await world.run(done, happens)
    check(rows(store.items), done, keeping)
    check_reports(world.reports, keeping)
    check_archive(world.archive, done)


PIECES = (st.sampled_from([1, 2, 100]), st.sampled_from([200, 1000, 1 << 16]))
TTLS = st.sampled_from([None, TTL])
THOROUGH = settings(deadline=None, max_examples=100)


@THOROUGH
@given(jobs(), steps(), *PIECES, TTLS)
def test_loads_beside_each_other_leave_the_table_as_the_reference(
    done: list[Job], happens: list[Step], group_size: int, window: int, ttl: int | None
) -> None:
    with in_pieces(group_size, window):
        run_on(StandingLoop, loaded(done, happens, Keeping(ttl, NOW)))


@THOROUGH
@given(jobs(), steps(*FAULTS), *PIECES, TTLS)
def test_loads_beside_each_other_killed_and_repeated_leave_the_table_as_the_reference(
    done: list[Job], happens: list[Step], group_size: int, window: int, ttl: int | None
) -> None:
    with in_pieces(group_size, window):
        run_on(StandingLoop, loaded(done, happens, Keeping(ttl, NOW)))


ANY = snapshots(st.sampled_from(TAKEN))
ONE_AT_A_TIME = st.lists(ANY, min_size=2, max_size=6).flatmap(
    lambda some: st.lists(st.tuples(st.sampled_from(some), st.sampled_from(["file", "live"])), min_size=2, max_size=8)
)


@THOROUGH
@given(ONE_AT_A_TIME, TTLS)
def test_loads_one_after_the_other_in_any_order_leave_the_table_as_the_reference_in_that_order(
    loads: list[tuple[Snapshot, str]], ttl: int | None
) -> None:
    store, keeping = MemoryStore(), Keeping(ttl, NOW)
    jobs = [Job(snapshot, kind, snapshot_name(snapshot.taken)) for snapshot, kind in loads]

    async def one_by_one() -> None:
        world = World(lambda process: store_of(process, store), {"ttl": ttl})
        for job in jobs:
            await world.run([job])

    run_on(StandingLoop, one_by_one())
    assert rows(store.items) == one_after_the_other([job.snapshot for job in jobs], keeping)
