"""The set of ids, as large as a load makes it."""

import gc
import sys

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
