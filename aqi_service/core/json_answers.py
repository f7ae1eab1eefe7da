"""Answers as JSON and as GeoJSON (RFC 7946): single results, and lists with their count.

One rule: every answer says whose data it is and under which licence.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

import orjson

from aqi_service.core.areas import Area
from aqi_service.core.history import HistoryPage
from aqi_service.core.json_rows import (
    Json,
    Moment,
    area_json,
    day_json,
    place_json,
    reject_json,
    sensor_json,
)
from aqi_service.core.json_scales import guideline_json, scale_json
from aqi_service.core.recent_loads import Reject
from aqi_service.core.requests import (
    AreaRequest,
    BoxRequest,
    CountryRequest,
    DaysRequest,
    HistoryRequest,
    LoadsRequest,
    NearRequest,
    PlaceRequest,
    RecordRequest,
    RejectsRequest,
    ScalesRequest,
    SensorRequest,
)
from aqi_service.core.scales import WHO
from aqi_service.core.scoring import Scale
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.times import feed_time

JSON_ROWS = 25
"""Rows that are written in one step, which takes a millisecond or two."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose data an answer is, and under which licence: for people, and the licence's address."""

    attribution: str
    licence: str
    licence_url: str


SENSOR_TERMS = Terms(
    "Sensor.Community, https://sensor.community",
    "Open Database License 1.0; contents: Database Contents License 1.0",
    "https://opendatacommons.org/licenses/odbl/1-0/",
)
PLACE_TERMS = Terms(
    "GeoNames, https://www.geonames.org (changed)",
    "Creative Commons Attribution 4.0 International",
    "https://creativecommons.org/licenses/by/4.0/",
)
SCALE_TERMS = Terms(
    "Defra, US EPA, WHO (changed; each with its source)",
    "facts out of public tables; Defra's under the Open Government Licence 3.0",
    "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
)
_TERMS: Mapping[type, Terms] = MappingProxyType({PlaceRequest: PLACE_TERMS, ScalesRequest: SCALE_TERMS})


def terms_of(request: object) -> Terms:
    """Return the terms of a request's answer."""
    return _TERMS.get(type(request), SENSOR_TERMS)


def has_sensors(request: object) -> bool:
    """Tell whether the rows of a request's answer name a nearby city."""
    return _SHAPES.get(type(request)) in (_sensor, _sensors, _history)


def json_pieces(request: object, found: Any, moment: Moment) -> Iterator[bytes]:
    """Write the results as one JSON object, piece by piece."""
    shape = _shape(request, found, moment)
    if shape.name is None:
        (single,) = shape.rows
        ages = {"age_seconds": _age_of(single)}
        yield orjson.dumps(single | ages | _said(request, moment), option=orjson.OPT_APPEND_NEWLINE)
        return
    yield from _listed({"count": shape.count} | shape.more, shape.name, shape.rows, _said(request, moment))


def geojson_pieces(request: object, found: Any, moment: Moment) -> Iterator[bytes]:
    """Write the results as a Feature, or a FeatureCollection, piece by piece."""
    shape = _shape(request, found, moment)
    features = map(_feature, shape.rows)
    if shape.name is None:
        yield orjson.dumps(next(features) | _said(request, moment), option=orjson.OPT_APPEND_NEWLINE)
        return
    begin = {"type": "FeatureCollection", "count": shape.count} | shape.more
    yield from _listed(begin, "features", features, _said(request, moment))


@dataclass(frozen=True, slots=True)
class _Shape:
    """Rows, and the name of their list; None for a single row.

    Attributes:
        more: other fields of the list, beside its count.
    """

    name: str | None
    rows: Iterator[Json]
    count: int
    more: Json


def _shape(request: object, found: Any, moment: Moment) -> _Shape:
    return _SHAPES[type(request)](request, found, moment)


def _sensor(request: RecordRequest | SensorRequest, found: SensorRecord, moment: Moment) -> _Shape:
    return _Shape(None, iter((sensor_json(found, request.choice.scale, moment),)), 1, {})


def _sensors(
    request: NearRequest | BoxRequest | CountryRequest, found: Sequence[SensorRecord], moment: Moment
) -> _Shape:
    rows = (sensor_json(record, request.choice.scale, moment) for record in found)
    return _Shape("sensors", rows, len(found), {})


def _area(_: AreaRequest, found: Area, moment: Moment) -> _Shape:
    return _Shape(None, iter((area_json(found, moment),)), 1, {})


def _history(request: HistoryRequest, found: HistoryPage, moment: Moment) -> _Shape:
    rows = (sensor_json(record, request.choice.scale, moment) for record in found.records)
    return _Shape("records", rows, len(found.records), {"sensor_id": str(request.sensor_id)})


def _days(request: DaysRequest, found: Sequence[Any], _: Moment) -> _Shape:
    rows = (day_json(day, request.choice.scale) for day in found)
    return _Shape("days", rows, len(found), {"sensor_id": str(request.sensor_id)})


def _places(_request: PlaceRequest, found: Sequence[Any], _: Moment) -> _Shape:
    return _Shape("places", map(place_json, found), len(found), {})


def _loads(_: LoadsRequest, found: Sequence[Json], moment: Moment) -> _Shape:
    newest = feed_time(found[0]["newest"]) if found else None
    ages = None if newest is None else int(moment.now) - newest
    return _Shape(
        "loads", iter(found), len(found), {"age_seconds": ages, "report": found[0] if found else None}
    )


def _rejects(_: RejectsRequest, found: Sequence[Reject], moment: Moment) -> _Shape:
    return _Shape("rejects", map(reject_json, found), len(found), {})


def _scales(_request: ScalesRequest, found: Sequence[Scale], _: Moment) -> _Shape:
    return _Shape("scales", map(scale_json, found), len(found), {"guideline": guideline_json(WHO)})


_SHAPES: Mapping[type, Callable[[Any, Any, Moment], _Shape]] = MappingProxyType(
    {
        RecordRequest: _sensor,
        SensorRequest: _sensor,
        NearRequest: _sensors,
        BoxRequest: _sensors,
        CountryRequest: _sensors,
        AreaRequest: _area,
        HistoryRequest: _history,
        DaysRequest: _days,
        PlaceRequest: _places,
        LoadsRequest: _loads,
        RejectsRequest: _rejects,
        ScalesRequest: _scales,
    }
)


def _said(request: object, moment: Moment) -> Json:
    terms = terms_of(request)
    if moment.place is None and moment.places is None:
        return {"attribution": terms.attribution, "licence": terms.licence}
    return ({"place": place_json(moment.place)} if moment.place else {}) | {
        "attribution": f"{terms.attribution}; place: {PLACE_TERMS.attribution}",
        "licence": f"{terms.licence}; place: {PLACE_TERMS.licence}",
    }


def _age_of(single: Json) -> int | None:
    age: int | None = single.get("record", single)["age_seconds"]
    return age


def _feature(row: Json) -> Json:
    """Return a row as a Feature; one without a place has no geometry."""
    where = [row.pop("longitude"), row.pop("latitude")]
    point = None if None in where else {"type": "Point", "coordinates": where}
    return {"type": "Feature", "geometry": point, "properties": row}


def _listed(begin: Json, name: str, rows: Iterator[Json], end: Json) -> Iterator[bytes]:
    """Write an object that contains a list: what stands before the list, its rows, what stands behind it."""
    yield orjson.dumps(begin)[:-1] + f',"{name}":['.encode()
    comma = b""
    while some := b",".join(map(orjson.dumps, islice(rows, JSON_ROWS))):
        yield comma + some
        comma = b","
    yield b"]," + orjson.dumps(end)[1:] + b"\n"
