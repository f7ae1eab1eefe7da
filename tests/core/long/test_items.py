"""Of any two items one wins."""

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.items import Item, Verdict, judge
from tests.doubles.documents import QUICK
from tests.doubles.storage_items import FULL

AGES = st.builds(
    lambda measured, taken, aqi: FULL._replace(measured_at=measured, snapshot_at=taken, aqi=aqi),
    st.none() | st.integers(0, 2),
    st.none() | st.integers(0, 2),
    st.sampled_from("12"),
)


@QUICK
@given(AGES, AGES)
def test_of_two_different_items_one_wins_and_the_order_of_loading_matters_only_at_a_tie(
    one: Item, two: Item
) -> None:
    verdicts = {judge(one, two), judge(two, one)}
    if one._replace(snapshot_at=0) == two._replace(snapshot_at=0):
        assert verdicts == {Verdict.UNCHANGED}
    elif (one.measured_at, one.snapshot_at) == (two.measured_at, two.snapshot_at):
        assert verdicts == {Verdict.STORE}
    else:
        assert verdicts == {Verdict.STORE, Verdict.SUPERSEDED}
