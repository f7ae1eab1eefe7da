"""The set of ids, as large as a load makes it."""

import gc
import sys
from random import Random

import pytest

from aqi_service.core.idset import IdSet


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


@pytest.mark.parametrize("spread", [1 << 63, 300_000 * 16, 300_000 * 256])
def test_300_000_ids_take_at_most_13_bytes_each_however_they_are_scattered(spread: int) -> None:
    chance, ids = Random(1), IdSet()  # noqa: S311 - must be replayable
    for _ in range(300_000):
        ids.add(chance.randrange(spread))
    assert size_of(ids) < len(ids) * 13
