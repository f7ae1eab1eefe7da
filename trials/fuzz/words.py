"""Requests by their names: one payload, read by the server's parser; what is taken is written by the client.

One rule: a payload is a request, or one sentence for whoever asked; and a request that is written down again
is the same request.
"""

from collections.abc import Callable, Mapping
from typing import Any

from aqi_service.client.choice import Choice
from aqi_service.client.requests import request
from aqi_service.core.frames import BAD_REQUEST, MAX_REQUEST
from aqi_service.core.request_words import KINDS, read_request
from aqi_service.core.requests import (
    AreaRequest,
    BoxRequest,
    CountryRequest,
    DaysRequest,
    HistoryRequest,
    NearRequest,
    PlaceRequest,
    Request,
    SensorRequest,
)
from aqi_service.core.times import iso
from aqi_service.errors import BadRequest
from tests.doubles.documents import pieces

NOW = 1_703_095_200
"""2023-12-20T18:00:00Z, a whole minute, as the times of requests are."""

MOST_TOLD = MAX_REQUEST
"""Bytes of a refusal: who asks gets no longer one than what he may send."""

_WORDS: Mapping[type, Callable[[Any], tuple[Any, ...]]] = {
    SensorRequest: lambda asked: ("sensor", asked.sensor_id),
    NearRequest: lambda asked: ("near", *asked.middle, asked.count),
    BoxRequest: lambda asked: ("box", *asked.box),
    CountryRequest: lambda asked: ("country", asked.code),
    AreaRequest: lambda asked: ("area", *asked.middle, asked.kilometres),
    HistoryRequest: lambda asked: ("history", asked.sensor_id, _time(asked.since), _time(asked.until)),
    DaysRequest: lambda asked: ("days", asked.sensor_id, _time(asked.since), _time(asked.until)),
}


def words(data: bytes) -> None:
    """A request that comes back from its own text, or BadRequest with one sentence that can be sent."""
    data = data[:MAX_REQUEST]
    try:
        asked = read_request(data, NOW)
    except BadRequest as error:
        told = str(error)
        assert told.isprintable()
        assert 0 < len(BAD_REQUEST + told.encode()) <= MOST_TOLD
        raise
    assert data.partition(b" ")[0].decode() in KINDS
    assert read_request(spelled(asked).encode(), NOW) == asked


def words_alone(data: bytes) -> None:
    """Only read it, in payloads of which none is longer than one may be."""
    for payload in pieces(data, MAX_REQUEST):
        try:
            read_request(payload, NOW)
        except BadRequest as error:
            str(error).encode()


def spelled(asked: Request) -> str:
    """Write a request down as the client does, which of a place's name only makes the spaces plain."""
    if isinstance(asked, PlaceRequest):
        return f"place {asked.name}" + (f",{asked.country}" if asked.country else "")
    scale = None if asked.choice.scale is None else asked.choice.scale.name
    choice = Choice(asked.choice.indoor, asked.choice.clean, scale)
    return request(*_WORDS[type(asked)](asked), choice=choice)


def _time(seconds: int) -> str:
    return iso(seconds).removesuffix(":00Z") + "Z"
