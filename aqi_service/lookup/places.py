"""Requests about places: cities by name, from a file that comes with the program.

One rule: what a person types is looked up here and sent nowhere. The file is read at the first request, in
slices, so neither the start nor a lookup by id waits for it.
"""

import asyncio
from importlib.resources import files
from typing import TYPE_CHECKING

from aqi_service.core.places import Place, Places
from aqi_service.core.places_file import read_places
from aqi_service.core.requests import PlaceRequest
from aqi_service.errors import NoAnswer, SnapshotFailed, SnapshotRejected
from aqi_service.storage.turns import in_turns

if TYPE_CHECKING:
    from aqi_service.core.slices import Slices

FILE = files("aqi_service") / "data" / "places.tsv.gz"

CANNOT_READ = "the list of places cannot be read; install the program anew"


class PlaceLookup:
    """Answers from the file."""

    def __init__(self) -> None:
        self._places: Places | None = None
        self._reading: Slices[Places] | None = None
        self._turn = asyncio.Lock()

    async def find(self, request: PlaceRequest) -> list[Place]:
        """Return the cities with that name, the best first, or none; raises NoAnswer."""
        places = self._places or await self._read()
        return places.find(request.name, request.country)

    async def all(self) -> Places | None:
        """Return all cities; None if the file cannot be read: then answers only lack the city's name."""
        try:
            return self._places or await self._read()
        except NoAnswer:
            return None

    async def _read(self) -> Places:
        """Read the file once for all who wait; if a reader gives up, the next one goes on from there."""
        async with self._turn:
            if self._places is None:
                try:
                    self._reading = self._reading or read_places(await asyncio.to_thread(FILE.read_bytes))
                    self._places = await in_turns(self._reading)
                except (OSError, ValueError, SnapshotFailed, SnapshotRejected) as error:
                    self._reading = None
                    raise NoAnswer(CANNOT_READ) from error
                self._reading = None
            return self._places
