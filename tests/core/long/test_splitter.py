"""The splitter on whole captures and at every cut."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aqi_service.core.parse.splitter import WINDOW
from tests.doubles.documents import (
    BOM,
    GENERATED,
    QUICK,
    REFUSED,
    WHOLE,
    WINDOWS,
    Outcome,
    cut_at,
    joined,
    pieces,
    real_capture,
    reasons,
    split,
)
from tests.doubles.written_json import WRITTEN, by_json

BLANKS = st.text(" \t\r\n", max_size=3).map(str.encode)


ELEMENTS = WRITTEN | st.sampled_from(sorted(REFUSED.values()))


@QUICK
@given(
    st.lists(ELEMENTS, max_size=8),
    st.lists(BLANKS, max_size=3),
    st.tuples(
        st.sampled_from([b"[", BOM + b"[", b" \n[", BOM + b"\r\n ["]),
        st.sampled_from([b"", b"\n", b" \t\r\n"]),
    ),
    st.lists(st.integers(0, 2000), max_size=5),
    st.sampled_from(WINDOWS),
)
def test_a_document_gives_the_same_elements_whole_byte_by_byte_and_at_random_cuts(
    texts: list[bytes], blanks: list[bytes], around: tuple[bytes, bytes], cuts: list[int], window: int
) -> None:
    document, expected = joined(texts, blanks, around[0])
    document += around[1]
    window = max(window, 3) if document.startswith(BOM) else window
    wanted = Outcome(expected, WHOLE)
    assert split([document], window) == wanted
    assert split(pieces(document, 1), window) == wanted
    assert split(cut_at(document, cuts), window) == wanted


@QUICK
@given(
    st.binary(max_size=60)
    | st.text('[]{},:"\\ \n1aé', max_size=60).map(lambda text: ("[" + text).encode())
    | st.builds(
        lambda texts, at, junk: (d := joined(texts, [])[0])[: at % len(d)] + junk + d[at % len(d) :],
        st.lists(WRITTEN, max_size=4),
        st.integers(0, 2000),
        st.sampled_from([b"", b",", b"]", b"{", b'"', b"\\", b"\xff"]),
    ),
    st.lists(st.integers(0, 2000), max_size=4),
    st.sampled_from(WINDOWS),
)
@example(b"[{},,{}]", [], 1)
def test_arbitrary_bytes_end_alike_however_they_are_fed_and_raise_nothing_but_the_two_errors(
    document: bytes, cuts: list[int], window: int
) -> None:
    wanted = split([document])
    window = max(window, 3) if document.startswith(BOM) else window
    assert split([document], window) == wanted
    assert split(pieces(document, 1), window) == wanted
    assert split(cut_at(document, cuts), window) == wanted


@pytest.mark.parametrize("size", [997, WINDOW])
def test_the_real_capture_splits_as_the_standard_library_decodes_it(size: int) -> None:
    document = real_capture()
    outcome = split(pieces(document, size))
    assert len(outcome.elements) == 6_874
    assert outcome == Outcome(by_json(document), WHOLE)


@pytest.mark.parametrize("window", [512, 4096, WINDOW])
@pytest.mark.parametrize("size", [1, 4096])
def test_the_generated_file_splits_as_the_standard_library_decodes_it(size: int, window: int) -> None:
    outcome = split(pieces(GENERATED, size), window)
    assert len(outcome.elements) == 103
    assert outcome == Outcome(by_json(GENERATED), WHOLE)


def test_strings_with_brackets_quotes_and_backslashes_hold_together_at_every_cut() -> None:
    texts = [
        rb'{"a":"}],[{\"","b\\":"\\\\","c":["\"","\u005c",{"d":"\\\"]"}]}',
        b'{"\xe2\x82\xac":"\xf0\x9f\x98\x80"}',
        rb'"\\"',
    ]
    document, elements = joined(texts * 2, [b"\n "])
    assert reasons(Outcome(elements, WHOLE)) == [None] * 6
    for cut in range(len(document)):
        for window in (1, 8, 64, WINDOW):
            assert split([document[:cut], document[cut:]], window) == Outcome(elements, WHOLE)
