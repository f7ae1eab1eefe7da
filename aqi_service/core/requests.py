"""The requests, as values, and how much each may ask for.

One rule: the wire and HTTP ask with the same values (core/request_words.py reads them from the wire).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aqi_service.core.geo import Box, Point
from aqi_service.core.scales import DAQI, US_EPA
from aqi_service.core.scoring import Scale

MOST_NEAREST, USUAL_NEAREST = 100, 5
"""How many sensors `near` gives at most, and by default."""

LEAST_KM, MOST_KM = 0.1, 100.0
"""The smallest and the largest radius of an area."""

MOST_HISTORY_DAYS, USUAL_HISTORY_DAYS = 31, 7
MOST_DAYS, USUAL_DAYS = 400, 30

MOST_ROWS = 10_000
"""Rows of one reply: some 1.3 MB."""

MOST_PAGE = 1_000
"""Rows of a page of a history over HTTP."""

MOST_LOADS, MOST_REJECTS = 24, 1_000
"""Most reports of loads, and rejected records, that readers are shown."""

MOST_METRIC_SENSORS, MOST_METRIC_AREAS = 100, 20
"""Most sensors, and areas, in one answer for Prometheus."""

MOST_PLACES = 10
"""Most places for one name."""

LARGE = ("box", "country", "history", "days")
"""The requests whose replies can have many rows."""

ASKED_SCALES: Mapping[str, Scale] = MappingProxyType({scale.name: scale for scale in (DAQI, US_EPA)})
"""Scales for an answer: their indices can be computed from the stored values."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sensors are wanted, and on which scale they are scored.

    Attributes:
        indoor: True to get indoor sensors as well.
        clean: True to get no sensors with the flags `stale`, `high` or `low`.
        scale: the scale for the answer; None is the one on which the record was scored.
    """

    indoor: bool = False
    clean: bool = False
    scale: Scale | None = None


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """A record by its id; on the wire only the id."""

    record_id: int
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class LatestRequest:
    """All sensors of the latest snapshot; not on the wire."""

    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class LoadsRequest:
    """The reports of the last loads; not on the wire."""


@dataclass(frozen=True, slots=True)
class RejectsRequest:
    """The rejected records of the newest load; not on the wire."""


@dataclass(frozen=True, slots=True)
class ScalesRequest:
    """The scales themselves; not on the wire."""


@dataclass(frozen=True, slots=True)
class SensorRequest:
    """`sensor ID`: its newest record; with `hours` also the number of the last 24 hours with a record."""

    sensor_id: int
    choice: Choice = Choice()
    hours: bool = False


@dataclass(frozen=True, slots=True)
class NearRequest:
    """`near LAT LON [N]`: the nearest sensors."""

    middle: Point
    count: int
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class BoxRequest:
    """`box SOUTH WEST NORTH EAST`: the sensors in the box."""

    box: Box
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class CountryRequest:
    """`country CC`: the country's sensors; `code` is two capital letters."""

    code: str
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class AreaRequest:
    """`area LAT LON KM`: one row about the sensors within KM kilometres."""

    middle: Point
    kilometres: float
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """`history ID [SINCE [UNTIL]]`: a sensor's records, since <= time < until (epoch seconds)."""

    sensor_id: int
    since: int
    until: int
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class DaysRequest:
    """`days ID [SINCE [UNTIL]]`: a sensor's days, since <= midnight < until (epoch seconds)."""

    sensor_id: int
    since: int
    until: int
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class PlaceRequest:
    """`place NAME`: cities with that name; `country` is two capital letters, or None."""

    name: str
    country: str | None = None


@dataclass(frozen=True, slots=True)
class MetricsRequest:
    """Sensors, and areas by name, as series for Prometheus; not on the wire."""

    sensors: tuple[SensorRequest, ...]
    areas: tuple[tuple[str, AreaRequest], ...]
    choice: Choice = Choice()


NARROWER: Mapping[type, str] = MappingProxyType(
    {
        BoxRequest: "ask for a smaller box",
        CountryRequest: "ask for boxes of it",
        HistoryRequest: "ask for SINCE and UNTIL that are nearer",
        DaysRequest: "ask for SINCE and UNTIL that are nearer",
    }
)
"""How to ask for less, for each request whose reply may be too large."""

SensorsRequest = SensorRequest | NearRequest | BoxRequest | CountryRequest
Request = SensorsRequest | AreaRequest | HistoryRequest | DaysRequest | PlaceRequest
LookupRequest = Request | RecordRequest | LatestRequest | MetricsRequest
HttpRequest = LookupRequest | LoadsRequest | RejectsRequest | ScalesRequest
