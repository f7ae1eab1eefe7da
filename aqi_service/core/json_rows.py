"""Results as JSON objects: sensors, areas, days, places.

One rule: ids are strings and values are numbers; these go from text to text, never through a binary float.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from aqi_service.core.areas import Area, Quartiles
from aqi_service.core.days import Day
from aqi_service.core.decimals import canonical, plain
from aqi_service.core.geo import Point
from aqi_service.core.items import OF_DAYS, Item
from aqi_service.core.places import Place, Places
from aqi_service.core.recent_loads import Reject
from aqi_service.core.scales import SCALES
from aqi_service.core.scoring import Scale, part
from aqi_service.core.sensor_index import one_code
from aqi_service.core.sensor_records import SensorRecord, rescored
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.core.times import DAY, day_of, iso

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """What an answer depends on, beside the results.

    Attributes:
        now: the time of the answer, epoch seconds.
        version: the snapshot in memory; None before the first one.
        place: the city whose point was used.
        places: the cities that may be near a sensor; None if they are not known.
    """

    now: float
    version: SnapshotVersion | None = None
    place: Place | None = None
    places: Places | None = None


def sensor_json(record: SensorRecord, scale: Scale | None, moment: Moment) -> Json:
    """Return a sensor, its newest record, and what the checks say of it."""
    item = rescored(record.item, scale)
    sensor = {
        "sensor_id": item.sensor_id,
        "sensor_type": item.sensor_type,
        "indoor": indoor_of(item),
        "latitude": number(item.latitude),
        "longitude": number(item.longitude),
        "country": item.country,
        "place": moment.places and _city(item, moment.places),
        "record": _record(item, moment),
        "checks": _checks(record),
        "provenance": _provenance(item, moment.version),
    }
    return sensor if record.metres is None else sensor | {"distance_km": number(record.kilometres)}


def area_json(area: Area, moment: Moment) -> Json:
    """Return the summary of an area."""
    middle, scored, newest = area.request.middle, area.score, area.newest
    return {
        "latitude": number(middle.latitude),
        "longitude": number(middle.longitude),
        "radius_km": number(area.request.kilometres),
        "sensors": area.sensors,
        "left_out": area.left_out,
        "left_out_because": area.left_out_because,
        "P2.5": _quartiles("P2.5", area.pm25, area.scale),
        "P10": _quartiles("P10", area.pm10, area.scale),
        "AQI": scored and scored.aqi,
        "AQI_range": scored and scored.band,
        "AQI_pollutant": scored and scored.pollutant,
        "scale": area.scale.name,
        "newest": newest and newest.timestamp,
        "age_seconds": newest and age(newest, moment.now),
    }


def day_json(day: Day, scale: Scale | None) -> Json:
    """Return a day; if no record stands for it, only its date and hours."""
    last = rescored(day.last, scale) if day.last else _NO_RECORD
    return {
        "date": day_of(day.number * DAY),
        "hours": day.hours,
        **_values(last),
        "id": last.id or None,
        "timestamp": last.timestamp,
        **{field: number(getattr(last, field)) for field in OF_DAYS},
    }


def place_json(place: Place) -> Json:
    """Return a city."""
    return {
        "name": place.name,
        "country": place.country,
        "latitude": number(place.latitude),
        "longitude": number(place.longitude),
        "population": number(place.population),
    }


def reject_json(reject: Reject) -> Json:
    """Return a rejected record."""
    where = {"latitude": number(reject.latitude), "longitude": number(reject.longitude)}
    return reject._asdict() | where


def number(value: str | float | None) -> orjson.Fragment | None:
    """Return a number as JSON text, a float without an exponent; None for anything that is no number."""
    written = plain(value) if isinstance(value, float) else canonical(value)
    return None if written is None else orjson.Fragment(written)


def indoor_of(item: Item) -> bool | None:
    """Tell whether an item's sensor stands indoors; None if the item does not say."""
    return _INDOOR.get(item.indoor)


def age(item: Item, now: float) -> int | None:
    """Return how many seconds ago an item was measured."""
    return None if item.measured_at is None else int(now) - item.measured_at


_INDOOR: Mapping[str | None, bool] = {"0": False, "1": True}
_NO_RECORD = Item("")
_MEDIAN_DIGITS = 6
"""Digits after the point of the neighbours' median: it lies halfway between two floats, which are not
exact."""

_WRITABLE = range(253_402_300_800)
"""Times whose year has four digits: a table that another program filled may have others."""


def _city(item: Item, places: Places) -> str | None:
    """Return the nearest city's name as `place NAME` takes it, with its country if the item's is another."""
    point = _point(item)
    city = point and places.near(point)
    if not city:
        return None
    return city.name if city.country == one_code(item.country or "") else f"{city.name},{city.country}"


def _point(item: Item) -> Point | None:
    """Return where an item was measured; None if there is no such point, as in a table of others."""
    latitude, longitude = canonical(item.latitude or ""), canonical(item.longitude or "")
    if latitude is None or longitude is None:
        return None
    point = Point(float(latitude), float(longitude))
    return point if point.exists else None


def _record(item: Item, moment: Moment) -> Json:
    return {
        "id": item.id,
        "timestamp": item.timestamp,
        "age_seconds": age(item, moment.now),
        "expires_at": _written(item.expires_at),
        **_values(item),
    }


def _values(item: Item) -> Json:
    scale = SCALES.get(item.scale or "")
    return {
        "P2.5": _pollutant("P2.5", item.pm25, scale),
        "P10": _pollutant("P10", item.pm10, scale),
        "AQI": number(item.aqi),
        "AQI_range": item.aqi_range,
        "AQI_pollutant": item.aqi_pollutant,
        "scale": item.scale,
    }


def _pollutant(name: str, text: str | None, scale: Scale | None) -> Json | None:
    """Return a concentration, its value as the scale compares it, and its index; None if it is no number."""
    value = None if text is None else canonical(text)
    if value is None:
        return None
    adds = part(scale, name, value) if scale else None
    return {
        "value": number(value),
        "rounded": adds and number(float(adds.rounded)),
        "index": adds and adds.aqi,
    }


def _quartiles(name: str, values: Quartiles, scale: Scale) -> Json | None:
    found = _pollutant(name, values.median, scale)
    return found and found | {"q1": number(values.first), "q3": number(values.third)}


def _checks(record: SensorRecord) -> Json | None:
    """Return what a snapshot's checks say of a record that they saw."""
    if record.check is None:
        return None
    median = record.check.median
    return {
        "flags": record.check.flags,
        "neighbours": record.check.neighbours,
        "median": median if median is None else number(round(median, _MEDIAN_DIGITS)),
        "humidity": number(record.humidity),
        "hours_seen": record.hours_seen,
    }


def _provenance(item: Item, version: SnapshotVersion | None) -> Json:
    """Say which snapshot brought a record; if it is an earlier one than memory's, only its time is known."""
    if version is not None and item.snapshot_at == version.snapshot_time:
        return {
            "snapshot": version.snapshot,
            "snapshot_time": iso(version.snapshot_time),
            "sha256": version.sha256,
            "version": version.program,
        }
    return {
        "snapshot": None,
        "snapshot_time": _written(item.snapshot_at),
        "sha256": None,
        "version": None,
    }


def _written(seconds: int | None) -> str | None:
    return iso(seconds) if seconds is not None and seconds in _WRITABLE else None
