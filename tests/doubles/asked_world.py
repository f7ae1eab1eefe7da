"""A server that knows a few sensors, and a command that asks it: what the tests of questions share."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aqi_service.core.items import Item
from aqi_service.core.sensors import sensors_of
from aqi_service.core.snapshot_index import IndexBuilder
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.core.times import day_of, iso
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.storage.turns import in_turns
from tests.doubles.patience import PATIENCE
from tests.doubles.storage_doubles import MemoryStore
from tests.doubles.storage_items import FULL
from tests.doubles.wire_fixtures import serving

HOUR, DAY = 3600, 86_400
SNAPSHOT = 1_703_095_200
NOW = float(SNAPSHOT + 100)
NEWEST = SNAPSHOT - HOUR
"""2023-12-20T17:00, when each sensor has its newest record."""


def record(number: int, sensor_id: int, where: tuple[str, str], at: int = NEWEST, **fields: str) -> Item:
    """Give a record of a sensor, like FULL but for these fields."""
    fields |= {"timestamp": iso(at).replace("T", " ").rstrip("Z"), "date": day_of(at)}
    fields |= {"id": str(number), "sensor_id": str(sensor_id), "latitude": where[0], "longitude": where[1]}
    return Item(**FULL._asdict() | {"measured_at": at, "expires_at": None} | fields)


STUTTGART = ("48.78", "9.18")
SENSORS = (
    record(11, 141, STUTTGART),
    record(12, 142, ("48.79", "9.18"), pm25="37", aqi="4", aqi_range="Medium"),
    record(13, 143, ("48.8", "9.18"), indoor="1"),
    record(14, 900, ("-33.87", "151.2"), country="AU"),
)
"""The newest records of four sensors; 143 is indoors, 900 in Sydney."""

PAST = tuple(record(10_000 + day, 141, STUTTGART, NEWEST - DAY * day + 6 * HOUR) for day in range(1, 800))
"""A record of sensor 141 at 23:00 of each of the 799 days before."""


@dataclass
class Asked:
    """What a server was asked, and the options that lead a command to it."""

    options: Sequence[str] = ()
    requests: list[str] = field(default_factory=list)


async def lookup() -> Lookup:
    """Make what answers requests about the sensors above."""
    memory = MemoryIndex(lambda: NOW)
    builder = IndexBuilder()
    builder.add(SENSORS)
    version = SnapshotVersion("data_20_12_23_18_00.json", SNAPSHOT, "daqi", 4, NEWEST, iso(SNAPSHOT))
    items = {int(each.id): each for each in SENSORS}
    sensors = await in_turns(sensors_of(SENSORS, items.__getitem__, SNAPSHOT))
    index = replace(builder.done(version, NOW), sensors=sensors)
    assert memory.offer(index)
    return Lookup(MemoryStore(*SENSORS, *PAST), lambda: NOW, PATIENCE, memory)


@asynccontextmanager
async def asked() -> AsyncIterator[Asked]:
    """Serve the sensors, and note what is asked."""
    there, answer = Asked(), (await lookup()).answer

    async def noted(payload: bytes) -> bytes:
        there.requests.append(payload.decode())
        return await answer(payload)

    async with serving(noted) as served:
        there.options = ("--port", str(served.port))
        yield there
