"""Which ids are left to the table, and until which index stands."""

from collections.abc import Iterable

from aqi_service.core.moved_ids import MOST_LOADS, LoadIds, MovedIds
from aqi_service.core.snapshot_version import SnapshotVersion

FIRST = SnapshotVersion("data_20_12_23_18_00.json", 1_703_095_200, "daqi", 4, 1_703_091_600, "18:00:05")
SECOND = FIRST._replace(snapshot="data_20_12_23_19_00.json", started="19:00:05")
OTHERS = FIRST._replace(started="18:30:05")


def left(moved: MovedIds, numbers: Iterable[int] = range(10)) -> list[int]:
    return [number for number in numbers if number in moved]


def load(moved: MovedIds, writes: str = "", differs: str = "") -> LoadIds:
    ids = moved.begin()
    ids.writes(writes)
    ids.differs(differs)
    return ids


def test_what_a_load_writes_is_left_to_the_table_until_the_index_of_its_snapshot_stands() -> None:
    moved = MovedIds()
    ids = load(moved, "12")
    assert left(moved) == [1, 2]
    ids.ends(FIRST)
    assert (left(moved), moved.has(FIRST), moved.has(SECOND)) == ([1, 2], True, False)
    for other in (SECOND, OTHERS):
        moved.settle(other)
        assert left(moved) == [1, 2]
    moved.settle(FIRST)
    assert (left(moved), bool(moved.loads)) == ([], False)


def test_what_the_table_has_otherwise_stays_with_it_until_the_index_of_a_later_load_stands() -> None:
    moved = MovedIds()
    load(moved, "12", differs="23").ends(FIRST)
    moved.settle(FIRST)
    assert left(moved) == [2, 3]
    load(moved, "4").ends(SECOND)
    moved.settle(SECOND)
    assert left(moved) == []


def test_a_load_that_ended_before_another_began_is_settled_with_that_however_it_ended() -> None:
    moved = MovedIds()
    load(moved, "1", differs="2").ends(None)
    later = load(moved, "3")
    later.ends(FIRST)
    moved.settle(FIRST)
    assert left(moved) == []


def test_a_load_that_ran_beside_another_or_began_after_it_is_not_settled_with_that() -> None:
    moved = MovedIds()
    before = load(moved, "1")
    ids = load(moved, "2")
    beside = load(moved, "3")
    before.ends(None)
    ids.ends(FIRST)
    after = load(moved, "4")
    moved.settle(FIRST)
    assert left(moved) == [1, 3, 4]
    after.ends(SECOND)
    moved.settle(SECOND)
    assert left(moved) == [3]
    beside.writes("5")
    assert left(moved) == [3, 5]


def test_a_load_that_moved_nothing_leaves_nothing_unless_it_finished_a_snapshot() -> None:
    moved = MovedIds()
    load(moved).ends(None)
    assert not moved.loads
    load(moved).ends(FIRST)
    assert moved.has(FIRST)


def test_the_ids_of_many_loads_are_kept_and_become_one_set() -> None:
    moved = MovedIds()
    for number in range(10 * MOST_LOADS):
        ids = moved.begin()
        ids.writes([str(number)])
        ids.ends(None)
    assert left(moved, range(10 * MOST_LOADS + 1)) == list(range(10 * MOST_LOADS))
    assert len(moved.loads) == MOST_LOADS
    load(moved).ends(FIRST)
    moved.settle(FIRST)
    assert not moved.loads


def test_of_loads_that_become_one_set_the_last_end_counts() -> None:
    moved = MovedIds()
    long = load(moved, "1")
    for _ in range(MOST_LOADS - 2):
        load(moved, "2").ends(None)
    ids = load(moved)
    long.ends(None)
    ids.ends(FIRST)
    load(moved)
    assert len(moved.loads) == MOST_LOADS
    moved.settle(FIRST)
    assert 1 in moved


def test_loads_that_run_are_kept_apart_however_many_there_are() -> None:
    moved = MovedIds()
    running = [load(moved, str(number % 10)) for number in range(MOST_LOADS + 3)]
    running[0].ends(FIRST)
    load(moved)
    moved.settle(FIRST)
    assert left(moved) == list(range(10))
