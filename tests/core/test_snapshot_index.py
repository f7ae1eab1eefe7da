"""The latest snapshot in memory: it answers as the table would, or leaves the answer to the table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.frames import encode
from aqi_service.core.items import Item
from aqi_service.core.packed_item import MOST_BYTES, pack, unpack
from aqi_service.core.snapshot_index import KEPT_SECONDS, IndexBuilder, SnapshotIndex, replaces
from aqi_service.core.snapshot_version import SnapshotVersion
from tests.doubles.documents import QUICK
from tests.doubles.storage_items import FULL, ITEMS

VERSION = SnapshotVersion(
    "data_20_12_23_18_00.json", 1_703_095_200, "daqi", 100, 1_703_091_600, "2023-12-20T18:00:05Z"
)
NOW = 1_703_095_300.0
PLAIN = FULL._replace(id="7", expires_at=None)


def index(*items: Item, version: SnapshotVersion = VERSION) -> SnapshotIndex:
    builder = IndexBuilder()
    builder.add(items)
    return builder.done(version, NOW)


@QUICK
@given(ITEMS)
def test_a_record_is_answered_byte_for_byte_as_out_of_the_table_and_comes_back_whole(item: Item) -> None:
    packed = pack(item)
    if packed is None:
        assert len(csv_reply(item)) > 500 or (item.expires_at or 0) < 0
        return
    assert unpack(packed) == item
    reply = index(item).reply(int(item.id), 0.0)
    assert reply == (None if item.expires_at == 0 else csv_reply(item))


@QUICK
@given(st.lists(ITEMS, unique_by=lambda item: item.id, max_size=4), st.data())
def test_several_are_answered_in_one_as_each_is_alone_or_left_to_the_table(
    items: list[Item], data: st.DataObject
) -> None:
    made = index(*items)
    numbers = data.draw(st.lists(st.sampled_from([8, *made.packed]), max_size=5))
    times = st.sampled_from(
        [0, *(at + 1 for item in items for at in (item.measured_at, item.expires_at) if at)]
    )
    doubt, ages = data.draw(times) - 2, float(data.draw(times))
    alone = [made.reply(number, NOW, doubt, ages) for number in numbers]
    there = [encode(reply) for reply in alone if reply is not None]
    assert made.frames(numbers, NOW, doubt, ages) == (None if None in alone else b"".join(there))


def test_an_id_that_the_snapshot_does_not_have_is_left_to_the_table() -> None:
    assert index(PLAIN).reply(8, NOW) is None


@pytest.mark.parametrize(("expires_at", "found"), [(NOW - 1, False), (NOW, False), (NOW + 1, True)])
def test_whether_a_record_has_expired_is_judged_when_it_is_asked_for(expires_at: float, found: bool) -> None:
    item = PLAIN._replace(expires_at=int(expires_at))
    assert index(item).reply(7, NOW) == (csv_reply(item) if found else None)
    assert index(item).frames([7], NOW) == (encode(csv_reply(item)) if found else None)
    assert index(item).item(7, NOW) == (item if found else None)
    assert index(item).item(7, NOW - 2, ages=NOW) == (item if found else None)


@pytest.mark.parametrize(
    ("measured_at", "doubt", "found"),
    [(20, 19, True), (20, 20, False), (20, 21, False), (None, -1, True), (None, 0, False)],
)
def test_a_record_that_was_not_measured_after_what_is_in_doubt_is_left_to_the_table(
    measured_at: int | None, doubt: float, found: bool
) -> None:
    made = index(PLAIN._replace(measured_at=measured_at))
    told = made.reply(7, NOW, doubt), made.frames([7], NOW, doubt), made.packed_record(7, NOW, doubt)
    assert [each is not None for each in told] == [found] * 3
    assert made.numbers(doubt) == ([] if found else [7])


def test_an_index_answers_for_a_day_whatever_the_age_of_its_data() -> None:
    made = index(PLAIN._replace(measured_at=5))
    assert made.reply(7, NOW + KEPT_SECONDS - 1)
    assert made.reply(7, NOW + KEPT_SECONDS) is None
    assert made.frames([7], NOW + KEPT_SECONDS - 1)
    assert made.frames([7], NOW + KEPT_SECONDS) is None
    assert made.item(7, NOW + KEPT_SECONDS - 1)
    assert made.item(7, NOW + KEPT_SECONDS) is None
    assert not made.is_due(NOW + KEPT_SECONDS - 1)
    assert made.is_due(NOW + KEPT_SECONDS)


def test_an_index_all_of_which_was_compared_with_the_table_answers_for_a_day_from_then_on() -> None:
    some, whole = (index(PLAIN).confirmed({7: PLAIN}, built) for built in (None, NOW + 100))
    assert not whole.is_due(NOW + 100 + KEPT_SECONDS - 1)
    assert some.is_due(NOW + KEPT_SECONDS)


def test_of_two_records_with_one_id_the_newer_is_kept_and_of_equally_new_ones_the_later() -> None:
    newer, older = PLAIN._replace(measured_at=20), PLAIN._replace(measured_at=10)
    later = newer._replace(pm10="99")
    for items, kept in (((newer, older), newer), ((older, newer), newer), ((newer, later), later)):
        builder = IndexBuilder()
        builder.add(items)
        assert builder.repeated == 1
        made = builder.done(VERSION, NOW)
        assert made.reply(7, NOW) == csv_reply(kept)
        assert unpack(made.packed[7]) == kept


def test_every_record_with_the_id_of_an_earlier_one_is_counted() -> None:
    builder = IndexBuilder()
    builder.add([PLAIN, PLAIN._replace(id="8"), PLAIN])
    assert builder.repeated == 1
    builder.add([PLAIN, PLAIN._replace(id="9"), PLAIN._replace(id="8")])
    assert builder.repeated == 3


def test_records_beyond_its_room_are_left_to_the_table_but_those_it_has_are_kept_up_to_date() -> None:
    builder = IndexBuilder(room=2)
    numbers = ((1, "1"), (2, "2"), (3, "3"), (2, "9"), (4, "4"))
    builder.add(PLAIN._replace(id=str(number), pm10=value) for number, value in numbers)
    made = builder.done(VERSION, NOW)
    assert (len(made), builder.left_out, made.left_out) == (2, 2, 2)
    assert made.reply(2, NOW) == csv_reply(PLAIN._replace(id="2", pm10="9"))
    assert made.reply(3, NOW) is None


@pytest.mark.parametrize(
    "item",
    [
        PLAIN._replace(sensor_type="x" * MOST_BYTES),
        PLAIN._replace(altitude="1" * 70_000),
        PLAIN._replace(expires_at=2**70),
        PLAIN._replace(expires_at=-1),
    ],
)
def test_a_record_unlike_any_of_the_feeds_takes_no_memory(item: Item) -> None:
    assert len(index(item)) == 0


def test_a_record_that_is_too_large_leaves_its_id_to_the_table_whatever_follows() -> None:
    large = PLAIN._replace(measured_at=20, sensor_type="x" * MOST_BYTES)
    older = PLAIN._replace(measured_at=10)
    made = index(older, large, older, PLAIN._replace(id="8"))
    assert (made.reply(7, NOW), list(made.packed)) == (None, [8])


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        (PLAIN._replace(snapshot_at=1), PLAIN),
        (PLAIN._replace(expires_at=int(NOW) + 5), PLAIN._replace(expires_at=int(NOW) + 5)),
        (PLAIN._replace(pm10="99"), None),
        (None, None),
    ],
)
def test_a_confirmed_record_has_the_tables_expiry_and_another_is_left_to_it(
    there: Item | None, kept: Item | None
) -> None:
    builder = IndexBuilder()
    builder.add([PLAIN])
    made = builder.done(VERSION, NOW).confirmed({7: there})
    assert made.reply(7, NOW) == (None if kept is None else csv_reply(kept))
    assert {n: unpack(packed).expires_at for n, packed in made.packed.items()} == (
        {} if kept is None else {7: kept.expires_at}
    )


def test_an_updated_index_has_its_own_ids_with_the_newer_ones_records() -> None:
    old = index(PLAIN, PLAIN._replace(id="8"))
    new = index(PLAIN._replace(pm10="99"), PLAIN._replace(id="9"))
    both = old.updated(new)
    assert both.reply(7, NOW) == csv_reply(PLAIN._replace(pm10="99"))
    assert both.reply(8, NOW) == csv_reply(PLAIN._replace(id="8"))
    assert both.reply(9, NOW) is None
    assert old.reply(7, NOW) == csv_reply(PLAIN)
    assert both.version == old.version


@pytest.mark.parametrize(
    ("records", "age", "replaced"),
    [
        (100, 0, True),
        (50, 0, True),
        (49, 0, False),
        (49, 86_399, False),
        (49, 86_400, True),
        (1, 86_400, True),
        (0, 0, False),
        (0, 86_400 * 365, False),
    ],
)
def test_an_odd_snapshot_replaces_only_data_that_is_a_day_old_and_an_empty_one_none(
    records: int, age: int, replaced: bool
) -> None:
    new = VERSION._replace(records=records, snapshot_time=VERSION.snapshot_time + 3600)
    assert replaces(new, index(PLAIN), VERSION.newest + age) is replaced


@given(st.integers(0, 3))
def test_where_nothing_is_any_snapshot_but_an_empty_one_is_taken(records: int) -> None:
    assert replaces(VERSION._replace(records=records), None, NOW) is (records > 0)
