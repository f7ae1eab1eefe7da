"""The API over real sockets, with what memory and table have of the bundled capture, or of items by hand.

One rule: what the program puts together is put together here by the same function.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from typing import Any

import aiohttp
import orjson

from aqi_service import __version__
from aqi_service.app.http import Shown, api_answers
from aqi_service.app.metrics import ServiceStatus
from aqi_service.core.exclusions import ExcludedSensors
from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.items import Item
from aqi_service.core.packed_item import unpack
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.places import Places
from aqi_service.core.places_file import read_places
from aqi_service.core.scales import DAQI
from aqi_service.core.sensors import sensors_of
from aqi_service.core.slices import run_through
from aqi_service.core.snapshot_index import IndexBuilder, SnapshotIndex
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.places import FILE
from aqi_service.server.large_replies import HTTP_SLOTS, LargeReplies
from aqi_service.server.limits import ServerCounts
from aqi_service.server.sockets import listen
from aqi_service.snapshots.recent_loads import RecentLoads
from aqi_service.storage.ports import Storage
from aqi_service.web.app import Answers, http_port
from tests.doubles.documents import assemble, real_capture
from tests.doubles.load_helpers import TABLE
from tests.doubles.patience import PATIENCE
from tests.doubles.storage_doubles import MemoryArchive, MemoryStore
from tests.doubles.wire_fixtures import serving

TAKEN = 1_502_364_180
"""2017-08-10T11:23Z, when the bundled capture was."""

NOW = TAKEN + 300.0


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@cache
def capture_items() -> tuple[Item, ...]:
    out, _ = assemble(real_capture(), rules=ScoringRules(DAQI, TAKEN))
    return tuple(item for item in out if isinstance(item, Item))


@cache
def capture_index() -> SnapshotIndex:
    boxes = BoxHumidity(TAKEN)
    reader = DocumentReader(ScoringRules(DAQI, TAKEN), boxes=boxes)
    for _ in (*reader.feed(real_capture()), *reader.close()):
        pass
    return index_of(capture_items(), boxes=boxes)


def index_of(
    items: tuple[Item, ...], started: str = "2017-08-10T11:23:01Z", boxes: BoxHumidity | None = None
) -> SnapshotIndex:
    """Make the index of a snapshot of these items."""
    version = SnapshotVersion(
        "data_10_08_17_11_23.json",
        TAKEN,
        "daqi",
        len(items),
        TAKEN,
        started,
        sha256(real_capture()).hexdigest(),
        __version__,
        not_24h_mean=True,
    )
    builder = IndexBuilder()
    builder.add(items)
    index = builder.done(version, NOW)
    packed = index.packed
    humidity = (boxes or BoxHumidity(TAKEN)).of
    sensors = run_through(
        sensors_of(map(unpack, packed.values()), lambda number: unpack(packed[number]), TAKEN, humidity)
    )
    return replace(index, sensors=sensors)


@cache
def places_read() -> Places:
    """Read the list of places, once for all tests of a process."""
    return run_through(read_places(FILE.read_bytes()))


async def ready() -> str | None:
    return None


@dataclass
class ApiWorld:
    """A port with an API; `now` is what time it is, `excluded` are the sensors that are left out."""

    store: Any = field(default_factory=MemoryStore)
    archive: Any = field(default_factory=MemoryArchive)
    now: float = NOW
    port: int = 0
    excluded: ExcludedSensors = field(default_factory=ExcludedSensors)

    def __post_init__(self) -> None:
        self.memory = MemoryIndex(lambda: self.now, self.excluded)
        storage = Storage(self.archive, self.store)
        self.recent = RecentLoads(storage, TABLE, lambda: self.now, self.excluded)
        self.large = LargeReplies(HTTP_SLOTS)
        self.lookup = Lookup(self.store, lambda: self.now, PATIENCE, self.memory)
        self.lookup._answers.places._places = places_read()

    async def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Reply:
        """Ask for a path below /api/v1."""
        url = f"http://127.0.0.1:{self.port}/api/v1{path}"
        async with aiohttp.request(method, url, headers=headers) as response:
            return Reply(response.status, await response.read(), dict(response.headers))


@asynccontextmanager
async def served(world: ApiWorld) -> AsyncIterator[ApiWorld]:
    sockets = listen("127.0.0.1", 0)
    world.port = sockets[0].getsockname()[1]
    status = ServiceStatus(ServerCounts(), memory=world.memory)
    api = api_answers(Shown(status, world.lookup, ready, world.recent, world.large))
    async with http_port(sockets, Answers(ready, bytes, api=api)):
        yield world


def capture_world(now: float = NOW) -> ApiWorld:
    """Give what has the bundled capture in memory and in the table."""
    world = ApiWorld(MemoryStore(*capture_items()), now=now)
    world.memory.offer(capture_index())
    return world


@asynccontextmanager
async def capture_served() -> AsyncIterator[ApiWorld]:
    """Serve it over HTTP."""
    async with served(capture_world()) as world:
        yield world


@asynccontextmanager
async def capture_on_wire(now: float = NOW) -> AsyncIterator[int]:
    """Serve it over framed TCP; give the port."""
    async with serving(capture_world(now).lookup.answer) as server:
        yield server.port
