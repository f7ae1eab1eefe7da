"""The splitter under what is long or deep without end, and every fault at every cut."""

import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from aqi_service.core.parse.splitter import WINDOW, RecordSplitter, Unreadable
from aqi_service.errors import CutShort
from tests.doubles.documents import (
    REFUSED,
    WHOLE,
    Outcome,
    batches,
    every_way,
    joined,
    pieces,
    reasons,
    record,
    split,
)
from trials.fuzz.cost import LOOKS, seconds_of


def peak_of(chunks: Iterator[bytes]) -> tuple[list[tuple[int, object]], int]:
    """Return offset and value of each element, and how many bytes the splitter held at most."""
    found: list[tuple[int, object]] = []
    tracemalloc.start()
    try:
        for batch in batches(chunks):
            found += [(batch.locate(i)[0], value) for i, value in enumerate(batch.values)]
        return found, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def repeated(start: bytes, chunk: bytes, times: int, end: bytes) -> Iterator[bytes]:
    """Yield a long document without making it."""
    yield start
    for _ in range(times):
        yield chunk
    yield end


@pytest.mark.parametrize("kind", REFUSED)
def test_a_record_that_does_not_decode_costs_only_itself(kind: str) -> None:
    good = b'{"id":1,"text":"} ]"}'
    document, elements = joined([good, REFUSED[kind], good], [b" "])
    for outcome in every_way(document):
        assert outcome == Outcome(elements, WHOLE)
        assert reasons(outcome) == [None, "unreadable", None]


def test_bad_records_among_many_cost_only_themselves_where_records_are_taken_in_bulk() -> None:
    many = [json.dumps(record(number, "1", "2")).encode() for number in range(300)]
    texts = [text for bad in REFUSED.values() for text in (*many, bad)]
    document, elements = joined(texts, [])
    outcome = split(pieces(document, 16_384))
    assert len(document) > len(REFUSED) * WINDOW
    assert outcome == Outcome(elements, WHOLE)
    assert reasons(outcome) == [*[None] * 300, "unreadable"] * len(REFUSED)


@pytest.mark.parametrize(
    ("chunk", "times"),
    [(b"x" * 50_000, 1000), (b"{],[" * 12_500, 200), (rb"\"\\" * 12_500, 100)],
    ids=["50 MB", "10 MB of brackets", "5 MB of escapes"],
)
def test_one_endless_string_costs_only_its_record_and_takes_constant_memory(chunk: bytes, times: int) -> None:
    found, peak = peak_of(repeated(b'[{"a":1},{"b":"', chunk, times, b'"},{"c":1}]'))
    assert found == [(1, {"a": 1}), (9, Unreadable("too_long")), (18 + times * 50_000, {"c": 1})]
    assert peak < 1_000_000


@pytest.mark.parametrize("blank", [b" " * 50_000, b"\n\t" * 25_000])
def test_50_mb_of_blanks_between_two_records_are_passed_over_in_constant_memory(blank: bytes) -> None:
    found, peak = peak_of(repeated(b'[{"a":1},', blank, 1000, b'{"c":1}]'))
    assert found == [(1, {"a": 1}), (50_000_009, {"c": 1})]
    assert peak < 1_000_000


def test_a_hundred_thousand_nested_brackets_are_one_record_too_long_and_the_next_is_read() -> None:
    document, elements = joined([b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", b'{"c":1}'], [])
    outcome = split(pieces(document, 50_000))
    assert reasons(outcome) == ["too_long", None]
    assert (outcome.elements[0][0], outcome.elements[1], outcome.end) == (1, elements[1], WHOLE)


def test_a_million_opening_brackets_that_are_never_closed_are_cut_short_and_not_kept() -> None:
    splitter, held = RecordSplitter(), 0
    for chunk in pieces(b"[" * 1_000_001, 50_000):
        assert list(splitter.feed(chunk)) == []
        held = max(held, sum(map(sys.getsizeof, vars(splitter).values())))
    assert 50_000 < held < 300_000
    with pytest.raises(CutShort):
        list(splitter.close())


@pytest.mark.parametrize(
    "text",
    [
        lambda size: b"7" * size,
        lambda size: b"-1." + b"7" * size + b"x",
        lambda size: b'{"a":"' + rb"\"" * (size // 2) + b'\\\n"}',
        lambda size: b'{"a":' + b"1e99" * (size // 4) + b"}",
    ],
    ids=["digits", "a fraction", "escaped quotes before a raw newline", "exponents"],
)
def test_forty_long_records_that_no_decoder_takes_are_looked_at_once_each(
    text: Callable[[int], bytes],
) -> None:
    document, elements = joined([text(60_000)] * 40, [])
    outcome = split(pieces(document, WINDOW))
    assert outcome == Outcome(elements, WHOLE)
    assert set(reasons(outcome)) == {"unreadable"}
    # As many bytes: looked at again and again they are a 20th of the work.
    shorter, _ = joined([text(3_000)] * 800, [])
    assert any(slowness(document, shorter) < 5 for _ in range(LOOKS))


def slowness(document: bytes, other: bytes) -> float:
    """Compare the CPU time of splitting one document with that of another, measured beside it."""

    def work(each: bytes) -> None:
        split(pieces(each, WINDOW))

    long, short = (seconds_of(partial(work, each)) for each in (document, other))
    return long / short
