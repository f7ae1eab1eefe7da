"""Many inputs into one target, and what came of them.

One rule: an input that fails is told with what it takes to feed it again.
"""

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import NamedTuple

import hypothesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from tests.profiles import CI
from trials.fuzz.cost import SIZE, afford
from trials.fuzz.mutations import mutated, stretched
from trials.fuzz.targets import Target

MOST_FAILURES = 3
"""Failures after which a target is fed no more."""


class Failure(NamedTuple):
    """An input that brought out what it must not: `again` are the options that feed it once more."""

    data: bytes
    error: str
    again: str


@dataclass
class Outcome:
    """What came of one target's inputs.

    Attributes:
        refused: inputs that one of the target's own errors came of.
        measured: inputs whose cost was measured, stretched to SIZE.
        dearest: the most CPU time of these, in that of a plain input.
        slowest: the most CPU seconds that an input took to be fed and judged.
    """

    name: str
    inputs: int = 0
    refused: int = 0
    measured: int = 0
    dearest: float = 0.0
    slowest: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def line(self) -> str:
        """Write what was seen in one line."""
        return (
            f"{self.name:<11} inputs={self.inputs} refused={self.refused} failures={len(self.failures)}"
            f" slowest={self.slowest * 1000:.0f}ms measured={self.measured} dearest={self.dearest:.2f}"
        )


def input_of(target: Target, seed: str, number: int) -> bytes:
    """Give the input of a number: the seeds themselves, then what becomes of them."""
    if number < len(target.seeds):
        return target.seeds[number]
    return mutated(target.seeds, f"{seed}/{number}")


def fed(target: Target, data: bytes) -> bool:
    """Feed and judge one input; tell whether it was taken. Raises what must not come out."""
    try:
        target.run(data)
    except target.errors:
        return False
    return True


def campaign(
    outcome: Outcome,
    target: Target,
    seed: str,
    numbers: Iterable[int],
    *,
    every: int = 0,
    patience: float = 0,
) -> Outcome:
    """Feed the inputs of some numbers, measure one of every so many, give one up after so many seconds."""
    for number in numbers:
        data, again = input_of(target, seed, number), f"--only {outcome.name} --number {number}"
        begun = time.thread_time()
        _try(outcome, data, again, partial(_feed, outcome, target), patience)
        outcome.slowest = max(outcome.slowest, time.thread_time() - begun)
        if every and number % every == 0:
            long = stretched(target.seeds, f"{seed}/{number}/cost", SIZE)
            _try(outcome, long, again + " --cost", partial(_measure, outcome, target), patience)
        if len(outcome.failures) >= MOST_FAILURES:
            break
    return outcome


def examples(
    outcome: Outcome, target: Target, strategy: SearchStrategy[bytes], seed: int, number: int
) -> Outcome:
    """Feed what hypothesis makes; a failure is the smallest input that it finds."""
    last = b""

    @hypothesis.seed(seed)
    @settings(CI, max_examples=number, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def each(data: bytes) -> None:
        nonlocal last
        last = data
        _feed(outcome, target, data)

    try:
        each()
    except Exception as error:  # whatever comes out is what is looked for
        outcome.failures.append(Failure(last, repr(error), f"--only {outcome.name}"))
    return outcome


def _feed(outcome: Outcome, target: Target, data: bytes) -> None:
    outcome.refused += not fed(target, data)
    outcome.inputs += 1


def _measure(outcome: Outcome, target: Target, data: bytes) -> None:
    outcome.measured += 1
    outcome.dearest = max(outcome.dearest, afford(target, data))


def _try(outcome: Outcome, data: bytes, again: str, work: Callable[[bytes], None], patience: float) -> None:
    """Do some work; whatever comes out of it is a failure."""
    if patience:
        signal.signal(signal.SIGALRM, _too_long)
        signal.setitimer(signal.ITIMER_REAL, patience)
    try:
        work(data)
    except Exception as error:  # whatever comes out is what is looked for
        outcome.failures.append(Failure(data, repr(error), again))
    finally:
        if patience:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError("an input does not come to its end")
