"""Lookups by id beside those of another checkout of this program: did a change cost them anything?

One rule: both daemons are there at the same time, on one core, and are asked in turns; it is the processor
time of each that counts.

    git worktree add ../before COMMIT
    python -m bench.beside ../before [ROUNDS]
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.figure_06_lookups_from_memory import SHAPES, Shape, turn
from bench.lib.cores import pin_to_first_core
from bench.lib.feed import RECORD_BYTES
from bench.lib.figures import Figure, Goal, Side, in_turns, table
from bench.lib.processes import ROOT
from bench.lib.run import Run
from bench.lib.servers import Server, daemon

ROUNDS = 15
AT_MOST = Goal(1.03, at_most=True)
"""Lookups may not be slower by more."""


def microseconds(server: Server, shape: Shape, seconds: float) -> float:
    """Return the processor time of one lookup."""
    return 1e6 / turn(server, "frames", shape, seconds).served


def compared(run: Run, other: Path, rounds: int) -> Iterator[Figure]:
    """Ask this tree and another in turns, in each shape."""
    seconds, smaller = run.pick(0.1, 1.0, 3.0), run.pick(10, 1)
    document = run.feed(run.pick(100, 30_000) * 2 * RECORD_BYTES / 1e6)
    servers = list[Server]()
    with ExitStack() as stack:
        for name, root in (("ours", ROOT), ("theirs", other)):
            (run.folder / name).mkdir()
            serving = daemon(run.folder / name, document, pin_to_first_core, root=root)
            servers.append(stack.enter_context(serving))
        for shape in (each._replace(connections=each.connections // smaller) for each in SHAPES):
            asked = [partial(microseconds, server, shape, seconds) for server in servers]
            ours, theirs = in_turns(rounds, *asked)
            yield Figure(shape.name, "us", Side("ours", ours), Side(other.name, theirs), goal=AT_MOST)


def main(arguments: Sequence[str]) -> int:
    """Print the table; return 0 even where the goal is not reached: the table says so."""
    other, rounds = Path(arguments[0]).resolve(), int(arguments[1]) if len(arguments) > 1 else ROUNDS
    print(f"load average before {os.getloadavg()[0]:.1f}; median of {rounds} turns (least to greatest)\n")
    with tempfile.TemporaryDirectory() as folder:
        print(table(list(compared(Run(Path(folder)), other, rounds))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
