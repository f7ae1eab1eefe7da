"""The server's rows as values for a program: one frozen value each.

Rule: values are those of the server's CSV: numbers as decimal text, "" for none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A sensor's record, its newest or one of its history; concentrations in µg/m³.

    Attributes:
        flags: the flags of the snapshot's checks, separated by spaces: stale, high, low, alone.
        humidity: the 24-hour relative humidity in its box, in %.
        distance_km: only in an answer of `near`.
    """

    id: str
    latitude: str
    longitude: str
    altitude: str
    country: str
    timestamp: str
    date: str
    pm25: str
    pm10: str
    aqi: str
    aqi_range: str
    sensor_id: str
    sensor_type: str
    indoor: str
    aqi_pollutant: str
    scale: str
    flags: str
    humidity: str
    distance_km: str


@dataclass(frozen=True, slots=True)
class Area:
    """Medians and quartiles of an area's sensors, in µg/m³, and their index; "" if there are under three."""

    latitude: str
    longitude: str
    radius_km: str
    sensors: str
    left_out: str
    pm25: str
    pm25_q1: str
    pm25_q3: str
    pm10: str
    pm10_q1: str
    pm10_q3: str
    aqi: str
    aqi_range: str
    aqi_pollutant: str
    scale: str
    newest: str


@dataclass(frozen=True, slots=True)
class Day:
    """A sensor's UTC day, in µg/m³; `hours` is the number of its hours with a record in the service.

    For a day from daily files it is the larger of `hours_p25` and `hours_p10`: the hours behind each value.
    """

    sensor_id: str
    date: str
    hours: str
    pm25: str
    pm10: str
    aqi: str
    aqi_range: str
    aqi_pollutant: str
    scale: str
    id: str
    timestamp: str
    hours_p25: str = ""
    hours_p10: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A city; `country` is two capital letters."""

    name: str
    country: str
    latitude: str
    longitude: str
    population: str


_COLUMNS = {
    "pm25": "P2.5",
    "pm25_q1": "P2.5_q1",
    "pm25_q3": "P2.5_q3",
    "pm10": "P10",
    "pm10_q1": "P10_q1",
    "pm10_q3": "P10_q3",
    "aqi": "AQI",
    "aqi_range": "AQI_range",
    "aqi_pollutant": "AQI_pollutant",
}
"""The CSV's name of a field, if it differs."""


def read(kind: type[Row], record: Mapping[str, str]) -> Row:
    """Make a value from a row; missing columns become "", unknown ones are left out."""
    return kind(*(record.get(column, "") for column in columns(kind)))


def columns(kind: Any) -> tuple[str, ...]:
    """Return the CSV's names of a value's fields."""
    return tuple(_COLUMNS.get(field.name, field.name) for field in fields(kind))
