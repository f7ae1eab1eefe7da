"""Requests about sensors: by id, near a place, in a box or a country, and the summary of an area.

One rule: a record is the one that a lookup by its id would give at that moment; records that memory leaves to
the table are read there. Nothing here holds the event loop for longer than a slice of work.
"""

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from aqi_service.core.areas import Area, sum_up
from aqi_service.core.items import Item
from aqi_service.core.packed_item import pack
from aqi_service.core.packed_records import PackedRecords
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
from aqi_service.core.slices import BUILD_SLICE, SLICE, Slices
from aqi_service.errors import BadRequest, NoAnswer, Unavailable
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.unreadable import NO_SNAPSHOT
from aqi_service.storage.cleanup import gather_or_cancel
from aqi_service.storage.ports import READ_LIMIT, Store
from aqi_service.storage.turns import give_way, in_turns

MOST_READS = 4
"""Reads of the table under way at the same time for one request."""

Newest = Callable[[int], Awaitable[Item | None]]
"""Gives a sensor's newest record in the table."""


class SensorLookup:
    """Answers from the latest snapshot in memory; `newest` is called for a sensor that it lacks.

    Each method raises BadRequest beyond a limit, NoAnswer without a snapshot, Unavailable without the table.
    """

    def __init__(self, memory: MemoryIndex, store: Store, newest: Newest) -> None:
        self._memory, self._store, self._newest = memory, store, newest

    async def sensor(self, request: SensorRequest) -> SensorRecord | None:
        """Return a sensor's newest record; None if there is none."""
        return (await self.some([request.sensor_id])).get(request.sensor_id)

    async def some(self, sensor_ids: Sequence[int]) -> Mapping[int, SensorRecord]:
        """Return the newest records of sensors, without sensors that have none."""
        found = await self._known(sensor_ids)

        async def add(sensor_id: int) -> None:
            if other := await self._other(sensor_id):
                found[sensor_id] = other

        await gather_or_cancel(add(each) for each in sensor_ids if each not in found)
        return found

    def said_of(self, item: Item) -> SensorRecord:
        """Return a record, with the checks' result if it is the newest of a sensor of the snapshot."""
        sensors, sensor_id = self._memory.sensors, item.sensor_id or ""
        at = sensors.index.position(int(sensor_id)) if sensors and sensor_id.isdecimal() else None
        if sensors is None or at is None or str(sensors.index.record_ids[at]) != item.id:
            return SensorRecord(item)
        return sensors.record(at, item)

    async def _known(self, sensor_ids: Iterable[int]) -> dict[int, SensorRecord]:
        """Return the records of the sensors that the snapshot has."""
        sensors = self._memory.sensors
        if sensors is None:
            return {}
        places = {each: at for each in sensor_ids if (at := sensors.index.position(each)) is not None}
        records = await self._records(sensors, list(places.values()))
        found = dict(zip(records.positions, records, strict=True))
        return {each: found[at] for each, at in places.items() if at in found}

    async def _other(self, sensor_id: int) -> SensorRecord | None:
        item = await self._newest(sensor_id)
        return SensorRecord(item) if (item := self._memory.there(item)) else None

    async def near(self, request: NearRequest) -> list[SensorRecord]:
        """Return the nearest sensors.

        It searches again without sensors that turn out to be gone, until there are enough.
        """
        sensors, gone = self._sensors(), set[int]()
        wanted = _wanted(sensors, request.choice, self._memory.excluded.ids)
        while True:
            near = await in_turns(
                sensors.index.nearest(request.middle, request.count, lambda at: at not in gone and wanted(at))
            )
            records = await self._records(sensors, [each.position for each in near])
            if len(records) == len(near):
                break
            gone.update({each.position for each in near}.difference(records.positions))
        return [record._replace(metres=each.metres) for record, each in zip(records, near, strict=True)]

    async def box(self, request: BoxRequest) -> PackedRecords:
        """Return the sensors in a box."""
        sensors = self._sensors()
        there = await in_turns(sensors.index.in_box(request.box))
        return await self._listed(sensors, there, request)

    async def country(self, request: CountryRequest) -> PackedRecords:
        """Return a country's sensors."""
        sensors = self._sensors()
        there = sensors.index.in_country(request.code)
        return await self._listed(sensors, there, request)

    async def _listed(
        self, sensors: Sensors, there: Sequence[int], request: BoxRequest | CountryRequest
    ) -> PackedRecords:
        """Return the records of the wanted positions, in order."""
        wanted = _wanted(sensors, request.choice, self._memory.excluded.ids)
        positions = await in_turns(_chosen(there, wanted))
        if len(positions) > MOST_ROWS:
            narrow = NARROWER[type(request)]
            raise BadRequest(f"{len(positions)} sensors; at most {MOST_ROWS} a request: {narrow}")
        return await self._records(sensors, positions)

    async def area(self, request: AreaRequest) -> Area:
        """Return the summary of an area."""
        sensors = self._sensors()
        near = await in_turns(sensors.index.within(request.middle, request.kilometres))
        records = await self._records(sensors, near)
        return await in_turns(sum_up(request, records, SCALES[self._memory.scale_name]))

    async def every(self, sensors: Sensors) -> PackedRecords:
        """Return the records of all sensors, by sensor id."""
        return await self._records(sensors, range(len(sensors.index)))

    async def count_asked(self, sensors: Sensors) -> int:
        """Count the sensors whose records memory leaves to the table."""
        asked, excluded = 0, self._memory.excluded
        for count, (sensor_id, number) in enumerate(
            zip(sensors.index.sensor_ids, sensors.index.record_ids, strict=True)
        ):
            if count % BUILD_SLICE == BUILD_SLICE - 1:
                await give_way()
            asked += sensor_id not in excluded.ids and self._memory.packed(number) is None
        return asked

    def _sensors(self) -> Sensors:
        sensors = self._memory.sensors
        if sensors is None:
            raise NoAnswer(NO_SNAPSHOT)
        return sensors

    async def _records(self, sensors: Sensors, positions: Sequence[int]) -> PackedRecords:
        """Return the newest records of the sensors at these positions, without those that are gone."""
        record_ids, memory = sensors.index.record_ids, self._memory
        excluded = memory.excluded.ids
        positions = _served(sensors, positions, excluded)
        records = list[bytes | Item | None]()
        for start in range(0, len(positions), BUILD_SLICE):
            records += [memory.packed(record_ids[at]) for at in positions[start : start + BUILD_SLICE]]
            await give_way()
        asked = [record_ids[at] for at, record in zip(positions, records, strict=True) if record is None]
        found = await self._from_table(asked) if asked else {}
        there, kept = array("l"), list[bytes | Item]()
        for count, (at, known) in enumerate(zip(positions, records, strict=True)):
            if count % SLICE == SLICE - 1:
                await give_way()
            record = found.get(record_ids[at]) if known is None else known
            if record is not None:
                there.append(at)
                kept.append(record)
        if memory.excluded.ids is not excluded:  # another list has come meanwhile
            return await self._records(sensors, positions)
        return PackedRecords(sensors, there, kept)

    async def _from_table(self, ids: Sequence[int]) -> Mapping[int, bytes | Item]:
        """Read records that memory leaves to the table; if the table did not answer for one, all fail."""
        found: dict[int, bytes | Item | None] = {}
        places = asyncio.Semaphore(MOST_READS)

        async def read(some: Sequence[int]) -> None:
            async with places:
                items = await self._store.get_many(list(map(str, some)))
            for record_id, item in items.items():
                there = self._memory.there(item)
                found[int(record_id)] = None if there is None else pack(there) or there

        await gather_or_cancel(
            read(ids[start : start + READ_LIMIT]) for start in range(0, len(ids), READ_LIMIT)
        )
        if len(found) < len(ids):
            raise Unavailable("the table did not get to all of it in time")
        return {number: record for number, record in found.items() if record is not None}


def _served(sensors: Sensors, positions: Sequence[int], excluded: frozenset[int]) -> Sequence[int]:
    """Return the positions whose sensors are not left out."""
    if not excluded:
        return positions
    sensor_ids = sensors.index.sensor_ids
    return [at for at in positions if sensor_ids[at] not in excluded]


def _wanted(sensors: Sensors, choice: Choice, excluded: frozenset[int]) -> Callable[[int], bool]:
    """Return a function that tells whether the sensor at a position is wanted, and not left out."""

    def wanted(at: int) -> bool:
        if excluded and sensors.index.sensor_ids[at] in excluded:
            return False
        if sensors.index.indoor[at] and not choice.indoor:
            return False
        return not choice.clean or UNCLEAN.isdisjoint(sensors.checks.flags(at))

    return wanted


def _chosen(there: Sequence[int], wanted: Callable[[int], bool]) -> Slices[list[int]]:
    """Return the wanted positions."""
    chosen = list[int]()
    for start in range(0, len(there), SLICE):
        chosen += filter(wanted, there[start : start + SLICE])
        yield
    return chosen
