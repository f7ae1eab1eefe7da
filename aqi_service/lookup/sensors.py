"""Requests about sensors: by id, near a place, in a box or a country, and the sum of an area.

One rule: a record counts just as a lookup by its id would answer at that moment; what memory leaves to the
table is read there. Nothing here holds the event loop for longer than a slice of work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from aqi_service.core.areas import Area, sum_up
from aqi_service.core.items import Item, is_expired
from aqi_service.core.requests import (
    MOST_ROWS,
    NARROWER,
    AreaRequest,
    BoxRequest,
    Choice,
    CountryRequest,
    NearRequest,
    SensorRequest,
)
from aqi_service.core.scales import SCALES
from aqi_service.core.sensor_records import UNCLEAN, SensorRecord
from aqi_service.core.sensors import Sensors
from aqi_service.core.slices import BUILD_SLICE, SLICE
from aqi_service.errors import BadRequest, NoAnswer, Unavailable
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.turns import in_turns
from aqi_service.lookup.unreadable import NO_SNAPSHOT
from aqi_service.storage.cleanup import gather_or_cancel
from aqi_service.storage.ports import READ_LIMIT, Store

MOST_READS = 4
"""Reads of the table at once for one request."""

Newest = Callable[[int], Awaitable[Item | None]]
"""Gives the newest record that the table has of a sensor."""


class SensorLookup:
    """Answers with what memory has of the latest snapshot; `newest` is asked for a sensor it lacks.

    Each method raises BadRequest past a limit, NoAnswer without a snapshot, Unavailable without the table.
    """

    def __init__(self, memory: MemoryIndex, store: Store, newest: Newest) -> None:
        self._memory, self._store, self._newest = memory, store, newest

    async def sensor(self, request: SensorRequest) -> SensorRecord | None:
        """Return a sensor's newest record; None of one that there is nothing of."""
        return await self._known(request.sensor_id) or await self._other(request.sensor_id)

    def said_of(self, item: Item) -> SensorRecord:
        """Return a record with what the checks say of it, if it is the newest of a sensor of the snapshot."""
        sensors, sensor_id = self._memory.sensors, item.sensor_id or ""
        at = sensors.index.position(int(sensor_id)) if sensors and sensor_id.isdecimal() else None
        if sensors is None or at is None or str(sensors.index.record_ids[at]) != item.id:
            return SensorRecord(item)
        return sensors.record(at, item)

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

    async def near(self, request: NearRequest) -> list[SensorRecord]:
        """Return the nearest sensors.

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
        return [records[at]._replace(metres=metres) for metres, at in near]

    async def box(self, request: BoxRequest) -> list[SensorRecord]:
        """Return the sensors in a box."""
        sensors = self._sensors()
        there = await in_turns(sensors.index.in_box(request.box))
        return await self._listed(sensors, there, request)

    async def country(self, request: CountryRequest) -> list[SensorRecord]:
        """Return a country's sensors."""
        sensors = self._sensors()
        there = sensors.index.in_country(request.code)
        return await self._listed(sensors, there, request)

    async def _listed(
        self, sensors: Sensors, there: Iterable[int], request: BoxRequest | CountryRequest
    ) -> list[SensorRecord]:
        """Return the records of those positions that are wanted, in their order."""
        positions = list(filter(_wanted(sensors, request.choice), there))
        if len(positions) > MOST_ROWS:
            narrow = NARROWER[type(request)]
            raise BadRequest(f"{len(positions)} sensors; at most {MOST_ROWS} a request: {narrow}")
        records = await self._records(sensors, positions)
        return [records[at] for at in positions if at in records]

    async def area(self, request: AreaRequest) -> Area:
        """Return the sum of an area."""
        sensors = self._sensors()
        near = await in_turns(sensors.index.within(request.middle, request.kilometres))
        records = await self._records(sensors, [each.position for each in near])
        return sum_up(request, list(records.values()), SCALES[self._memory.scale_name])

    async def every(self, sensors: Sensors) -> list[SensorRecord]:
        """Return the records of all sensors, by sensor id."""
        found = list[SensorRecord]()
        for start in range(0, len(sensors.index), SLICE):
            positions = range(start, min(start + SLICE, len(sensors.index)))
            found += (await self._records(sensors, positions)).values()
            await asyncio.sleep(0)
        return found

    async def count_asked(self, sensors: Sensors) -> int:
        """Count the sensors whose record memory leaves to the table."""
        asked = 0
        for count, number in enumerate(sensors.index.record_ids):
            if count % BUILD_SLICE == BUILD_SLICE - 1:
                await asyncio.sleep(0)
            asked += self._memory.reply(number) is None
        return asked

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
        return {at: sensors.record(at, item) for at, item in there.items() if item is not None}

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
