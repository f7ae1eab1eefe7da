"""Figures as a table, and what the kernel and the metrics say of a process.

One rule: a figure is one of this run.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.doubles.program import Running
from trials.host.lookups import Lookups, percentile

WORST = re.compile(r"^aqi_loop_lag_worst_seconds (\S+)$", re.MULTILINE)


class Figure(NamedTuple):
    """One line of the table: what was measured, its value, the limit, and whether it holds."""

    what: str
    value: str
    limit: str = ""
    holds: bool = True

    def line(self) -> str:
        """Write it."""
        verdict = ("ok" if self.holds else "PAST THE LIMIT") if self.limit else ""
        return f"{self.what:<38} {self.value:<46} {self.limit:<18} {verdict}".rstrip()


def latencies(what: str, lookups: Lookups, most_p99: float | None = None) -> list[Figure]:
    """Give the percentiles of lookups in milliseconds, and see that some records were found.

    What is judged is what they took but for the time in which others had the cores.
    """
    p99 = percentile(lookups.unhindered, 0.99)
    limit = f"p99 <= {most_p99 * 1000:.0f} ms" if most_p99 else ""
    return [
        Figure(f"{what}: p50/p99/p99.9/max", _percentiles(lookups.taken)),
        Figure(
            "  but for waits for a core",
            _percentiles(lookups.unhindered),
            limit,
            most_p99 is None or p99 <= most_p99,
        ),
        Figure(
            "  so many, of which were found",
            f"{len(lookups.taken)}, {lookups.found}",
            "some",
            lookups.found > 0,
        ),
    ]


def _percentiles(taken: Sequence[float]) -> str:
    found = (percentile(taken, share) for share in (0.5, 0.99, 0.999, 1.0))
    return " / ".join(f"{seconds * 1000:.1f}" for seconds in found) + " ms"


def peak_memory(program: Running) -> float:
    """Return its largest memory in MB."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def worst_lag(program: Running) -> float:
    """Return the latest that its event loop ever was, in seconds."""
    found = WORST.search((await program.page("/metrics"))[1])
    return float(found[1]) if found else float("nan")
