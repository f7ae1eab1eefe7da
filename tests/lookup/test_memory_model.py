"""Memory, table and archive under loads of all kinds in any order: no answer that the table did not give.

One rule: hypothesis decides what happens; memory_world says what may be answered then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aqi_service.core.scales import DAQI, US_EPA
from aqi_service.core.snapshot_names import parse_name
from aqi_service.errors import Unavailable
from aqi_service.snapshots.sources import Source, archived_source
from tests.doubles.documents import document_of, record
from tests.doubles.memory_world import DAY, MemoryWorld
from tests.doubles.storage_doubles import failing

IDS = range(1, 9)
THOROUGH = settings(max_examples=100)


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw a document of a few ids: values that change, hours that go back and forth, ids that repeat."""
    chosen = draw(st.lists(st.sampled_from(IDS), max_size=10))
    return [
        record(
            number,
            p1=draw(st.sampled_from(["5", "60", "200", None])),
            p2="7.5",
            timestamp=draw(st.sampled_from([1, 2])),
            sensor={"id": number, "sensor_type": {"name": "SDS011"}},
        )
        for number in chosen
    ]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), documents()),
        st.tuples(st.just("load"), documents()),
        st.tuples(st.just("broken load"), documents()),
        st.tuples(st.just("half broken load"), documents()),
        st.tuples(st.just("another's load"), documents()),
        st.tuples(st.just("another's broken load"), documents()),
        st.tuples(st.just("another's killed load"), documents()),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("replay"), documents()),
        st.tuples(st.just("rescore"), st.integers(0, 9)),
        st.tuples(st.just("catch up"), st.integers(0, 9)),
        st.tuples(st.just("delete"), st.sampled_from(IDS)),
        st.tuples(st.just("table anew"), st.none()),
        st.tuples(st.just("look"), st.none()),
        st.tuples(st.just("look"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([600, 7 * 3600, 30 * 3600])),
    ),
    max_size=10,
)


def written(world: MemoryWorld, records: list[dict[str, Any]]) -> bytes:
    """Write a document of records that are so many hours old now."""
    hour = datetime.fromtimestamp(world.now // 3600 * 3600, UTC)
    return document_of(
        *(
            each | {"timestamp": f"{hour - timedelta(hours=each['timestamp']):%Y-%m-%d %H:%M:%S}"}
            for each in records
        )
    )


def archived(world: MemoryWorld, which: int) -> Source | None:
    """Choose one of the archived snapshots."""
    names = sorted(world.archive.snapshots)
    named = parse_name(names[which % len(names)]) if names else None
    return named and archived_source(world.archive, *named)


async def broken_load(world: MemoryWorld, records: list[dict[str, Any]]) -> None:
    await world.load(written(world, records), put=failing(Unavailable("throttled")))


async def half_broken_load(world: MemoryWorld, records: list[dict[str, Any]]) -> None:
    await world.load(written(world, records), after_put=failing(Unavailable("the answer was lost")))


async def another_broken_load(world: MemoryWorld, records: list[dict[str, Any]]) -> None:
    """Load a document that turns out to be cut short, in another process."""
    await world.by_another(written(world, records)[:-1])


async def replay(world: MemoryWorld, records: list[dict[str, Any]]) -> None:
    await world.by_another(written(world, records), live=False, snapshot_time=int(world.now) - DAY)


async def rescore(world: MemoryWorld, which: int) -> None:
    if source := archived(world, which):
        await world.by_another_from(source, live=False, scale=US_EPA if which % 2 else DAQI)


async def catch_up(world: MemoryWorld, which: int) -> None:
    if source := archived(world, which):
        await world.catch_up(source)


async def delete(world: MemoryWorld, number: int) -> None:
    world.delete(str(number))


async def table_anew(world: MemoryWorld, _: None) -> None:
    world.make_anew()
    await world.look()


async def wait(world: MemoryWorld, seconds: int) -> None:
    world.now += seconds


ACTS: dict[str, Callable[[MemoryWorld, Any], Awaitable[object]]] = {
    "load": lambda world, records: world.load(written(world, records)),
    "broken load": broken_load,
    "half broken load": half_broken_load,
    "another's load": lambda world, records: world.by_another(written(world, records)),
    "another's broken load": another_broken_load,
    "another's killed load": lambda world, records: world.killed(written(world, records)),
    "restart": lambda world, _: world.restart(),
    "replay": replay,
    "rescore": rescore,
    "catch up": catch_up,
    "delete": delete,
    "table anew": table_anew,
    "look": lambda world, _: world.look(),
    "wait": wait,
}


@THOROUGH
@given(STEPS, st.sampled_from([None, 2 * DAY, DAY // 4]))
def test_whatever_happens_no_lookup_is_answered_older_than_the_table_was_when_the_snapshot_was_complete(
    steps: list[tuple[str, Any]], ttl: int | None
) -> None:
    async def run() -> None:
        world = MemoryWorld(IDS, ttl=ttl)
        for what, value in steps:
            world.now += 60
            await ACTS[what](world, value)
            await world.check()
        await world.look()
        await world.check()

    asyncio.run(run())
