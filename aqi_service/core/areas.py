"""An area as a value: a summary of the sensors in it.

One rule: medians and quartiles are exact; too few sensors give none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import NamedTuple

from aqi_service.core.clocks import freshness
from aqi_service.core.decimals import MAX_DIGITS, canonical
from aqi_service.core.items import Item
from aqi_service.core.requests import AreaRequest
from aqi_service.core.scoring import Scale, Score, score
from aqi_service.core.sensor_records import UNCLEAN, SensorRecord
from aqi_service.core.slices import BUILD_SLICE, Slices, in_order

LEAST_COUNTED = 3
"""An area with fewer sensors has no values: two may agree by chance, and nobody knows which is right."""

_EXACT, _WRITTEN = Context(prec=200), Context(prec=MAX_DIGITS)
"""More digits than the mean of two values has; and as many as a number may have."""


class Quartiles(NamedTuple):
    """Median, first and third quartile (inclusive) in µg/m³, canonical text; None of too few values."""

    median: str | None = None
    first: str | None = None
    third: str | None = None


@dataclass(frozen=True, slots=True)
class Area:
    """What the sensors around a point say together.

    Attributes:
        request: which area.
        sensors: how many counted.
        left_out_because: how many others there are, by reason: `indoor`, a flag, or `no_value`.
        pm25: PM2.5 of those that counted.
        pm10: PM10 of them.
        score: the score of the medians, computed as for a record; None if there are no medians.
        scale: the scale of the score.
        newest: the newest of the records that counted.
    """

    request: AreaRequest
    sensors: int
    left_out_because: Mapping[str, int]
    pm25: Quartiles
    pm10: Quartiles
    score: Score | None
    scale: Scale
    newest: Item | None

    @property
    def left_out(self) -> int:
        """The number of sensors that did not count."""
        return sum(self.left_out_because.values())


def sum_up(request: AreaRequest, sensors: Sequence[SensorRecord], usual: Scale) -> Slices[Area]:
    """Sum up all sensors of an area; `usual` is the scale unless another is asked for.

    Clean sensors count; indoor ones count only if they are asked for.
    """
    fine, coarse = list[Decimal](), list[Decimal]()
    left_out, counted, scale = Counter[str](), 0, request.choice.scale or usual
    newest, freshest = None, (False, 0)
    for number, record in enumerate(sensors):
        if number % BUILD_SLICE == 0:
            yield
        if reason := _reason(record, request):
            left_out[reason] += 1
            continue
        item = record.item
        counted += 1
        fine += [Decimal(item.pm25)] if item.pm25 is not None else []
        coarse += [Decimal(item.pm10)] if item.pm10 is not None else []
        fresh = freshness(item.measured_at, item.snapshot_at)
        if newest is None or fresh > freshest:
            newest, freshest = item, fresh
    pm25, pm10 = (yield from _quartiles(fine)), (yield from _quartiles(coarse))
    scored = score(scale, pm10.median, pm25.median) if pm25.median or pm10.median else None
    return Area(request, counted, dict(sorted(left_out.items())), pm25, pm10, scored, scale, newest)


def _reason(record: SensorRecord, request: AreaRequest) -> str | None:
    """Return the first reason why a sensor does not count; None if it counts."""
    if record.item.indoor == "1" and not request.choice.indoor:
        return "indoor"
    if not record.is_clean:
        return next(flag.value for flag in record.flags if flag in UNCLEAN)
    return "no_value" if record.item.pm25 is None and record.item.pm10 is None else None


def _quartiles(found: Sequence[Decimal]) -> Slices[Quartiles]:
    values = yield from in_order(found)
    if len(values) < LEAST_COUNTED:
        return Quartiles()
    return Quartiles(*(_text(_between(values, quarters)) for quarters in (2, 1, 3)))


def _between(values: Sequence[Decimal], quarters: int) -> Decimal:
    """Return the value that lies `quarters` quarters of the way from the first to the last."""
    place, part = divmod((len(values) - 1) * quarters, 4)
    low = values[place]
    if not part:
        return low
    step = _EXACT.multiply(_EXACT.subtract(values[place + 1], low), Decimal(part) / 4)
    return _EXACT.add(low, step)


def _text(value: Decimal) -> str | None:
    return canonical(f"{_WRITTEN.plus(value):f}")
