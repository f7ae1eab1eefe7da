"""The air-quality indices, each with its source and date, and other published facts about concentrations.

One rule: to add a scale, add a value here; no code changes. Concentrations are µg/m³.
"""

from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from aqi_service.core.palettes import DAQI_COLOURS, US_EPA_COLOURS
from aqi_service.core.scoring import PollutantTable, Scale, Step


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
    """Return steps with one constant index each, from 1 upwards, with the bands of the DAQI."""
    names = ("Low",) * 3 + ("Medium",) * 3 + ("High",) * 3 + ("Very High",)
    edges = (0, *highs, highs[-1] + 1)
    return tuple(
        Step(Fraction(edges[i]), Fraction(edges[i + 1]), i + 1, i + 1, name) for i, name in enumerate(names)
    )


def _lines(*ranges: tuple[str, str]) -> tuple[Step, ...]:
    """Return steps over the index ranges of the US AQI, each from its lowest to its highest concentration."""
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
    """A concentration (µg/m³) that a 24-hour mean should not exceed, with its source and date."""

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
"""From here on (µg/m³) a value comes from a failed sensor: a failed SDS011 reports 999.90 and 1999.90."""

NOT_MASS: Mapping[str, str] = MappingProxyType(
    {"PPD42NS": "counts particles per 0.01 cubic feet; no factor makes that µg/m³ (Shinyei data sheet)"}
)
"""Sensor types whose P1 and P2 are no mass concentrations, each with the reason."""
