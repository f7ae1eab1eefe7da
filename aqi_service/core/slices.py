"""Work in slices: a generator gives None after each, and returns the result.

One rule: a slice takes about a millisecond, so that the caller can let others have their turn.
"""

from collections.abc import Generator, Sequence
from decimal import Decimal
from heapq import merge
from itertools import islice
from typing import TypeVar

SLICE = 1_000
"""Sensors that a search reads in one slice."""

BUILD_SLICE = 250
"""Records, or sensors, that are taken in one slice when something is built from them."""

Result = TypeVar("Result")
Slices = Generator[None, None, Result]


def in_order(values: Sequence[Decimal]) -> Slices[list[Decimal]]:
    """Sort numbers: slice by slice, then merged."""
    runs = list[list[Decimal]]()
    for start in range(0, len(values), SLICE):
        runs.append(sorted(values[start : start + SLICE]))
        yield
    merged, found = merge(*runs), list[Decimal]()
    while some := list(islice(merged, SLICE)):
        found += some
        yield
    return found


def run_through(slices: Slices[Result]) -> Result:
    """Do all of the work without a pause, and return its result."""
    while True:
        try:
            next(slices)
        except StopIteration as done:
            result: Result = done.value
            return result
