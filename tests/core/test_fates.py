"""Which fate is counted, and when it is the table that refuses rather than an item that is at fault."""

from collections.abc import Mapping

import pytest

from aqi_service.core.fates import FateCounter, refusal_of_all, refusal_of_load


@pytest.mark.parametrize(
    ("refused", "asked", "words"),
    [
        ({}, 0, None),
        ({}, 2, None),
        ({"1": "a"}, 1, None),
        ({"1": "a"}, 2, None),
        ({"1": "a", "2": "a"}, 2, "a"),
        ({"1": "a", "2": "a"}, 3, None),
        ({"1": "a", "2": "b"}, 2, None),
    ],
)
def test_a_table_refuses_that_refuses_several_items_all_of_them_in_the_same_words(
    refused: Mapping[str, str], asked: int, words: str | None
) -> None:
    assert refusal_of_all(refused, asked) == words


@pytest.mark.parametrize(
    ("refused", "words"),
    [({}, None), ({"1": "a"}, "a"), ({"1": "a", "2": "a"}, "a"), ({"1": "a", "2": "b"}, None)],
)
def test_a_table_refuses_that_takes_nothing_of_a_load_and_refuses_one_item_or_more_in_the_same_words(
    refused: Mapping[str, str], words: str | None
) -> None:
    assert refusal_of_load(refused) == words


@pytest.mark.parametrize(
    ("refused", "taken", "words"),
    [(10, 9, "a"), (10, 10, None), (9, 1, None), (3000, 565, "a"), (0, 5, None)],
)
def test_a_table_refuses_that_refuses_many_items_in_the_same_words_and_more_than_it_takes(
    refused: int, taken: int, words: str | None
) -> None:
    assert refusal_of_load({str(number): "a" for number in range(refused)}, taken) == words


def test_what_was_refused_is_pending_again_where_it_was_the_table_that_refused() -> None:
    counter = FateCounter()
    counter.counts.announced = 2
    counter.refuse({"1": "a", "2": "a"})
    assert counter.counts.pending == 0
    counter.take_back_refused()
    assert (counter.counts.pending, counter.counts.refused) == (2, {})
