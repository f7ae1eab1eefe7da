"""An air-quality index as data, and the one function that reads it.

One rule: a scale is a value, and all arithmetic is exact. Concentrations are µg/m³ in canonical decimal text
(see `decimals`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import NamedTuple

from aqi_service.core.palettes import Colour


class Step(NamedTuple):
    """Concentrations up to `high`, with an index from `index_low` (at `low`) to `index_high` (at `high`)."""

    low: Fraction
    high: Fraction
    index_low: int
    index_high: int
    band: str


@dataclass(frozen=True, slots=True, eq=False)
class PollutantTable:
    """One pollutant's steps.

    Attributes:
        pollutant: `P2.5` or `P10`, as the item names it.
        reads: the feed's name of the value, `P1` or `P2`.
        rounding: makes the compared concentration from the reported one.
        steps: ascending; the last has no upper end and goes on along its own line.
        missing: the concentration for which a missing value counts; None if a missing value does not count.
    """

    pollutant: str
    reads: str
    rounding: Callable[[Decimal], Decimal]
    steps: tuple[Step, ...]
    missing: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """An index: its tables, and how they decide together.

    Attributes:
        name: what `--scale` calls it.
        title: what people call it.
        tables: the table of PM2.5 first; at a tie the first decides.
        worst: True if the highest index decides, False if the lowest does.
        screened: True if values of failed sensors are left out before scoring.
        below: index and band if no table has a step for any value.
        mean_hours: the averaging time that the scale asks for.
        advice_from: the index from which its publisher advises people at risk to do less outdoors.
        colours: by ascending index.
        source: where the tables were published.
        date: when that version was published or read.
    """

    name: str
    title: str
    tables: tuple[PollutantTable, PollutantTable]
    worst: bool
    screened: bool
    below: tuple[int, str]
    mean_hours: int
    advice_from: int
    colours: tuple[Colour, ...]
    source: str
    date: str


class Score(NamedTuple):
    """An index, its band, and the pollutant that decided (`P2.5` or `P10`)."""

    aqi: int
    band: str
    pollutant: str


def score(scale: Scale, p1: str | None, p2: str | None) -> Score:
    """Score a pair of concentrations, P1 (PM10) and P2 (PM2.5), each canonical text or None."""
    decided = None
    for table in scale.tables:
        value = (p1 if table.reads == "P1" else p2) or table.missing
        placed = None if value is None else _place(table, value)
        if placed and (decided is None or _decides(placed.aqi, decided.aqi, worst=scale.worst)):
            decided = placed
    return decided or Score(*scale.below, scale.tables[0].pollutant)


class Part(NamedTuple):
    """One pollutant's part of a score: its concentration as the scale compares it, and its own index.

    `aqi` is None if the scale has no step for the concentration.
    """

    rounded: Decimal
    aqi: int | None


def part(scale: Scale, pollutant: str, value: str) -> Part:
    """Return one pollutant's (`P2.5` or `P10`) part of a score, from a concentration in canonical text."""
    table = next(table for table in scale.tables if table.pollutant == pollutant)
    placed = _place(table, value)
    return Part(table.rounding(Decimal(value)), placed and placed.aqi)


def _decides(new: int, old: int, *, worst: bool) -> bool:
    return new > old if worst else new < old


@lru_cache(maxsize=32_768)
def _place(table: PollutantTable, value: str) -> Score | None:
    return score_rounded(table, table.rounding(Decimal(value)))


@lru_cache(maxsize=4096)
def score_rounded(table: PollutantTable, rounded: Decimal) -> Score | None:
    """Score one pollutant's concentration, as its table rounds it; None if the table has no step for it."""
    concentration = Fraction(rounded)
    if concentration < table.steps[0].low:
        return None
    step = next((s for s in table.steps if concentration <= s.high), table.steps[-1])
    slope = Fraction(step.index_high - step.index_low) / (step.high - step.low)
    index = floor(step.index_low + slope * (concentration - step.low) + Fraction(1, 2))
    return Score(index, step.band, table.pollutant)
