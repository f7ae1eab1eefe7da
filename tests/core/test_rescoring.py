"""How indices change when a table is scored anew: counted by what they were and are."""

import pytest

from aqi_service.core.items import Item
from aqi_service.core.rescoring import COMMONEST, IndexChanges

OLD = Item("1", timestamp="2023-12-20 18:00:00", measured_at=1_703_095_200, aqi="2")


def changes(*pairs: tuple[str | None, str | None]) -> IndexChanges:
    found = IndexChanges()
    for old, new in pairs:
        found.note(OLD._replace(aqi=new), OLD._replace(aqi=old))
    return found


def test_changes_are_counted_up_and_down_and_the_commonest_come_first() -> None:
    found = changes(("2", "3"), ("3", "2"), ("9", "10"), ("9", "10"), ("2", "3"), ("2", "3"), ("4", "4"))
    assert found.as_json() == {
        "changed": 6, "up": 5, "down": 1, "commonest": {"2 → 3": 3, "9 → 10": 2, "3 → 2": 1},
    }  # fmt: skip
    assert list(found.commonest) == ["2 → 3", "9 → 10", "3 → 2"]


def test_of_many_kinds_the_ten_commonest_are_told_and_all_are_counted() -> None:
    found = changes(*((str(old), "500") for old in range(12) for _ in range(old + 1)))
    assert len(found.commonest) == COMMONEST == 10
    assert list(found.commonest)[:2] == ["11 → 500", "10 → 500"]
    assert found.total == sum(range(1, 13))


def test_of_equally_common_ones_the_lower_index_is_told_first_as_a_number() -> None:
    assert list(changes(("10", "9"), ("9", "10"), ("9", "8")).commonest) == ["9 → 8", "9 → 10", "10 → 9"]


@pytest.mark.parametrize(
    "old",
    [
        None,
        OLD._replace(measured_at=1_703_095_199),
        OLD._replace(measured_at=None, timestamp="2023-12-20 17:00:00"),
        OLD._replace(aqi=None),
        OLD._replace(aqi="high"),
        OLD._replace(aqi="5.0"),
    ],
)
def test_what_is_new_or_another_measurement_or_the_same_number_is_no_change(old: Item | None) -> None:
    found = IndexChanges()
    found.note(OLD._replace(aqi="5"), old)
    assert found.total == 0


def test_what_something_else_wrote_is_the_same_measurement_by_its_timestamp() -> None:
    found = IndexChanges()
    found.note(OLD._replace(aqi="5"), OLD._replace(measured_at=None))
    assert found.commonest == {"2 → 5": 1}


def test_those_of_several_loads_add_up() -> None:
    found = changes(("2", "3"))
    found.update(changes(("2", "3"), ("3", "1")))
    assert found.commonest == {"2 → 3": 2, "3 → 1": 1}


def test_a_person_is_told_in_one_sentence() -> None:
    found = changes(*[("2", "3")] * 1204, ("3", "1"))
    assert (
        found.sentence(dry_run=False) == "1,205 indices changed, 1,204 up and 1 down; 2 → 3: 1,204, 3 → 1: 1"
    )
    assert changes().sentence(dry_run=True) == "0 indices would change, 0 up and 0 down"
