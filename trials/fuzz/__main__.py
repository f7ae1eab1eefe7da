"""`python -m trials.fuzz`: a line for each target; exit 1 if anything came out that must not."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from trials.fuzz import memory_wire
from trials.fuzz.campaign import Outcome, campaign, examples
from trials.fuzz.strategies import STRATEGIES
from trials.fuzz.targets import TARGETS, Target

SHARE = 50
"""Of so many inputs hypothesis makes one."""

EVERY = 2_000
"""Of so many inputs the cost of one is measured."""

PATIENCE = 120.0
"""Seconds after which an input counts as one that does not end."""

SHOWN = 300
"""Characters of a failing input that are printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Feed all targets."""
    asked = _asked(arguments)
    chosen = {name: TARGETS[name] for name in asked.only or TARGETS}
    try:
        failed = False
        for name, target in chosen.items():
            outcome = Outcome(name)
            if asked.file is not None:
                _file(outcome, target, asked.file)
            else:
                _feed(outcome, target, asked, len(chosen))
            print(outcome.line(), flush=True)
            _tell(outcome, asked)
            failed |= bool(outcome.failures)
    finally:
        memory_wire.close()
    return int(failed)


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trials.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the inputs")
    parser.add_argument("--inputs", type=int, default=2_000_000, help="of all targets together")
    parser.add_argument("--minutes", type=float, default=0.0, help="instead: so long, all targets together")
    parser.add_argument("--only", action="append", choices=list(TARGETS), help="this target")
    parser.add_argument("--number", type=int, help="only the input of this number")
    parser.add_argument("--file", type=Path, help="only what is in this file")
    parser.add_argument("--cost", action="store_true", help="measure its cost as well")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for failing inputs")
    return parser.parse_args(arguments)


def _feed(outcome: Outcome, target: Target, asked: argparse.Namespace, targets: int) -> None:
    """Feed one target its share."""
    seed = f"{asked.seed}/{outcome.name}"
    if asked.number is not None:
        campaign(outcome, target, seed, [asked.number], every=int(asked.cost), patience=PATIENCE)
        return
    share = asked.inputs // targets
    numbers: Iterator[int] | range = range(share - share // SHARE)
    if asked.minutes:
        numbers = _until(time.monotonic() + asked.minutes * 60 / targets)
    campaign(outcome, target, seed, numbers, every=EVERY, patience=PATIENCE)
    if not outcome.failures:
        made = outcome.inputs // SHARE if asked.minutes else share // SHARE
        examples(outcome, target, STRATEGIES[outcome.name], asked.seed, max(1, made))


def _until(end: float) -> Iterator[int]:
    number = 0
    while time.monotonic() < end:
        yield number
        number += 1


def _file(outcome: Outcome, target: Target, file: Path) -> None:
    """Feed what is in a file, as the only seed."""
    alone = Target((file.read_bytes(),), target.run, target.alone, target.errors, target.plain, target.memory)
    campaign(outcome, alone, "", [0], patience=PATIENCE)


def _tell(outcome: Outcome, asked: argparse.Namespace) -> None:
    """Print each failing input, cut, and keep it in a file."""
    for number, failure in enumerate(outcome.failures):
        shown = repr(failure.data)
        print(f"  {failure.error[:SHOWN]}\n  {shown[:SHOWN]}{'...' if len(shown) > SHOWN else ''}")
        file = asked.out / f"fuzz-{outcome.name}-{asked.seed}-{number}.bin"
        file.write_bytes(failure.data)
        print(f'  again: make fuzz ARGS="--seed {asked.seed} {failure.again}"')
        print(f'  kept:  make fuzz ARGS="--only {outcome.name} --file {file}"', flush=True)


if __name__ == "__main__":
    sys.exit(main())
