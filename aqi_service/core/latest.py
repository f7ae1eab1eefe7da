"""All sensors of the latest snapshot, as text: by columns, as GeoJSON, as CSV.

One rule: the text is kept for later answers, so nothing in it depends on the time of the request.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from aqi_service.core.csv_answers import PIECE_ROWS, sensor_pieces
from aqi_service.core.json_answers import SENSOR_TERMS
from aqi_service.core.json_rows import Json, Moment, indoor_of, number
from aqi_service.core.requests import LatestRequest
from aqi_service.core.scoring import Scale
from aqi_service.core.sensor_records import SensorRecord, rescored
from aqi_service.core.sensor_rows import SENSOR_HEADER
from aqi_service.core.times import iso


@dataclass(frozen=True, slots=True, eq=False)
class Latest:
    """What memory knows of all sensors at one moment.

    Attributes:
        records: the record of each sensor, by sensor id.
        scale: the scale on which they are scored.
        newest: the timestamp of the newest record.
        snapshot_time: of the snapshot, epoch seconds.
        holds: tells whether memory would still answer the same.
    """

    records: Sequence[SensorRecord]
    scale: Scale
    newest: str | None
    snapshot_time: int
    holds: Callable[[], bool]


Cell = Callable[[SensorRecord], Any]

_CELLS: dict[str, Cell] = {
    "sensor_id": lambda record: record.item.sensor_id,
    "sensor_type": lambda record: record.item.sensor_type,
    "indoor": lambda record: indoor_of(record.item),
    "latitude": lambda record: number(record.item.latitude),
    "longitude": lambda record: number(record.item.longitude),
    "country": lambda record: record.item.country,
    "id": lambda record: record.item.id,
    "timestamp": lambda record: record.item.timestamp,
    "P2.5": lambda record: number(record.item.pm25),
    "P10": lambda record: number(record.item.pm10),
    "AQI": lambda record: number(record.item.aqi),
    "AQI_range": lambda record: record.item.aqi_range,
    "AQI_pollutant": lambda record: record.item.aqi_pollutant,
    "flags": lambda record: " ".join(record.flags),
    "humidity": lambda record: number(record.humidity),
}
"""The columns, in their order."""

COLUMN_NAMES = tuple(_CELLS)


def columns_pieces(_request: LatestRequest, found: Latest, _moment: Moment) -> Iterator[bytes]:
    """Write one array for each column, in the order of the sensors' ids."""
    columns = [list[bytes]() for _ in _CELLS]
    records = _scored(found)
    while some := list(islice(records, PIECE_ROWS)):
        for column, cell in zip(columns, _CELLS.values(), strict=True):
            column.append(orjson.dumps(list(map(cell, some)))[1:-1])
        yield b""  # nothing yet, so that others have their turn
    yield orjson.dumps(_begin(found))[:-1] + b',"columns":{'
    for place, (name, column) in enumerate(zip(_CELLS, columns, strict=True)):
        yield (b"," if place else b"") + orjson.dumps(name) + b":[" + b",".join(column) + b"]"
    yield b"}," + orjson.dumps(_end())[1:] + b"\n"


def latest_geojson_pieces(_request: LatestRequest, found: Latest, _moment: Moment) -> Iterator[bytes]:
    """Write one Feature for each sensor, with the columns as its properties."""
    yield orjson.dumps({"type": "FeatureCollection"} | _begin(found))[:-1] + b',"features":['
    yield from _joined(map(_feature, _scored(found)))
    yield b"]," + orjson.dumps(_end())[1:] + b"\n"


def latest_csv_pieces(_request: LatestRequest, found: Latest, _moment: Moment) -> Iterator[bytes]:
    """Write one row for each sensor."""
    return sensor_pieces(SENSOR_HEADER, found.records, found.scale)


def _scored(found: Latest) -> Iterator[SensorRecord]:
    """Give the records on the scale."""
    for record in found.records:
        item = rescored(record.item, found.scale)
        yield record if item is record.item else record._replace(item=item)


def _begin(found: Latest) -> Json:
    return {
        "count": len(found.records),
        "newest": found.newest,
        "snapshot_time": iso(found.snapshot_time),
        "scale": found.scale.name,
    }


def _end() -> Json:
    return {"attribution": SENSOR_TERMS.attribution, "licence": SENSOR_TERMS.licence}


def _feature(record: SensorRecord) -> Json:
    row = {name: cell(record) for name, cell in _CELLS.items()}
    where = [row.pop("longitude"), row.pop("latitude")]
    point = None if None in where else {"type": "Point", "coordinates": where}
    return {"type": "Feature", "geometry": point, "properties": row}


def _joined(values: Iterator[Any]) -> Iterator[bytes]:
    comma = b""
    while some := list(islice(values, PIECE_ROWS)):
        yield comma + orjson.dumps(some)[1:-1]
        comma = b","
