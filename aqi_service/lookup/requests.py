"""Requests beside a record's id, each handed to the one who answers it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

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
from aqi_service.lookup.history import SensorHistory
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.places import PlaceLookup
from aqi_service.lookup.sensors import SensorLookup
from aqi_service.storage.ports import Store

Answer = Callable[[Any], Awaitable[bytes]]
"""Answers requests of one type."""


class RequestAnswers:
    """Answers requests out of memory, the table, and the list of places."""

    def __init__(self, memory: MemoryIndex, store: Store, read_units: float) -> None:
        self.history = SensorHistory(store, memory.ages, read_units)
        sensors, places = SensorLookup(memory, store, self.history.newest), PlaceLookup()
        self._answers: Mapping[type, Answer] = {
            SensorRequest: sensors.sensor,
            NearRequest: sensors.near,
            BoxRequest: sensors.box,
            CountryRequest: sensors.country,
            AreaRequest: sensors.area,
            HistoryRequest: self.history.history,
            DaysRequest: self.history.days,
            PlaceRequest: places.answer,
        }

    async def answer(self, request: Request) -> bytes:
        """Return the reply; raises BadRequest, Busy, or Unavailable with a sentence for whoever asked."""
        return await self._answers[type(request)](request)
