"""What an input costs, beside the costliest input of its length that is as it should be.

One rule: a machine's speed is no matter: calls and bytes are counted, and of C code, which makes no calls,
the thread's own CPU time is compared with that of the other input, measured beside it.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import NamedTuple

from trials.fuzz.targets import Target

SIZE = 32 * 1024
"""Bytes of the inputs that are measured: half of the longest record, and what is quadratic shows."""

MORE_CALLS, SOME_CALLS = 2.0, 5_000
"""How many times the calls of the plain input, and how many besides."""

MORE_SECONDS = 5.0
"""How many times the CPU time of the plain input. The dearest that is as it should be takes 1.3 times that,
digits tried again from each of them took 12 times: both are far off, on any processor."""

LOOKS = 5
"""How often both are measured, from the second time on side by side, until an input counts as too slow: what
else the machine does makes one look wrong, not each."""


class Cost(NamedTuple):
    """Calls of Python and C functions, bytes held at most."""

    calls: int
    peak: int


def calls_of(work: Callable[[], None]) -> int:
    """Count the calls that some work makes."""
    count = 0

    def called(_frame: FrameType, event: str, _of: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def peak_of(work: Callable[[], None]) -> int:
    """Count the bytes that some work holds at most, beside what was there before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def seconds_of(work: Callable[[], None]) -> float:
    """Take the CPU time of some work: the least of three."""
    found = []
    for _ in range(3):
        begun = time.thread_time()
        work()
        found.append(time.thread_time() - begun)
    return min(found)


def cost_of(target: Target, data: bytes) -> Cost:
    """Measure one input."""

    def work() -> None:
        target.alone(data)

    return Cost(calls_of(work), peak_of(work))


@cache
def plain_cost(target: Target, size: int = SIZE) -> Cost:
    """Measure the costliest input that is as it should be."""
    return cost_of(target, target.plain(size))


@cache
def plain_seconds(target: Target) -> float:
    """Take the CPU time of that input."""
    plain = target.plain(SIZE)
    return seconds_of(lambda: target.alone(plain))


def slowness(target: Target, data: bytes) -> float:
    """Compare the CPU time of an input with that of the plain one; the least of some looks."""
    least = float("inf")
    for _ in range(LOOKS):
        least = min(least, seconds_of(lambda: target.alone(data)) / plain_seconds(target))
        if least <= MORE_SECONDS:
            return least
        plain_seconds.cache_clear()
    raise AssertionError(f"takes {least:.0f} times the CPU of a plain input of {SIZE} bytes")


def afford(target: Target, data: bytes) -> float:
    """Raise AssertionError if an input of at most SIZE bytes costs too much; else tell its slowness."""
    plain, cost = plain_cost(target), cost_of(target, data)
    assert cost.calls <= MORE_CALLS * plain.calls + SOME_CALLS, f"{cost.calls} calls, plain {plain.calls}"
    assert cost.peak <= target.memory, f"holds {cost.peak} bytes, at most {target.memory}"
    return slowness(target, data)
