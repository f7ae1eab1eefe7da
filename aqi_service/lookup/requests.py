"""All requests but those for a record's id, each given to the function that finds its answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from aqi_service.core.csv_answers import Found, csv_pieces, in_pieces
from aqi_service.core.frames import MAX_REPLY, NOT_FOUND
from aqi_service.core.history import HistoryPage, page_of
from aqi_service.core.items import Item
from aqi_service.core.latest import Latest
from aqi_service.core.metrics_text import Measured
from aqi_service.core.requests import (
    MOST_PAGE,
    NARROWER,
    AreaRequest,
    BoxRequest,
    CountryRequest,
    DaysRequest,
    HistoryRequest,
    LatestRequest,
    MetricsRequest,
    NearRequest,
    PlaceRequest,
    Request,
    SensorRequest,
)
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.sensor_rows import SENSOR_HEADER, sensor_row
from aqi_service.errors import BadRequest, Busy, MissingResource, NoAnswer
from aqi_service.lookup.history import SensorHistory
from aqi_service.lookup.latest import LatestSensors
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.places import PlaceLookup
from aqi_service.lookup.sensors import SensorLookup
from aqi_service.storage.ports import Store
from aqi_service.storage.turns import give_way

HOURS_SECONDS = 1.0
"""How many seconds an answer about a sensor waits for the number of its hours in the table."""

TURN_SECONDS = 3.5
"""How many seconds a reply waits for its turn: one is written at a time, since together all would be late."""

_NO_TURN = "too many replies are being made; try again later, or ask for less"

Answer = Found | Latest | Measured

Finder = Callable[[Any], Awaitable[Answer | None]]
"""Finds the result of requests of one type; None means that there is no such thing."""


class RequestAnswers:
    """Answers requests from memory, the table, and the list of places.

    Each method raises BadRequest, Busy, or Unavailable with a sentence for the reader.
    """

    def __init__(self, memory: MemoryIndex, store: Store, read_units: float) -> None:
        self.history = SensorHistory(store, memory.ages, read_units, excluded=memory.excluded)
        self._sensors, self.places = SensorLookup(memory, store, self.history.newest), PlaceLookup()
        self._writing = asyncio.Semaphore(1)
        self._finders: Mapping[type, Finder] = {
            SensorRequest: self._sensor,
            NearRequest: self._sensors.near,
            BoxRequest: self._sensors.box,
            CountryRequest: self._sensors.country,
            AreaRequest: self._sensors.area,
            HistoryRequest: self._page,
            DaysRequest: self.history.days,
            PlaceRequest: self.places.find,
            LatestRequest: LatestSensors(memory, self._sensors).all,
            MetricsRequest: self._measured,
        }

    async def find(self, request: Request | LatestRequest | MetricsRequest) -> Answer | None:
        """Return the result of a request (one page of a history); None if there is no such sensor."""
        return await self._finders[type(request)](request)

    async def _sensor(self, request: SensorRequest) -> SensorRecord | None:
        found = await self._sensors.sensor(request)
        if found is None or found.check is None or not request.hours:
            return found
        return found._replace(hours_seen=await self._hours_seen(request.sensor_id, found.item))

    async def _hours_seen(self, sensor_id: int, item: Item) -> int | None:
        """Return how many of the 24 hours up to a record have one in the table; None if it is too busy."""
        if item.measured_at is None:
            return None
        try:
            async with asyncio.timeout(HOURS_SECONDS):
                return await self.history.hours_seen(sensor_id, item.measured_at)
        except NoAnswer as error:
            if isinstance(error.__cause__, MissingResource):
                raise
        except (Busy, TimeoutError):
            pass
        return None

    def said_of(self, item: Item) -> SensorRecord:
        """Return a record with what the checks say of it."""
        return self._sensors.said_of(item)

    async def answer(self, request: Request) -> bytes:
        """Return a request's whole result as CSV, or `Item not found`."""
        if isinstance(request, HistoryRequest):
            scale = request.choice.scale
            rows = await self.history.history(request, lambda record: sensor_row(record, scale))
            pieces = in_pieces(SENSOR_HEADER.encode(), iter(rows))
        else:
            found = await self.find(request)
            if found is None:
                return NOT_FOUND
            pieces = csv_pieces(request, found)
        async with self._turn() if isinstance(request, BoxRequest | CountryRequest) else nullcontext():
            reply = await _joined(pieces)
        if len(reply) > MAX_REPLY:
            narrow = NARROWER.get(type(request), "ask for less")
            raise BadRequest(f"{len(reply)} bytes; at most {MAX_REPLY} a reply: {narrow}")
        return bytes(reply)

    async def _measured(self, request: MetricsRequest) -> Measured:
        found = await self._sensors.some([sensor.sensor_id for sensor in request.sensors])
        areas = [(name, await self._sensors.area(area)) for name, area in request.areas]
        there = [found[each.sensor_id] for each in request.sensors if each.sensor_id in found]
        return Measured(there, areas)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for the turn to write a reply; raises Busy if that takes too long."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._writing.acquire()
        except TimeoutError:
            raise Busy(_NO_TURN) from None
        try:
            yield
        finally:
            self._writing.release()

    async def _page(self, request: HistoryRequest) -> HistoryPage:
        return page_of(await self.history.history(request, lambda record: record, MOST_PAGE), MOST_PAGE)


async def _joined(pieces: Iterable[bytes]) -> bytearray:
    """Join the pieces of a reply; each is made in its own turn of the event loop."""
    reply = bytearray()
    for piece in pieces:
        reply += piece
        await give_way()
    return reply
