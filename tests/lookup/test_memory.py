"""What lookups see of the latest snapshot: swapped in whole, never behind what this process's loads wrote."""

import logging

import pytest

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.items import Item
from aqi_service.core.snapshot_index import IndexBuilder, SnapshotIndex
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.lookup.memory import MemoryIndex
from tests.doubles.log_lines import lines
from tests.doubles.storage_items import FULL

NOW = 1_703_095_300.0
FIRST = SnapshotVersion(
    "data_20_12_23_18_00.json", 1_703_095_200, "daqi", 4, 1_703_091_600, "2023-12-20T18:00:05Z"
)
SECOND = FIRST._replace(snapshot="data_20_12_23_19_00.json", snapshot_time=FIRST.snapshot_time + 3600)
ITEM = FULL._replace(id="7", expires_at=None)
NEWER = ITEM._replace(pm10="99")


def index(version: SnapshotVersion, *items: Item) -> SnapshotIndex:
    builder = IndexBuilder()
    builder.add(items)
    return builder.done(version, NOW)


@pytest.fixture
def memory() -> MemoryIndex:
    return MemoryIndex(lambda: NOW)


@pytest.fixture
def filled(memory: MemoryIndex) -> MemoryIndex:
    assert memory.offer(index(FIRST, ITEM, ITEM._replace(id="8")))
    return memory


def test_at_first_the_table_is_asked_for_everything(memory: MemoryIndex) -> None:
    assert memory.reply(7) is None


@pytest.mark.parametrize("how", ["writes", "differs"])
def test_what_a_load_moves_on_is_not_answered_any_more_and_all_else_is(filled: MemoryIndex, how: str) -> None:
    watch = filled.watch()
    getattr(watch, how)(["7"])
    assert filled.reply(7) is None
    assert filled.reply(8) == csv_reply(ITEM._replace(id="8"))
    watch.ends(None)
    assert filled.reply(7) is None
    assert filled.reply(8) is not None
    assert not filled.renewable.is_set()


def test_the_index_of_a_load_of_this_process_answers_what_it_wrote_and_not_what_the_table_has_otherwise(
    filled: MemoryIndex,
) -> None:
    watch = filled.watch()
    watch.writes(["7", "8"])
    watch.differs(["8"])
    watch.ends(SECOND)
    assert filled.renewable.is_set()
    assert filled.reply(7) is None
    assert filled.offer(index(SECOND, NEWER, NEWER._replace(id="8")))
    assert filled.reply(7) == csv_reply(NEWER)
    assert filled.reply(8) is None


def test_an_index_that_stands_before_its_load_has_ended_answers_once_it_has(filled: MemoryIndex) -> None:
    watch = filled.watch()
    watch.writes(["7"])
    assert not filled.has_loaded(SECOND)
    assert filled.offer(index(SECOND, NEWER))
    assert filled.reply(7) is None
    watch.ends(SECOND)
    assert filled.reply(7) == csv_reply(NEWER)


def test_what_a_load_moves_on_while_an_index_is_read_stays_with_the_table_when_that_comes(
    filled: MemoryIndex,
) -> None:
    finished = filled.watch()
    finished.writes(["7"])
    finished.ends(SECOND)
    beside = filled.watch()
    beside.writes(["8"])
    assert filled.offer(index(SECOND, NEWER, ITEM._replace(id="8")))
    assert (filled.reply(7) is None, filled.reply(8) is None) == (False, True)
    beside.ends(None)
    assert filled.reply(8) is None


def test_an_index_of_another_process_gives_nothing_back_that_a_load_of_this_one_has_moved_on(
    memory: MemoryIndex,
) -> None:
    memory.watch().writes(["7"])
    memory.offer(index(FIRST, ITEM, ITEM._replace(id="8")))
    assert memory.reply(7) is None
    assert memory.reply(8) is not None


def test_an_older_snapshot_never_replaces_a_newer_one(filled: MemoryIndex) -> None:
    assert filled.offer(index(SECOND, NEWER))
    assert not filled.wants(FIRST)
    assert not filled.offer(index(FIRST, ITEM))
    assert filled.reply(7) == csv_reply(NEWER)


def test_another_load_of_the_same_snapshot_is_wanted(filled: MemoryIndex) -> None:
    assert not filled.wants(FIRST)
    for other in (FIRST._replace(scale="us-epa"), FIRST._replace(started="2023-12-20T20:00:00Z"), SECOND):
        assert filled.wants(other)


def test_a_halved_snapshot_takes_nothing_away_but_what_it_says_of_the_same_ids_counts(
    filled: MemoryIndex, caplog: pytest.LogCaptureFixture
) -> None:
    odd = SECOND._replace(records=1)
    assert filled.wants(odd)
    with caplog.at_level(logging.INFO, "aqi_service"):
        assert not filled.offer(index(odd, NEWER))
    assert filled.reply(7) == csv_reply(NEWER)
    assert filled.reply(8) == csv_reply(ITEM._replace(id="8"))
    assert not filled.wants(odd)
    [line] = lines(caplog)
    assert line == (
        "memory_not_replaced snapshot=data_20_12_23_18_00.json records=4 "
        "refused_snapshot=data_20_12_23_19_00.json refused_records=1"
    )


def test_a_halved_snapshot_is_wanted_again_once_the_data_in_memory_is_a_day_old() -> None:
    now = [NOW]
    memory = MemoryIndex(lambda: now[0])
    memory.offer(index(FIRST, ITEM))
    odd = SECOND._replace(records=1)
    memory.offer(index(odd, NEWER))
    now[0] = FIRST.newest + 86_399
    assert not memory.wants(odd)
    now[0] += 1
    assert memory.wants(odd)
    assert memory.offer(index(odd, NEWER))


def test_an_empty_snapshot_is_looked_at_once_and_replaces_nothing(memory: MemoryIndex) -> None:
    empty = FIRST._replace(records=0)
    assert memory.wants(empty)
    assert not memory.offer(index(empty))
    assert not memory.wants(empty)
    assert memory.index is None


def test_a_table_that_is_gone_takes_the_memory_with_it(
    filled: MemoryIndex, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        filled.drop()
    assert filled.reply(7) is None
    assert filled.wants(FIRST)
    assert len(caplog.records) == 1


def test_a_snapshot_with_more_records_than_memory_has_room_for_is_logged(
    memory: MemoryIndex, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IndexBuilder.__init__, "__defaults__", (2,))
    with caplog.at_level(logging.INFO, "aqi_service"):
        memory.offer(index(FIRST, *(ITEM._replace(id=str(number)) for number in range(5))))
    assert lines(caplog) == ["memory_replaced snapshot=data_20_12_23_18_00.json records=2 left_out=3"]
    assert (memory.reply(1) is None, memory.reply(4) is None) == (False, True)
