"""Answers as CSV: a header line, and one row for each result.

One rule: this is the one place that knows which request is answered with which rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from aqi_service.core.areas import Area
from aqi_service.core.days import DAYS_HEADER, Day, day_row
from aqi_service.core.history import HistoryPage
from aqi_service.core.places import Place, place_rows
from aqi_service.core.recent_loads import REJECT_HEADER, Reject, reject_row
from aqi_service.core.requests import (
    AreaRequest,
    BoxRequest,
    CountryRequest,
    DaysRequest,
    HistoryRequest,
    NearRequest,
    PlaceRequest,
    RecordRequest,
    RejectsRequest,
    SensorRequest,
    SensorsRequest,
)
from aqi_service.core.scoring import Scale
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.sensor_rows import AREA_HEADER, NEAR_HEADER, SENSOR_HEADER, area_row, sensor_row

PIECE_ROWS = 100
"""Rows that are written in one go, in a millisecond or less."""

Found = SensorRecord | Sequence[SensorRecord] | Area | HistoryPage | Sequence[Day] | Sequence[Place]
"""The result of a request; the request decides which of these it is."""


def csv_pieces(request: object, found: Any) -> Iterator[bytes]:
    """Write results piece by piece, with CRLF line ends, UTF-8."""
    return _WRITERS[type(request)](request, found)


def sensor_pieces(
    header: str, records: Iterable[SensorRecord], scale: Scale | None = None
) -> Iterator[bytes]:
    """Write the header line, and one row for each record."""
    rows = (sensor_row(record, scale) for record in records)
    return in_pieces(header.encode(), rows)


def in_pieces(header: bytes, rows: Iterator[bytes]) -> Iterator[bytes]:
    """Join header and rows into pieces of PIECE_ROWS."""
    yield header
    while some := b"".join(islice(rows, PIECE_ROWS)):
        yield some


def _one(request: RecordRequest | SensorRequest, found: SensorRecord) -> Iterator[bytes]:
    return sensor_pieces(SENSOR_HEADER, [found], request.choice.scale)


def _some(request: SensorsRequest, found: Sequence[SensorRecord]) -> Iterator[bytes]:
    header = NEAR_HEADER if isinstance(request, NearRequest) else SENSOR_HEADER
    return sensor_pieces(header, found, request.choice.scale)


def _area(_: AreaRequest, found: Area) -> Iterator[bytes]:
    return iter((AREA_HEADER.encode() + area_row(found),))


def _history(request: HistoryRequest, found: HistoryPage) -> Iterator[bytes]:
    return sensor_pieces(SENSOR_HEADER, found.records, request.choice.scale)


def _days(request: DaysRequest, found: Sequence[Day]) -> Iterator[bytes]:
    rows = (day_row(request.sensor_id, day, request.choice.scale) for day in found)
    return in_pieces(DAYS_HEADER.encode(), rows)


def _places(_: PlaceRequest, found: Sequence[Place]) -> Iterator[bytes]:
    return iter((place_rows(found),))


def _rejects(_: RejectsRequest, found: Sequence[Reject]) -> Iterator[bytes]:
    return in_pieces(REJECT_HEADER, map(reject_row, found))


_WRITERS: Mapping[type, Callable[[Any, Any], Iterator[bytes]]] = MappingProxyType(
    {
        RecordRequest: _one,
        SensorRequest: _one,
        NearRequest: _some,
        BoxRequest: _some,
        CountryRequest: _some,
        AreaRequest: _area,
        HistoryRequest: _history,
        DaysRequest: _days,
        PlaceRequest: _places,
        RejectsRequest: _rejects,
    }
)
