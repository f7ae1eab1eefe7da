"""Whatever the chunks, the same items and rejections, and one fate for every record."""

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.parse.record_item import Rejection
from aqi_service.core.parse.splitter import WINDOW
from tests.doubles.documents import (
    QUICK,
    assemble,
    document_of,
    record,
)
from tests.doubles.halves import BOTH, EMPTY, OTHER, P1, P2

RECORDS = st.sampled_from([P1, P2, BOTH, EMPTY, OTHER, 17, record(5, "x"), record(None, "1"), b'{"a":}'])


@QUICK
@given(st.lists(RECORDS, max_size=12), st.integers(1, 700), st.sampled_from([1, 100, 500, WINDOW]))
def test_what_comes_of_a_document_does_not_depend_on_chunks_and_every_record_has_one_fate(
    records: list[object], size: int, window: int
) -> None:
    document = document_of(*records)
    out, counts = assemble(document)
    assert assemble(document, size=size, window=window)[0] == out
    assert counts.records == len(records) == len(out) + counts.merged + counts.without_pm
    assert counts.rejected == sum(counts.reasons.values()) == sum(isinstance(o, Rejection) for o in out)
    for one in out:
        if isinstance(one, Rejection):
            assert document[one.offset : one.offset + len(one.text)] == one.text
