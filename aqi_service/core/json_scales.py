"""Scales as JSON objects: names, bands, colours, and each pollutant's table with its limits.

One rule: a reader computes no index, so limits are given in the form that a record's value can be compared
with.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

from aqi_service.core.requests import ASKED_SCALES
from aqi_service.core.scales import Guideline, as_binary_float, cut_to_tenth, cut_to_whole, half_up_to_whole
from aqi_service.core.scoring import PollutantTable, Scale, Step

Json = dict[str, Any]


class Rounding(NamedTuple):
    """How a rounding is described.

    Attributes:
        words: for people.
        unit: the step between two compared concentrations, µg/m³; 0 if nothing is rounded.
        begins: how far above a step's end the reported concentrations of the next step begin.
    """

    words: str
    unit: Fraction
    begins: Fraction


ROUNDINGS: Mapping[Callable[[Decimal], Decimal], Rounding] = MappingProxyType(
    {
        half_up_to_whole: Rounding("rounded to whole µg/m³, half up", Fraction(1), Fraction(1, 2)),
        cut_to_tenth: Rounding("cut to 0.1 µg/m³", Fraction(1, 10), Fraction(1, 10)),
        cut_to_whole: Rounding("cut to whole µg/m³", Fraction(1), Fraction(1)),
        as_binary_float: Rounding("not rounded", Fraction(0), Fraction(0)),
    }
)


def scale_json(scale: Scale) -> Json:
    """Return a scale."""
    return {
        "name": scale.name,
        "title": scale.title,
        "may_be_asked": scale.name in ASKED_SCALES,
        "mean_hours": scale.mean_hours,
        "decides": "highest" if scale.worst else "lowest",
        "advice_from": scale.advice_from,
        "bands": list(_bands(scale)),
        "colours": [colour._asdict() for colour in scale.colours],
        "pollutants": {table.pollutant: _table(table) for table in scale.tables},
        "source": scale.source,
        "date": scale.date,
    }


def guideline_json(guideline: Guideline) -> Json:
    """Return a guideline: its limits by pollutant, µg/m³."""
    return guideline._asdict() | {"limits": dict(guideline.limits)}


def _bands(scale: Scale) -> Iterator[Json]:
    """Give the bands, each with its first and last index; the last is None if the scale has no end."""
    steps = scale.tables[0].steps
    for name, group in groupby(steps, lambda step: step.band):
        of = list(group)
        last = _last_index(of[-1], is_last=of[-1] is steps[-1])
        yield {"name": name, "index_from": of[0].index_low, "index_to": last}


def _last_index(step: Step, *, is_last: bool) -> int | None:
    """Return the last index of a step; the DAQI ends at 10, the US AQI goes on."""
    return None if is_last and step.index_low != step.index_high else step.index_high


def _table(table: PollutantTable) -> Json:
    rounding = ROUNDINGS[table.rounding]
    rows = [
        _row(step, table.steps[place - 1].high if place else None, rounding, is_last=step is table.steps[-1])
        for place, step in enumerate(table.steps)
    ]
    missing = None if table.missing is None else int(table.missing)
    return {"reads": table.reads, "rounding": rounding.words, "missing": missing, "rows": rows}


def _row(step: Step, below: Fraction | None, rounding: Rounding, *, is_last: bool) -> Json:
    """Return a row: compared concentrations `from` and `to`, and the lowest reported one in the row."""
    return {
        "from": _number(step.low if below is None else below + rounding.unit),
        "to": None if is_last else _number(step.high),
        "begins": _number(step.low if below is None else below + rounding.begins),
        "index_from": step.index_low,
        "index_to": _last_index(step, is_last=is_last),
        "band": step.band,
    }


def _number(value: Fraction) -> float:
    return int(value) if value.denominator == 1 else float(value)
