"""Replies about sensors as CSV: a row a sensor, and the row that sums an area up.

One rule: an index is a function of the values, so a row may be scored on another scale than its record was.
"""

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from typing import NamedTuple

from aqi_service.core.csv_reply import csv_line
from aqi_service.core.decimals import MAX_DIGITS, canonical
from aqi_service.core.items import COLUMNS, Item
from aqi_service.core.quality import Check, Flag
from aqi_service.core.requests import AreaRequest
from aqi_service.core.scales import Scale, score

LEAST_COUNTED = 3
"""An area of fewer sensors has no values: two agree by chance, and neither is known to be right."""

UNCLEAN = frozenset({Flag.STALE, Flag.HIGH, Flag.LOW})
"""Flags by which a sensor is left out of what is `clean`."""

_MORE = ("sensor_id", "sensor_type", "indoor", "AQI_pollutant", "scale", "flags", "humidity")
_DISTANCE = "distance_km"
_NUMERIC = (*(column.kind == "N" for column in COLUMNS), True, False, True, False, False, False, True, True)

SENSOR_HEADER = ",".join((*(column.name for column in COLUMNS), *_MORE)) + "\r\n"
NEAR_HEADER = f"{SENSOR_HEADER.rstrip()},{_DISTANCE}\r\n"

_AREA_NUMBERS = ("latitude", "longitude", "radius_km", "sensors", "left_out")
_AREA_VALUES = ("P2.5", "P2.5_q1", "P2.5_q3", "P10", "P10_q1", "P10_q3")
_AREA_INDEX = ("AQI", "AQI_range", "AQI_pollutant", "scale", "newest")
AREA_HEADER = ",".join((*_AREA_NUMBERS, *_AREA_VALUES, *_AREA_INDEX)) + "\r\n"
_AREA_NUMERIC = (True,) * (len(_AREA_NUMBERS) + len(_AREA_VALUES)) + (True, False, False, False, False)

_EXACT, _WRITTEN = Context(prec=200), Context(prec=MAX_DIGITS)
"""More digits than the mean of two values has, and those that a number may have."""


class SensorRecord(NamedTuple):
    """A sensor's newest record, what is to be said of it, and its box's 24-hour relative humidity in %."""

    item: Item
    check: Check = Check()
    humidity: str | None = None

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing speaks against it."""
        return UNCLEAN.isdisjoint(self.check.flags)


def rescored(item: Item, scale: Scale | None) -> Item:
    """Return the item with its index on another scale; None leaves it on the one it was scored on."""
    if scale is None or item.scale == scale.name:
        return item
    scored = score(scale, item.pm10, item.pm25)
    return item._replace(
        aqi=str(scored.aqi), aqi_range=scored.band, aqi_pollutant=scored.pollutant, scale=scale.name
    )


def sensor_row(record: SensorRecord, scale: Scale | None, metres: int | None = None) -> bytes:
    """Write a sensor's row, with its distance if there is one."""
    item = rescored(record.item, scale)
    more = (item.sensor_id, item.sensor_type, item.indoor, item.aqi_pollutant, item.scale)
    fields = (*item[: len(COLUMNS)], *more, " ".join(record.check.flags), record.humidity)
    if metres is not None:
        fields = (*fields, f"{metres // 1_000}.{metres % 1_000:03}")
    return csv_line(fields, _NUMERIC[: len(fields)])


def area_row(request: AreaRequest, sensors: Sequence[SensorRecord], usual: Scale) -> bytes:
    """Write the row that sums up all sensors of an area; `usual` is the scale unless another is asked for.

    Those that are clean count, and indoor ones only if they are asked for. Of under LEAST_COUNTED values
    there is no median. Median and quartiles (inclusive) are exact, and the medians are scored like a record.
    """
    counted = [each.item for each in sensors if _counts(each, request)]
    scale = request.choice.scale or usual
    pm25, pm10 = _quartiles(item.pm25 for item in counted), _quartiles(item.pm10 for item in counted)
    index: tuple[object, ...] = (None, None, None)
    if pm25[0] or pm10[0]:
        scored = score(scale, pm10[0], pm25[0])
        index = (scored.aqi, scored.band, scored.pollutant)
    newest = max(counted, key=lambda item: item.measured_at or 0, default=None)
    numbers = (
        *map(_shown, request.middle),
        _shown(request.kilometres),
        len(counted),
        len(sensors) - len(counted),
    )
    said = (*index, scale.name, newest and newest.timestamp)
    return csv_line((*numbers, *pm25, *pm10, *said), _AREA_NUMERIC)


def _counts(record: SensorRecord, request: AreaRequest) -> bool:
    has_value = record.item.pm25 is not None or record.item.pm10 is not None
    return record.is_clean and has_value and (request.choice.indoor or record.item.indoor != "1")


def _quartiles(texts: Iterable[str | None]) -> tuple[str | None, str | None, str | None]:
    """Return median, first and third quartile of concentrations, in canonical text."""
    values = sorted(Decimal(text) for text in texts if text is not None)
    if len(values) < LEAST_COUNTED:
        return None, None, None
    first, third = _between(values, 1), _between(values, 3)
    return _text(_between(values, 2)), _text(first), _text(third)


def _between(values: Sequence[Decimal], quarters: int) -> Decimal:
    """Return the value at so many quarters of the way from the first to the last."""
    place, part = divmod((len(values) - 1) * quarters, 4)
    low = values[place]
    if not part:
        return low
    step = _EXACT.multiply(_EXACT.subtract(values[place + 1], low), Decimal(part) / 4)
    return _EXACT.add(low, step)


def _text(value: Decimal) -> str | None:
    return canonical(f"{_WRITTEN.plus(value):f}")


def _shown(number: float) -> str | None:
    return canonical(number)
