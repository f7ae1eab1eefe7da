"""Requests about sensors: by id, near a place, in a box or a country, and the sum of an area.

One rule: a record counts just as a lookup by its id would answer at that moment; what memory leaves to the
table is read there. Nothing here holds the event loop for longer than a slice of work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from aqi_service.core.frames import MAX_REPLY, NOT_FOUND
from aqi_service.core.items import Item, is_expired
from aqi_service.core.requests import (
    MOST_ROWS,
    AreaRequest,
    BoxRequest,
    Choice,
    CountryRequest,
    NearRequest,
    SensorRequest,
)
from aqi_service.core.scales import SCALES
from aqi_service.core.sensor_rows import (
    AREA_HEADER,
    NEAR_HEADER,
    SENSOR_HEADER,
    UNCLEAN,
    SensorRecord,
    area_row,
    sensor_row,
)
from aqi_service.core.sensors import Sensors
from aqi_service.core.slices import BUILD_SLICE
from aqi_service.errors import BadRequest, NoAnswer, Unavailable
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.turns import in_turns
from aqi_service.storage.cleanup import gather_or_cancel
from aqi_service.storage.ports import READ_LIMIT, Store

MOST_READS = 4
"""Reads of the table at once for one request."""

NO_SNAPSHOT = "no snapshot yet (the first one is being loaded, or read; try again later)"

Newest = Callable[[int], Awaitable[Item | None]]
"""Gives the newest record that the table has of a sensor."""


class SensorLookup:
    """Answers, in CSV, with what memory has of the latest snapshot; `newest` is asked for a sensor it lacks.

    Each method raises BadRequest past a limit, NoAnswer without a snapshot, Unavailable without the table.
    """

    def __init__(self, memory: MemoryIndex, store: Store, newest: Newest) -> None:
        self._memory, self._store, self._newest = memory, store, newest

    async def sensor(self, request: SensorRequest) -> bytes:
        """Return the row of a sensor's newest record, or `Item not found`."""
        record = await self._known(request.sensor_id) or await self._other(request.sensor_id)
        if record is None:
            return NOT_FOUND
        return SENSOR_HEADER.encode() + sensor_row(record, request.choice.scale)

    async def _known(self, sensor_id: int) -> SensorRecord | None:
        """Return the record of a sensor that the snapshot has."""
        sensors = self._memory.sensors
        at = None if sensors is None else sensors.index.position(sensor_id)
        if sensors is None or at is None:
            return None
        return (await self._records(sensors, [at])).get(at)

    async def _other(self, sensor_id: int) -> SensorRecord | None:
        item = await self._newest(sensor_id)
        return None if item is None or is_expired(item, self._memory.ages()) else SensorRecord(item)

    async def near(self, request: NearRequest) -> bytes:
        """Return the rows of the nearest sensors.

        It searches again without those that turn out to be gone, until there are enough.
        """
        sensors, gone = self._sensors(), set[int]()
        wanted = _wanted(sensors, request.choice)
        while True:
            near = await in_turns(
                sensors.index.nearest(request.middle, request.count, lambda at: at not in gone and wanted(at))
            )
            records = await self._records(sensors, [each.position for each in near])
            if len(records) == len(near):
                break
            gone.update(each.position for each in near if each.position not in records)
        rows = [sensor_row(records[at], request.choice.scale, metres) for metres, at in near]
        return NEAR_HEADER.encode() + b"".join(rows)

    async def box(self, request: BoxRequest) -> bytes:
        """Return the rows of the sensors in a box."""
        sensors = self._sensors()
        there = await in_turns(sensors.index.in_box(request.box))
        return await self._listed(sensors, there, request.choice, "ask for a smaller box")

    async def country(self, request: CountryRequest) -> bytes:
        """Return the rows of a country's sensors."""
        sensors = self._sensors()
        there = sensors.index.in_country(request.code)
        return await self._listed(sensors, there, request.choice, "ask for boxes of it")

    async def _listed(self, sensors: Sensors, there: Iterable[int], choice: Choice, narrow: str) -> bytes:
        """Write a row for each of those positions that is wanted."""
        positions = list(filter(_wanted(sensors, choice), there))
        if len(positions) > MOST_ROWS:
            raise BadRequest(f"{len(positions)} sensors; at most {MOST_ROWS} a request: {narrow}")
        records = await self._records(sensors, positions)
        reply = bytearray(SENSOR_HEADER.encode())
        for count, at in enumerate(positions):
            if count % BUILD_SLICE == 0:
                await asyncio.sleep(0)
            if record := records.get(at):
                reply += sensor_row(record, choice.scale)
        if len(reply) > MAX_REPLY:
            raise BadRequest(f"{len(reply)} bytes; at most {MAX_REPLY} a reply: {narrow}")
        return bytes(reply)

    async def area(self, request: AreaRequest) -> bytes:
        """Return the row that sums up an area."""
        sensors = self._sensors()
        near = await in_turns(sensors.index.within(request.middle, request.kilometres))
        records = await self._records(sensors, [each.position for each in near])
        row = area_row(request, list(records.values()), SCALES[self._memory.scale_name])
        return AREA_HEADER.encode() + row

    def _sensors(self) -> Sensors:
        sensors = self._memory.sensors
        if sensors is None:
            raise NoAnswer(NO_SNAPSHOT)
        return sensors

    async def _records(self, sensors: Sensors, positions: Sequence[int]) -> Mapping[int, SensorRecord]:
        """Return the newest records of the sensors at these positions, but for those that are not there."""
        there: dict[int, Item | None] = {}
        asked: list[int] = []
        for count, at in enumerate(positions):
            if count % BUILD_SLICE == BUILD_SLICE - 1:
                await asyncio.sleep(0)
            item = there[at] = self._memory.item(sensors.index.record_ids[at])
            if item is None:
                asked.append(at)
        if asked:
            found = await self._from_table([str(sensors.index.record_ids[at]) for at in asked])
            there |= {at: found.get(str(sensors.index.record_ids[at])) for at in asked}
        return {at: SensorRecord(item, sensors.checks[at]) for at, item in there.items() if item is not None}

    async def _from_table(self, ids: Sequence[str]) -> Mapping[str, Item]:
        """Read records that memory leaves to the table; one that the table did not get to fails them all."""
        found: dict[str, Item | None] = {}
        places = asyncio.Semaphore(MOST_READS)

        async def read(some: Sequence[str]) -> None:
            async with places:
                found.update(await self._store.get_many(some))

        await gather_or_cancel(
            read(ids[start : start + READ_LIMIT]) for start in range(0, len(ids), READ_LIMIT)
        )
        if len(found) < len(ids):
            raise Unavailable("the table did not get to all of it in time")
        ages = self._memory.ages()
        return {each: item for each, item in found.items() if item is not None and not is_expired(item, ages)}


def _wanted(sensors: Sensors, choice: Choice) -> Callable[[int], bool]:
    """Return what tells whether the sensor at a position is one of the choice."""

    def wanted(at: int) -> bool:
        if sensors.index.indoor[at] and not choice.indoor:
            return False
        return not choice.clean or UNCLEAN.isdisjoint(sensors.checks[at].flags)

    return wanted
