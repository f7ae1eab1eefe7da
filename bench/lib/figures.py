"""Figures: what was measured, beside a peer and a limit that did their work in the same run, as a table.

One rule: a ratio is of medians of runs that were taken in turns, and stands with the least and the greatest.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

TENTH = "a tenth of the work"
"""The note of a peer that is too slow for all of it."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side reached, a value a run.

    Attributes:
        name: which side.
        values: one of each run, all in the figure's unit.
        note: what was not alike, such as TENTH.
    """

    name: str
    values: Sequence[float]
    note: str = ""

    @property
    def median(self) -> float:
        """The median of its values."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted: of a figure with a peer or limit the ratio, of one without the value itself.

    Attributes:
        edge: the goal.
        at_most: True when less is better.
    """

    edge: float
    at_most: bool = False

    def is_reached(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value <= self.edge if self.at_most else value >= self.edge

    def __str__(self) -> str:
        return f"at {'most' if self.at_most else 'least'} {self.edge:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        name: its number in the list of goals, and what it is.
        unit: of all its values.
        ours: what this program reached.
        peer: what another program reached that does such work.
        limit: what can be reached at best, as far as it was measured.
        goal: what the ratio to the peer (without one: to the limit; without that: our value) is to be.
    """

    name: str
    unit: str
    ours: Side
    peer: Side | None = None
    limit: Side | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """What is compared with the goal, if that is a ratio."""
        other = self.peer or self.limit
        return None if other is None else self.ours.median / other.median

    @property
    def told(self) -> str:
        """Its name, and what it stands beside."""
        other = self.peer or self.limit
        return f"{self.name}, beside {other.name}" if other else self.name

    @property
    def is_kept(self) -> bool:
        """Tell whether the goal is kept; so it is where there is none."""
        ratio = self.ratio
        return self.goal is None or self.goal.is_reached(self.ours.median if ratio is None else ratio)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Give its lines: one for the peer and one for the limit, or one for itself."""
        head = (self.name, spread(self.ours.values, self.unit))
        goal = ("", "") if self.goal is None else (str(self.goal), KEPT if self.is_kept else NOT_REACHED)
        others = [(mark, other) for mark, other in (("", self.peer), ("limit: ", self.limit)) if other]
        if not others:
            yield (*head, "", "", "", *goal)
        for mark, other in others:
            note = f" ({other.note})" if other.note else ""
            reached = spread(other.values, self.unit)
            yield (*head, f"{mark}{other.name}{note}", reached, ratios(self.ours, other), *goal)
            head, goal = ("", ""), ("", "")


KEPT, NOT_REACHED = "kept", "not reached"
HEADINGS = ("figure", "ours", "peer", "theirs", "ours / theirs", "goal", "")


def number(value: float) -> str:
    """Write a value with three digits."""
    for edge, places in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= edge:
            return f"{value:,.{places}f}"
    return f"{value:.3g}"


def spread(values: Sequence[float], unit: str) -> str:
    """Write the median, and the least and the greatest where they differ from it."""
    middle = statistics.median(values)
    edges = f" ({number(min(values))} to {number(max(values))})" if len(values) > 1 else ""
    return f"{number(middle)} {unit}{edges}"


def ratios(ours: Side, theirs: Side) -> str:
    """Write the ratio of the medians, and the least and the greatest of a turn."""
    turns = [mine / other for mine, other in zip(ours.values, theirs.values, strict=False)]
    edges = f" ({min(turns):.2f} to {max(turns):.2f})" if len(turns) > 1 else ""
    return f"{ours.median / theirs.median:.2f}{edges}"


def in_turns(rounds: int, *works: Callable[[], float]) -> list[list[float]]:
    """Run each work `rounds` times, in turns, and return what each gave."""
    values: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for given, work in zip(values, works, strict=True):
            given.append(work())
    return values


def table(figures: Sequence[Figure]) -> str:
    """Write the table."""
    rows = [HEADINGS, *(row for figure in figures for row in figure.rows())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def verdict(figures: Sequence[Figure]) -> str:
    """Say how many goals are kept, and which are not; nothing where none was set."""
    judged = [figure for figure in figures if figure.goal]
    missed = [figure.told for figure in judged if not figure.is_kept]
    said = f"{sum(figure.is_kept for figure in judged)} of {len(judged)} goals {KEPT}" if judged else ""
    return f"{said}; {NOT_REACHED}: {'; '.join(missed)}" if missed else said
