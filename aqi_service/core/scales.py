"""The air-quality indices, as data, and the one function that reads them.

One rule: a scale is a value. To add one, add a table with its source and date; no code changes.

Concentrations are µg/m³ in canonical decimal text (see `decimals`); all arithmetic is exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache
from math import floor
from types import MappingProxyType
from typing import NamedTuple

from aqi_service.core.palettes import DAQI_COLOURS, US_EPA_COLOURS, Colour


class Step(NamedTuple):
    """Concentrations up to `high` have an index from `index_low` (at `low`) to `index_high` (at `high`)."""

    low: Fraction
    high: Fraction
    index_low: int
    index_high: int
    band: str


@dataclass(frozen=True, slots=True, eq=False)
class PollutantTable:
    """One pollutant's steps.

    Attributes:
        pollutant: `P2.5` or `P10`, as the item names it: whose value is read.
        reads: the feed's name of the value, `P1` or `P2`.
        rounding: from the reported to the compared concentration.
        steps: ascending; the last has no upper end and goes on along its own line.
        missing: the concentration that a missing value counts as, or None when it does not count.
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
        tables: PM2.5's first; at a tie the first decides.
        worst: True when the highest index decides, False when the lowest does.
        screened: True when values of failed sensors are left out before scoring.
        below: index and band when no table has a step for any value.
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
    """What one pollutant adds: its concentration as the scale compares it, and its own index.

    `aqi` is None where the scale has no step for the concentration.
    """

    rounded: Decimal
    aqi: int | None


def part(scale: Scale, pollutant: str, value: str) -> Part:
    """Return what one pollutant (`P2.5` or `P10`) adds to an index, of a concentration in canonical text."""
    table = next(table for table in scale.tables if table.pollutant == pollutant)
    placed = _place(table, value)
    return Part(table.rounding(Decimal(value)), placed and placed.aqi)


def _decides(new: int, old: int, *, worst: bool) -> bool:
    return new > old if worst else new < old


@lru_cache(maxsize=32_768)
def _place(table: PollutantTable, value: str) -> Score | None:
    return _place_of(table, table.rounding(Decimal(value)))


@lru_cache(maxsize=4096)
def _place_of(table: PollutantTable, rounded: Decimal) -> Score | None:
    concentration = Fraction(rounded)
    if concentration < table.steps[0].low:
        return None
    step = next((s for s in table.steps if concentration <= s.high), table.steps[-1])
    slope = Fraction(step.index_high - step.index_low) / (step.high - step.low)
    index = floor(step.index_low + slope * (concentration - step.low) + Fraction(1, 2))
    return Score(index, step.band, table.pollutant)


def half_up_to_whole(value: Decimal) -> Decimal:
    """Round to the nearest whole µg/m³, 0.5 up."""
    return value.quantize(Decimal(1), ROUND_HALF_UP)


def cut_to_tenth(value: Decimal) -> Decimal:
    """Drop all digits behind the first decimal place."""
    return value.quantize(Decimal("0.1"), ROUND_DOWN)


def cut_to_whole(value: Decimal) -> Decimal:
    """Drop all decimal places."""
    return value.quantize(Decimal(1), ROUND_DOWN)


def as_binary_float(value: Decimal) -> Decimal:
    """Take the value of the nearest binary float, unrounded, as the report's `float()` does."""
    return Decimal(float(value))


def _bands(*highs: int) -> tuple[Step, ...]:
    """Steps of a constant index each, 1 upwards, with the bands of the DAQI."""
    names = ("Low",) * 3 + ("Medium",) * 3 + ("High",) * 3 + ("Very High",)
    edges = (0, *highs, highs[-1] + 1)
    return tuple(
        Step(Fraction(edges[i]), Fraction(edges[i + 1]), i + 1, i + 1, name) for i, name in enumerate(names)
    )


def _lines(*ranges: tuple[str, str]) -> tuple[Step, ...]:
    """Steps over the index ranges of the US AQI, each from its lowest and highest concentration."""
    index = (
        (0, 50, "Good"),
        (51, 100, "Moderate"),
        (101, 150, "Unhealthy for Sensitive Groups"),
        (151, 200, "Unhealthy"),
        (201, 300, "Very Unhealthy"),
        (301, 500, "Hazardous"),
    )
    return tuple(
        Step(Fraction(low), Fraction(high), *of) for (low, high), of in zip(ranges, index, strict=True)
    )


_DAQI_PM25 = _bands(11, 23, 35, 41, 47, 53, 58, 64, 70)
_DAQI_PM10 = _bands(16, 33, 50, 58, 66, 75, 83, 91, 100)

DAQI = Scale(
    name="daqi",
    title="UK Daily Air Quality Index (DAQI)",
    tables=(
        PollutantTable("P2.5", "P2", half_up_to_whole, _DAQI_PM25),
        PollutantTable("P10", "P1", half_up_to_whole, _DAQI_PM10),
    ),
    worst=True,
    screened=True,
    below=(0, "Very_Low"),
    mean_hours=24,
    advice_from=4,
    colours=DAQI_COLOURS,
    source="Defra, Daily Air Quality Index: https://uk-air.defra.gov.uk/air-pollution/daqi?view=more-info",
    date="2013-04",
)

US_EPA = Scale(
    name="us-epa",
    title="US Air Quality Index (US AQI)",
    tables=(
        PollutantTable(
            "P2.5",
            "P2",
            cut_to_tenth,
            _lines(
                ("0", "9.0"),
                ("9.1", "35.4"),
                ("35.5", "55.4"),
                ("55.5", "125.4"),
                ("125.5", "225.4"),
                ("225.5", "325.4"),
            ),
        ),
        PollutantTable(
            "P10",
            "P1",
            cut_to_whole,
            _lines(
                ("0", "54"), ("55", "154"), ("155", "254"), ("255", "354"), ("355", "424"), ("425", "604")
            ),
        ),
    ),
    worst=True,
    screened=True,
    below=(0, "Very_Low"),
    mean_hours=24,
    advice_from=101,
    colours=US_EPA_COLOURS,
    source="US EPA, Technical Assistance Document for the Reporting of Daily Air Quality, EPA-454/B-24-002",
    date="2024-05",
)

REPORT = Scale(
    name="report",
    title="the report's index (understates pollution)",
    tables=(
        PollutantTable("P2.5", "P2", as_binary_float, _DAQI_PM10, missing="0"),
        PollutantTable("P10", "P1", as_binary_float, _DAQI_PM25, missing="0"),
    ),
    worst=False,
    screened=False,
    below=(0, "Very_Low"),
    mean_hours=24,
    advice_from=4,
    colours=DAQI_COLOURS,
    source="the report's function AQI_cal: pollutants swapped, first band that either value falls in",
    date="2023-12",
)

SCALES: Mapping[str, Scale] = MappingProxyType({scale.name: scale for scale in (DAQI, US_EPA, REPORT)})


class Guideline(NamedTuple):
    """A concentration that a 24-hour mean should not pass, µg/m³, with its source and date."""

    name: str
    limits: Mapping[str, int]
    source: str
    date: str


WHO = Guideline(
    name="WHO 24-hour guideline",
    limits=MappingProxyType({"P2.5": 15, "P10": 45}),
    source="WHO, Global air quality guidelines: may be passed on 3 to 4 days of a year",
    date="2021-09",
)

FAILED_FROM: Mapping[str, Decimal] = MappingProxyType({"P2": Decimal(999), "P1": Decimal(1999)})
"""From here on (µg/m³) a value is a failed sensor's: the SDS011 reports 999.90 and 1999.90 then."""

NOT_MASS: Mapping[str, str] = MappingProxyType(
    {"PPD42NS": "counts particles per 0.01 cubic feet; no factor makes that µg/m³ (Shinyei data sheet)"}
)
"""Sensor types whose P1 and P2 are no mass concentration -> why."""
