"""A document's bytes into numbered items, from its start or from any mark."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.items import Item
from aqi_service.core.measurements import Rules
from aqi_service.core.scales import DAQI
from aqi_service.errors import CutShort
from aqi_service.intake import Intake, Portion
from tests.core.helpers import QUICK, document_of, record
from tests.load_helpers import NOW

RULES = Rules(DAQI, int(NOW))


def read(body: bytes, chunk: int, mark: Any = None) -> tuple[list[Portion], Intake]:
    """Read a document in chunks of one size, from a mark or its start."""
    intake = Intake(RULES, mark)
    portions: list[Portion] = []
    start = mark.offset if mark else 0
    for at in range(start, len(body), chunk):
        portions += intake.feed(body[at : at + chunk])
    return [*portions, *intake.close()], intake


def items(portions: list[Portion]) -> list[Item]:
    return [item for portion in portions for item in portion.items]


RECORDS = st.one_of(
    st.integers(1, 6).map(lambda i: record(i, p1="12.5", p2="7.5")),
    st.integers(1, 6).map(lambda i: record(i, p1="12.5")),
    st.integers(1, 6).map(lambda i: record(i, p2="7.5")),
    st.just(record(7)),
    st.just(record("x", p1="1")),
)
DOCUMENTS = st.lists(RECORDS, max_size=400).map(lambda records: document_of(*records))


@QUICK
@given(DOCUMENTS, st.integers(20_000, 200_000), st.integers(20_000, 200_000), st.data())
def test_from_any_mark_the_document_gives_the_same_items_under_the_same_numbers(
    body: bytes, chunk: int, again: int, data: st.DataObject
) -> None:
    portions, _ = read(body, chunk)
    everything = items(portions)
    if portions:
        mark = data.draw(st.sampled_from(portions)).mark
        from_there, _ = read(body, again, mark)
        assert items(from_there) == everything[mark.number :]


@QUICK
@given(DOCUMENTS, st.integers(20_000, 200_000))
def test_items_are_numbered_without_gaps_and_marks_never_go_back(body: bytes, chunk: int) -> None:
    portions, intake = read(body, chunk)
    number = 0
    for portion in portions:
        assert portion.mark.number == number
        number += len(portion.items)
    assert all(one.mark.offset <= two.mark.offset for one, two in pairwise(portions))
    rejected = sum(len(portion.rejections) for portion in portions)
    found = intake.findings
    assert found.records == number + rejected + found.merged + found.without_pm


def test_a_mark_in_front_of_a_held_half_goes_back_to_that_half() -> None:
    halves = [record(1, p1="12.5"), record(1, p2="7.5")]
    filler = [record(2) for _ in range(600)]  # batches without an item part the two halves
    body = document_of(halves[0], *filler, halves[1], *filler)
    portions, _ = read(body, 30_000)
    late = next(portion for portion in portions if portion.items)
    assert late.mark.offset == 1
    again, _ = read(body, 30_000, late.mark)
    assert items(again) == late.items


def test_what_is_cut_raises_and_the_held_half_can_still_be_had() -> None:
    intake = Intake(RULES)
    assert list(intake.feed(document_of(record(1, p1="12.5"))[:-1])) == []
    with pytest.raises(CutShort):
        list(intake.close())
    assert [item.id for portion in intake.leave() for item in portion.items] == ["1"]
