"""Figures beside their limits. Pure.

One rule: a figure that has a limit is kept or not; one without is shown.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured value; `limit` is the most that it may be."""

    name: str
    value: float
    unit: str = ""
    limit: float | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it is within its limit."""
        return self.limit is None or self.value <= self.limit

    def line(self, width: int = 60) -> str:
        """Write it, its limit and whether that is kept."""
        limit = "" if self.limit is None else f"  at most {_shown(self.limit)}"
        verdict = "" if self.is_kept else "  NOT KEPT"
        return f"{self.name:<{width}} {_shown(self.value):>9} {self.unit:<4}{limit}{verdict}".rstrip()


def table(figures: Sequence[Figure]) -> list[str]:
    """Write a line for each figure."""
    width = max(len(figure.name) for figure in figures)
    return [figure.line(width) for figure in figures]


def _shown(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or value >= 1000 else f"{value:.1f}"


def broken(figures: Sequence[Figure]) -> list[Figure]:
    """Give the figures that are over their limit."""
    return [figure for figure in figures if not figure.is_kept]
