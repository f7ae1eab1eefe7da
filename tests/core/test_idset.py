"""The set of ids: exact like a set, and small for ids in sequence."""

import gc
import sys

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.idset import IdSet
from tests.core.helpers import QUICK

NUMBERS = st.integers(0, 20) | st.sampled_from([255, 256, 257, 511, 512, 2**63 - 1]) | st.integers(0, 2**64)


@QUICK
@given(st.lists(st.tuples(st.booleans(), NUMBERS), max_size=60), st.lists(NUMBERS))
def test_it_holds_what_a_set_would_hold_after_any_adding_and_discarding(
    steps: list[tuple[bool, int]], others: list[int]
) -> None:
    ids, expected = IdSet(), set[int]()
    for adding, number in steps:
        if adding:
            ids.add(number)
            expected.add(number)
        else:
            assert ids.discard(number) == (number in expected)
            expected.discard(number)
        assert len(ids) == len(expected)
    for number in [*others, *(number for _, number in steps)]:
        assert (number in ids) == (number in expected)


def test_an_empty_set_holds_nothing() -> None:
    ids = IdSet()
    assert len(ids) == 0
    assert 0 not in ids
    assert not ids.discard(0)


def size_of(thing: object) -> int:
    """Count the bytes of all objects that one leads to."""
    seen, todo = dict[int, int](), [thing]
    while todo:
        one = todo.pop()
        if id(one) not in seen and not isinstance(one, type):
            seen[id(one)] = sys.getsizeof(one)
            todo += gc.get_referents(one)
    return sum(seen.values())


def test_600_000_ids_in_sequence_take_less_than_a_byte_each_and_next_to_nothing_once_discarded() -> None:
    first, ids = 28_600_000_000, IdSet()
    for number in range(first, first + 600_000):
        ids.add(number)
    assert len(ids) == 600_000
    assert 600_000 / 8 < size_of(ids) < 600_000
    for number in range(first, first + 600_000):
        ids.discard(number)
    assert len(ids) == 0
    assert size_of(ids) < 100_000
