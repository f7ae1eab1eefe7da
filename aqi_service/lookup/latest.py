"""All sensors of the latest snapshot together, and whether memory still answers the same.

One rule: records that memory leaves to the table are read there, but only if they are few.
"""

import asyncio
import math

from aqi_service.core.clocks import freshness
from aqi_service.core.items import Item
from aqi_service.core.latest import Latest
from aqi_service.core.requests import LatestRequest
from aqi_service.core.scales import SCALES
from aqi_service.core.slices import BUILD_SLICE
from aqi_service.errors import NoAnswer
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.sensors import SensorLookup
from aqi_service.lookup.unreadable import NO_SNAPSHOT
from aqi_service.storage.turns import give_way

MOST_ASKED = 2_000
"""Most records that are read from the table for it: a twentieth of a snapshot, or less."""

KEPT_SECONDS = 60.0
"""How many seconds the result stays valid if the table was asked, which may change unseen."""

LEAST_SECONDS = 5.0
"""How many seconds the result stays valid in any case: a load changes memory with each write."""

IN_DOUBT = "memory is being compared with the table; try again later"


class LatestSensors:
    """Answers with all sensors that memory has."""

    def __init__(self, memory: MemoryIndex, sensors: SensorLookup) -> None:
        self._memory, self._sensors = memory, sensors

    async def all(self, request: LatestRequest) -> Latest:
        """Return all sensors; raises NoAnswer without a snapshot, Unavailable without the table."""
        memory, loop = self._memory, asyncio.get_running_loop()
        index, mark, begun, excluded = memory.index, memory.mark(), loop.time(), memory.excluded.ids
        if index is None or index.sensors is None:
            raise NoAnswer(NO_SNAPSHOT)
        asked = await self._sensors.count_asked(index.sensors)
        if asked > MOST_ASKED:
            raise NoAnswer(IN_DOUBT)
        records = await self._sensors.every(index.sensors)
        expires, newest = math.inf, Item("")
        for count, (item, *_) in enumerate(records):
            if count % BUILD_SLICE == BUILD_SLICE - 1:
                await give_way()
            expires = expires if item.expires_at is None else min(expires, item.expires_at)
            newest = max(newest, item, key=_freshness)

        def holds() -> bool:
            age = loop.time() - begun
            if memory.ages() >= expires or (asked and age >= KEPT_SECONDS):
                return False
            if memory.excluded.ids is not excluded:
                return False
            return age < LEAST_SECONDS or memory.mark() == mark

        scale = request.choice.scale or SCALES[index.version.scale]
        return Latest(records, scale, newest.timestamp, index.version.snapshot_time, holds)


def _freshness(item: Item) -> tuple[bool, int]:
    return freshness(item.measured_at, item.snapshot_at)
