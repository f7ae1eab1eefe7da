"""Sensors and areas in Prometheus' text form (version 0.0.4): a family of series for each known value.

One rule: an unknown value has no series, and is never 0; so an alert rule that needs it cannot hold.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aqi_service.core.areas import Area
from aqi_service.core.decimals import canonical
from aqi_service.core.json_rows import Moment
from aqi_service.core.quality import Flag
from aqi_service.core.requests import MetricsRequest
from aqi_service.core.sensor_records import SensorRecord, rescored

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of the requested sensors and areas; an unknown sensor has nothing."""

    sensors: Sequence[SensorRecord]
    areas: Sequence[tuple[str, Area]]


class Series(NamedTuple):
    """A value and its labels; the value None gives no series."""

    labels: Mapping[str, str | None]
    value: str | int | None


@dataclass(frozen=True, slots=True)
class _Family:
    """A metric's name, its meaning, and the function that gives its series."""

    name: str
    text: str
    series: Callable[..., Iterable[Series]]


def metrics_pieces(request: MetricsRequest, found: Measured, _: Moment) -> Iterator[bytes]:
    """Write the results family by family; the form demands that all series of a family stand together."""
    scale = request.choice.scale
    sensors = [each._replace(item=rescored(each.item, scale)) for each in found.sensors]
    for family in _SENSORS:
        yield _written(family, (series for each in sensors for series in family.series(each)))
    for family in _AREAS:
        yield _written(family, (series for name, area in found.areas for series in family.series(name, area)))


def _written(family: _Family, series: Iterable[Series]) -> bytes:
    lines = [f"{family.name}{{{_labels(labels)}}} {value}\n" for labels, value in series if value is not None]
    if not lines:
        return b""
    head = f"# HELP {family.name} {family.text}\n# TYPE {family.name} gauge\n"
    return (head + "".join(lines)).encode()


def _labels(labels: Mapping[str, str | None]) -> str:
    return ",".join(f'{name}="{(value or "").translate(_ESCAPED)}"' for name, value in labels.items())


_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
"""Characters that must be escaped in a label's value."""


def _concentration(sensor: SensorRecord) -> Iterator[Series]:
    for pollutant, value in (("P2.5", sensor.item.pm25), ("P10", sensor.item.pm10)):
        yield Series(_of(sensor) | {"pollutant": pollutant}, canonical(value))


def _index(sensor: SensorRecord) -> Iterator[Series]:
    yield Series(_of(sensor) | {"scale": sensor.item.scale}, canonical(sensor.item.aqi))


def _flagged(sensor: SensorRecord) -> Iterator[Series]:
    """Give 0 or 1 for every flag; nothing for a record that the checks did not see."""
    for flag in Flag if sensor.check else ():
        yield Series(_of(sensor) | {"flag": flag}, int(flag in sensor.flags))


def _measured(sensor: SensorRecord) -> Iterator[Series]:
    yield Series(_of(sensor), sensor.item.measured_at)


def _of(sensor: SensorRecord) -> dict[str, str | None]:
    return {"sensor": sensor.item.sensor_id}


def _area_concentration(name: str, area: Area) -> Iterator[Series]:
    for pollutant, values in (("P2.5", area.pm25), ("P10", area.pm10)):
        yield Series({"area": name, "pollutant": pollutant}, values.median)


def _area_index(name: str, area: Area) -> Iterator[Series]:
    yield Series({"area": name, "scale": area.scale.name}, area.score and area.score.aqi)


def _area_measured(name: str, area: Area) -> Iterator[Series]:
    yield Series({"area": name}, area.newest and area.newest.measured_at)


def _area_sensors(name: str, area: Area) -> Iterator[Series]:
    yield Series({"area": name}, area.sensors)


_SENSORS = (
    _Family(
        "aqi_sensor_concentration",
        "Newest record's mean in µg/m³: of 24 hours, unless warned not_24h_mean.",
        _concentration,
    ),
    _Family("aqi_sensor_index", "Air-quality index of the sensor's newest record.", _index),
    _Family("aqi_sensor_flagged", "1 if the snapshot's checks flag the sensor so, else 0.", _flagged),
    _Family("aqi_sensor_measured_timestamp_seconds", "Time of the sensor's newest record.", _measured),
)
_AREAS = (
    _Family(
        "aqi_area_concentration",
        "Median, in µg/m³, of such means of the area's sensors that count.",
        _area_concentration,
    ),
    _Family("aqi_area_index", "Air-quality index of the area's medians.", _area_index),
    _Family("aqi_area_measured_timestamp_seconds", "Time of the newest record that counts.", _area_measured),
    _Family("aqi_area_sensors", "Sensors that count: outdoor, not stale, high or low.", _area_sensors),
)
