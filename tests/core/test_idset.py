"""The set of ids: exact like a set, and small for ids in sequence."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aqi_service.core.idset import IdSet
from tests.doubles.documents import QUICK

NUMBERS = st.integers(0, 20) | st.sampled_from([255, 256, 257, 511, 512, 2**63 - 1]) | st.integers(0, 2**64)


NEAR = st.builds(lambda page, place: page * 256 + place, st.integers(0, 9), st.integers(0, 9))
"""Few pages with few ids each, so that pages begin and blocks are split."""


@QUICK
@given(st.lists(st.tuples(st.booleans(), NUMBERS | NEAR), max_size=60), st.lists(NUMBERS))
def test_it_holds_what_a_set_would_hold_after_any_adding_and_discarding(
    steps: list[tuple[bool, int]], others: list[int]
) -> None:
    holds_the_same(IdSet(), steps, others)
    holds_the_same(IdSet(2, 4), steps, others)


@QUICK
@given(st.lists(NUMBERS | NEAR, max_size=60), st.lists(NUMBERS | NEAR, max_size=60))
def test_many_that_are_added_together_are_as_many_added_one_by_one(some: list[int], more: list[int]) -> None:
    ids = IdSet(2, 4)
    ids.add_all(some)
    ids.add_all(more)
    assert len(ids) == len({*some, *more})
    assert all(number in ids for number in [*some, *more])


@QUICK
@given(st.sets(NUMBERS | NEAR), st.lists(NUMBERS | NEAR, max_size=20))
def test_it_is_disjoint_from_numbers_of_which_it_holds_none(some: set[int], others: list[int]) -> None:
    for ids in (IdSet(), IdSet(2, 4)):
        ids.add_all(some)
        assert ids.isdisjoint(others) == some.isdisjoint(others)
        assert ids.isdisjoint([number for number in others if number not in some])


def holds_the_same(ids: IdSet, steps: list[tuple[bool, int]], others: list[int]) -> None:
    """Do the same to it and to a set, and compare."""
    expected = set[int]()
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


def test_taking_one_of_two_neighbours_out_leaves_the_other() -> None:
    ids = IdSet()
    for number in (256, 257):
        ids.add(number)
    assert ids.discard(256)
    assert (256 in ids, 257 in ids, len(ids)) == (False, True, 1)
    assert ids.discard(257)
    assert (257 in ids, len(ids)) == (False, 0)


def test_an_empty_set_holds_nothing() -> None:
    ids = IdSet()
    assert len(ids) == 0
    assert 0 not in ids
    assert not ids.discard(0)


@QUICK
@given(st.sets(NUMBERS | NEAR), st.sets(NUMBERS | NEAR), st.integers(1, 4), st.integers(1, 4))
def test_with_another_set_it_holds_what_either_holds(
    first: set[int], second: set[int], loose: int, others_loose: int
) -> None:
    ids, others = IdSet(loose, 4), IdSet(others_loose, 4)
    for number in first:
        ids.add(number)
    for number in second:
        others.add(number)
    ids.update(others)
    assert len(ids) == len(first | second)
    assert all((number in ids) == (number in first | second) for number in range(21))
    assert all(number in ids for number in first | second)
    assert len(others) == len(second)


def test_it_is_exact_beyond_the_size_of_a_page_and_of_a_block() -> None:
    chance = Random(0)  # noqa: S311 - must be replayable
    scattered = [chance.getrandbits(63) for _ in range(5_000)]
    crowded = [chance.randrange(2**16) for _ in range(5_000)]
    holds_the_same(IdSet(), [(chance.random() < 0.7, each) for each in (scattered + crowded) * 2], [])
