"""The model of load/test_any_order.py on the real tables: SQLite, and DynamoDB as moto plays it.

One rule: only the table is real; the archive is in memory, where a killed load leaves no lock behind.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings

from aqi_service.core.snapshot_names import snapshot_name
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.local.store import LocalStore
from tests.doubles.delivery_checks import check_archive, check_reports, check_table
from tests.doubles.delivery_processes import FAULTS, Job, Process, Step, Turned, jobs, steps
from tests.doubles.delivery_reference import Keeping, Snapshot
from tests.doubles.delivery_snapshots import NOW, TAKEN, TIMES, TTLS, element
from tests.doubles.delivery_world import World, in_pieces, on_standing_clock
from tests.doubles.documents import document_of
from tests.doubles.faults.clients import at_once
from tests.doubles.load_places import Place, aws_place, local_place
from tests.doubles.moto_names import Moto
from tests.profiles import SHARED

FEW = settings(max_examples=10, suppress_health_check=SHARED)
"""Every example makes a new table; what else a fixture gives is the same for all."""

HAPPENS = steps() | steps(*FAULTS)


def race(*seen: tuple[int, str, str]) -> list[Job]:
    """Give replays of one record, each by when it was taken and measured, and its PM10."""
    taken = [Snapshot(t, document_of(element(1, time, 7, P1=value))) for t, time, value in seen]
    return [Job(one, "file", snapshot_name(one.taken)) for one in taken]


OLDER_WRITTEN_LAST = (
    race((TAKEN[1], TIMES[0], "10"), (TAKEN[0], TIMES[1], "20")),
    race((TAKEN[0], TIMES[0], "10"), (TAKEN[1], TIMES[0], "20")),
)
"""The first load has read when the second begins, and writes when that is done."""


def first_reads(calls: int) -> list[Step]:
    """Stop the first load after so many calls until the second is done."""
    return [Step(0, calls), Step(1, 50)]


CALLS = ("batch_get_item", "batch_write_item", "put_item", "describe_table")
"""What a store asks DynamoDB for; it tries each again."""

NUMBERS = count()
Opened = tuple[Place, Callable[[Process], Any]]
"""A table, and what gives a process its own way to it."""


@asynccontextmanager
async def in_sqlite(folder: Path) -> AsyncIterator[Opened]:
    """Make a table in a file, which every process opens for itself."""
    async with local_place(folder) as place, AsyncExitStack() as opened:

        def way(process: Process) -> Turned:
            store = LocalStore(folder)
            opened.push_async_callback(store.close)
            turned = ["read", "put", "identity", "settle", "receipt", "known_receipts", "expire"]
            return Turned(store, process, turned, ["read", "put"])

        yield place, way


@asynccontextmanager
async def in_dynamodb(moto: Moto) -> AsyncIterator[Opened]:
    """Make a table on moto; each request of a process waits for its turn."""
    async with aws_place(moto) as place:

        def way(process: Process) -> DynamoStore:
            writes: Any = Turned(place.clients.writes, process, CALLS, CALLS)
            lookups: Any = Turned(place.clients.lookups, process, CALLS, CALLS)
            return DynamoStore(writes, lookups, place.table, sleep=at_once)

        yield place, way


async def all_loaded(
    table: AbstractAsyncContextManager[Opened], some: list[Job], happens: list[Step], keeping: Keeping
) -> None:
    """Load all that there is, and see what that has come to."""
    async with table as (place, way):
        world = World(way, keeping.ttl)
        await world.run(some, happens)
        check_table(await place.items(), some, keeping)
        check_reports(world.reports, keeping)
        check_archive(world.archive, some)


@example(some=OLDER_WRITTEN_LAST[0], happens=first_reads(3), ttl=None)
@example(some=OLDER_WRITTEN_LAST[1], happens=first_reads(3), ttl=None)
@settings(FEW, max_examples=25)
@given(some=jobs(), happens=HAPPENS, ttl=TTLS)
def test_sqlite_ends_as_the_reference_whatever_happens_to_the_loads(
    tmp_path: Path, some: list[Job], happens: list[Step], ttl: int | None
) -> None:
    with in_pieces(1, 1000):
        table = in_sqlite(tmp_path / str(next(NUMBERS)))
        on_standing_clock(all_loaded(table, some, happens, Keeping(ttl, NOW)))


@example(some=OLDER_WRITTEN_LAST[0], happens=first_reads(4), ttl=None)
@example(some=OLDER_WRITTEN_LAST[1], happens=first_reads(4), ttl=None)
@FEW
@given(some=jobs(), happens=HAPPENS, ttl=TTLS)
def test_dynamodb_ends_as_the_reference_whatever_happens_to_the_loads(
    moto: Moto, some: list[Job], happens: list[Step], ttl: int | None
) -> None:
    with in_pieces(1, 1000):
        table = in_dynamodb(Moto(moto.endpoint))
        on_standing_clock(all_loaded(table, some, happens, Keeping(ttl, NOW)))
