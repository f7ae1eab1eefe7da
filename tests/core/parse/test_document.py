"""A document's bytes into numbered items, from its start or from any position."""

from contextlib import nullcontext
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.items import Item
from aqi_service.core.parse.document import DocumentReader, ParsedBatch
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.scales import DAQI
from aqi_service.errors import AqiError, CutShort, SnapshotRejected
from tests.doubles.documents import QUICK, document_of, record
from tests.doubles.load_helpers import NOW

RULES = ScoringRules(DAQI, int(NOW))


def read(body: bytes, chunk: int, position: Any = None) -> tuple[list[ParsedBatch], DocumentReader]:
    """Read a document in chunks of one size, from a position or its start."""
    reader = DocumentReader(RULES, position)
    batches: list[ParsedBatch] = []
    start = position.offset if position else 0
    for at in range(start, len(body), chunk):
        batches += reader.feed(body[at : at + chunk])
    return [*batches, *reader.close()], reader


def items(batches: list[ParsedBatch]) -> list[Item]:
    return [item for batch in batches for item in batch.items]


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
    batches, _ = read(body, chunk)
    everything = items(batches)
    if batches:
        position = data.draw(st.sampled_from(batches)).position
        from_there, _ = read(body, again, position)
        assert items(from_there) == everything[position.number :]


@QUICK
@given(DOCUMENTS, st.integers(20_000, 200_000))
def test_items_are_numbered_without_gaps_and_marks_never_go_back(body: bytes, chunk: int) -> None:
    batches, reader = read(body, chunk)
    number = 0
    for batch in batches:
        assert batch.position.number == number
        number += len(batch.items)
    assert all(one.position.offset <= two.position.offset for one, two in pairwise(batches))
    rejected = sum(len(batch.rejections) for batch in batches)
    found = reader.counts
    assert found.records == number + rejected + found.merged + found.without_pm


def test_a_mark_in_front_of_a_held_half_goes_back_to_that_half() -> None:
    halves = [record(1, p1="12.5"), record(1, p2="7.5")]
    filler = [record(2) for _ in range(600)]  # batches without an item part the two halves
    body = document_of(halves[0], *filler, halves[1], *filler)
    batches, _ = read(body, 30_000)
    late = next(batch for batch in batches if batch.items)
    assert late.position.offset == 1
    again, _ = read(body, 30_000, late.position)
    assert items(again) == late.items


def begun(body: bytes) -> tuple[list[ParsedBatch], DocumentReader, AqiError | None]:
    """Read as far as it goes; give what came, and what it ended in."""
    reader = DocumentReader(RULES)
    batches: list[ParsedBatch] = []
    try:
        batches.extend(reader.feed(body))
        batches.extend(reader.close())
    except (CutShort, SnapshotRejected) as error:
        return batches, reader, error
    return batches, reader, None


def fates(batches: list[ParsedBatch], reader: DocumentReader) -> int:
    """Count what came of records, those that are pending included."""
    found = reader.counts
    decided = sum(len(batch.items) + len(batch.rejections) for batch in batches)
    return decided + found.merged + found.without_pm + found.pending_half


ENDS = {"cut": b"", "cut behind the comma": b",", "bad byte": b"\x00", "bad byte behind the comma": b",\x00"}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@QUICK
@given(body=st.lists(RECORDS, min_size=1, max_size=6))
def test_wherever_a_document_ends_too_early_it_gives_only_what_it_gives_whole(
    body: list[object], end: bytes
) -> None:
    whole = items(read(document_of(*body), 100_000)[0])
    for count in range(1, len(body) + 1):
        batches, reader, error = begun(document_of(*body[:count])[:-1] + end)
        assert error is not None
        assert items(batches) == whole[: len(items(batches))]
        assert fates(batches, reader) == reader.counts.records == count


def test_a_half_where_a_document_is_cut_is_pending_and_what_was_before_it_is_given() -> None:
    body = document_of(record(2, p1="1", p2="1"), record(1, p1="10"), record(7))
    batches, reader, error = begun(body[:-1])
    assert isinstance(error, CutShort)
    assert ([item.id for item in items(batches)], reader.counts.pending_half) == (["2"], 1)


@pytest.mark.parametrize("behind", [b"", b" ", b"\n" * 40_000])
def test_the_closing_bracket_decides_a_half_if_only_white_space_follows_to_the_end(behind: bytes) -> None:
    batches, reader, error = begun(document_of(record(1, p1="10")) + behind)
    assert error is None
    assert ([item.id for item in items(batches)], reader.counts.pending_half) == (["1"], 0)
    assert batches[-1].position.offset == 1


@pytest.mark.parametrize("behind", [b"]", b"{", b"\x00garbage", b"," * 40_000, b"\n" * 40_000 + b"{"])
def test_a_half_before_a_closing_bracket_that_is_none_is_pending_and_what_was_before_it_is_given(
    behind: bytes,
) -> None:
    body = document_of(record(2, p1="1", p2="1"), record(1, p1="10"))
    batches, reader, error = begun(body + behind)
    assert isinstance(error, SnapshotRejected)
    assert ([item.id for item in items(batches)], reader.counts.pending_half) == (["2"], 1)


def test_a_document_of_just_the_most_records_is_read_and_one_of_more_is_rejected() -> None:
    body = document_of(*(record(number) for number in range(2_000)))
    for most in (2_000, 1_999, 1_000, 1, 0):
        reader = DocumentReader(RULES, max_records=most)
        given: list[ParsedBatch] = []
        with pytest.raises(SnapshotRejected, match="--max-records") if most < 2_000 else nullcontext():
            given.extend(reader.feed(body))
            given.extend(reader.close())
        assert reader.counts.records <= most
        assert fates(given, reader) == reader.counts.records


def test_a_half_is_pending_where_its_other_half_may_be_in_what_is_over_the_most_records() -> None:
    filler = [record(2) for _ in range(600)]
    body = document_of(*filler, record(1, p1="10"), record(1, p2="5"))
    for most in range(550, 602):
        reader = DocumentReader(RULES, max_records=most)
        given: list[ParsedBatch] = []
        with pytest.raises(SnapshotRejected):
            given.extend(chain(reader.feed(body), reader.close()))
        assert items(given) == []
