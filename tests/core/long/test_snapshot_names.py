"""Any free name is free."""

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.snapshot_names import (
    first_free,
    parse_name,
)
from tests.doubles.documents import QUICK
from tests.doubles.snapshot_name import AT, NAME


@QUICK
@given(st.sets(st.integers(1, 9)), st.integers(1, 9))
def test_a_free_name_is_free_and_stands_for_the_same_minute(taken: set[int], suffix: int) -> None:
    def named(number: int) -> str:
        return NAME if number == 1 else f"data_20_12_23_18_55-{number}.json"

    names = {named(number) for number in taken}
    free = first_free(named(suffix), names)
    assert free not in names
    assert parse_name(free) == (free, AT)
