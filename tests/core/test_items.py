"""Items: their attributes, and which of two the table keeps."""

import pytest

from aqi_service.core.items import ATTRIBUTES, COLUMNS, TIMES, Item, Verdict, is_expired, judge
from tests.doubles.storage_items import FULL

BESIDE = ("snapshot_at", "expires_at")


def changed(item: Item, field: str, value: object) -> Item:
    """Return the item with another value in one field."""
    return Item(**(item._asdict() | {field: value}))


def test_every_field_has_its_attribute_in_order_and_of_the_type_that_the_table_gives_it() -> None:
    assert [attribute.field for attribute in ATTRIBUTES] == list(Item._fields)
    assert " ".join(attribute.name + ":" + attribute.kind for attribute in ATTRIBUTES) == (
        "id:S latitude:N longitude:N altitude:N country:S timestamp:S date:S P2.5:N P10:N AQI:N AQI_range:S "
        "sensor_id:N sensor_type:S indoor:N measured_at:N snapshot_at:N scale:S AQI_pollutant:S expires_at:N "
        "hours_p25:N hours_p10:N"
    )
    assert [column.name for column in COLUMNS][-1] == "AQI_range"
    assert {field for field, value in FULL._asdict().items() if isinstance(value, int)} == TIMES


def test_an_item_that_the_table_does_not_have_is_stored() -> None:
    assert judge(FULL, None) is Verdict.STORE


def test_an_equal_item_is_unchanged() -> None:
    assert judge(FULL, Item(*FULL)) is Verdict.UNCHANGED


@pytest.mark.parametrize("field", BESIDE)
@pytest.mark.parametrize("shift", [-1, 1])
def test_the_time_of_the_snapshot_and_of_expiry_do_not_count_when_items_are_compared(
    field: str, shift: int
) -> None:
    assert judge(FULL, changed(FULL, field, getattr(FULL, field) + shift)) is Verdict.UNCHANGED
    assert judge(FULL, changed(FULL, field, None)) is Verdict.UNCHANGED


@pytest.mark.parametrize("field", [f for f in Item._fields if f not in (*BESIDE, "id", "measured_at")])
def test_an_item_that_differs_in_any_other_field_alone_is_stored(field: str) -> None:
    full = FULL._replace(hours_p25="24", hours_p10="23")
    assert judge(full, changed(full, field, "other")) is Verdict.STORE
    assert judge(full, changed(full, field, None)) is Verdict.STORE
    assert judge(changed(full, field, None), full) is Verdict.STORE


@pytest.mark.parametrize(
    ("measured", "taken", "verdict"),
    [
        (1, -1000, Verdict.STORE),
        (-1, 1000, Verdict.SUPERSEDED),
        (0, 1, Verdict.STORE),
        (0, 0, Verdict.STORE),
        (0, -1, Verdict.SUPERSEDED),
    ],
)
def test_the_newer_wins_by_its_time_then_by_its_snapshots_and_at_a_tie_the_one_loaded_later(
    measured: int, taken: int, verdict: Verdict
) -> None:
    new = FULL._replace(aqi="4", measured_at=1_703_091_600 + measured, snapshot_at=1_703_098_500 + taken)
    assert judge(new, FULL) is verdict


def test_an_item_without_times_is_older_than_one_with_them() -> None:
    bare = Item(FULL.id, pm25="0.9")
    assert judge(FULL, bare) is Verdict.STORE
    assert judge(bare, FULL) is Verdict.SUPERSEDED
    assert judge(Item(FULL.id, pm25="1"), bare) is Verdict.STORE
    nobody_knows_when = FULL._replace(snapshot_at=None, aqi="4")
    assert judge(FULL, nobody_knows_when) is Verdict.STORE
    assert judge(nobody_knows_when, FULL) is Verdict.SUPERSEDED


def test_an_item_counts_as_absent_from_its_expiry_on() -> None:
    at = 1_705_683_600
    assert [is_expired(FULL, now) for now in (0, at - 0.5, at, at + 1)] == [False, False, True, True]
    assert not is_expired(FULL._replace(expires_at=None), 10**12)
