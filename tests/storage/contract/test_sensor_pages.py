"""A sensor's records over time, page by page, out of every store that can be asked by sensor."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqi_service.core.items import Item, is_expired
from aqi_service.storage.dry import DryStore
from aqi_service.storage.ports import Store
from aqi_service.storage.sensor_reads import ALWAYS_READ, SensorRange
from tests.doubles.storage_doubles import MemoryStore
from tests.doubles.storage_items import FULL
from tests.doubles.stores import SENSOR_STORES
from tests.profiles import SHARED

ALL = SensorRange(141, 0, 2**40)
AGES = 1_703_098_500.0
FOREVER = FULL._replace(expires_at=None)


@pytest.fixture(params=SENSOR_STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with SENSOR_STORES[request.param](tmp_path) as opened:
        yield opened


def hourly(count: int, sensor: int = 141, first_id: int = 1) -> list[Item]:
    """Give a record an hour of one sensor, from the first second of 1970 on."""
    return [
        FOREVER._replace(id=str(first_id + hour), sensor_id=str(sensor), measured_at=3600 * hour)
        for hour in range(count)
    ]


async def put(store: Store, items: Sequence[Item]) -> None:
    for start in range(0, len(items), 100):
        await store.put(items[start : start + 100], conditional=False)


async def pages(store: Store, asked: SensorRange, ages: float = AGES) -> list[Sequence[Item]]:
    """Read all pages; hold each to its limit."""
    found: list[Sequence[Item]] = []
    position = None
    while True:
        page = await store.sensor_page(asked, ages, position)
        assert len(page.items) <= asked.limit
        assert page.read_units >= 0
        found.append(page.items)
        position = page.position
        if position is None:
            return found


async def read(store: Store, asked: SensorRange, ages: float = AGES) -> list[Item]:
    return [item for page in await pages(store, asked, ages) for item in page]


async def test_a_sensor_that_is_not_there_has_one_page_without_records(store: Store) -> None:
    await put(store, hourly(3, sensor=142))
    assert await pages(store, ALL) == [[]]


async def test_the_dry_run_s_table_has_no_records_of_any_sensor() -> None:
    assert await pages(DryStore(), ALL) == [()]


async def test_records_come_by_time_of_one_sensor_alone(store: Store) -> None:
    ours = hourly(20)
    await put(store, [*reversed(ours), *hourly(5, sensor=142, first_id=100)])
    assert await read(store, ALL) == ours
    assert await read(store, replace(ALL, newest_first=True)) == ours[::-1]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_range_has_its_first_second_and_not_its_last(store: Store, newest_first: bool) -> None:
    await put(store, [FOREVER._replace(id=str(1 + at), measured_at=at) for at in range(9, 21)])
    found = await read(store, replace(ALL, since=10, until=20, newest_first=newest_first))
    assert sorted(item.measured_at or 0 for item in found) == list(range(10, 20))
    assert await read(store, replace(ALL, since=10, until=10)) == []
    assert await read(store, replace(ALL, since=11, until=10)) == []


async def test_more_records_than_a_page_takes_come_in_several(store: Store) -> None:
    items = hourly(103)
    await put(store, items)
    for newest_first in (False, True):
        found = await pages(store, replace(ALL, limit=50, newest_first=newest_first))
        assert [len(page) for page in found[:3]] == [50, 50, 3]
        assert [item for page in found for item in page] == items[:: -1 if newest_first else 1]


async def test_the_newest_is_one_page_of_one_record(store: Store) -> None:
    items = hourly(5)
    await put(store, items)
    page = await store.sensor_page(replace(ALL, newest_first=True, limit=1), AGES)
    assert page.items == [items[-1]]


async def test_records_without_sensor_or_time_are_of_no_sensor_and_harm_none(store: Store) -> None:
    await put(store, [FOREVER, Item("5"), Item("6", sensor_id="141"), Item("7", measured_at=5)])
    assert await read(store, ALL) == [FOREVER]


async def test_what_has_expired_is_left_out_by_the_caller_s_clock(store: Store) -> None:
    items = [FULL._replace(id=str(at), measured_at=at, expires_at=1000 + at) for at in range(1, 6)]
    await put(store, items)
    assert await read(store, ALL, ages=1002.5) == items[2:]
    assert await read(store, ALL, ages=1003) == items[3:]
    assert await read(store, ALL, ages=2000) == []


async def test_only_the_fields_that_are_asked_for_are_there(store: Store) -> None:
    await put(store, [FULL._replace(expires_at=2**40)])
    [item] = await read(store, replace(ALL, fields=("timestamp", "pm25", "aqi_pollutant", "date")))
    assert item == Item(
        FULL.id,
        timestamp=FULL.timestamp,
        date=FULL.date,
        pm25=FULL.pm25,
        aqi_pollutant=FULL.aqi_pollutant,
        measured_at=FULL.measured_at,
        expires_at=2**40,
    )


@pytest.mark.parametrize("sensor", [0, 2**63 - 1])
async def test_the_smallest_and_the_largest_sensor_id_are_found(store: Store, sensor: int) -> None:
    await put(store, [FOREVER._replace(sensor_id=str(sensor))])
    assert len(await read(store, replace(ALL, sensor_id=sensor))) == 1


RECORDS = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["141", "142"]), st.none() | st.integers(5, 15)),
    max_size=25,
)
ASKED = st.builds(
    SensorRange,
    sensor_id=st.just(141),
    since=st.integers(0, 13),
    until=st.integers(0, 13),
    fields=st.sets(st.sampled_from(Item._fields)).map(tuple),
    newest_first=st.booleans(),
    limit=st.integers(1, 5),
)


@settings(max_examples=30, suppress_health_check=SHARED)
@given(records=RECORDS, asked=ASKED)
async def test_whatever_is_asked_each_record_of_the_range_comes_once_and_in_order(
    store: Store, records: list[tuple[int, str, int | None]], asked: SensorRange
) -> None:
    gone = [FULL._replace(id=str(each), sensor_id="9", expires_at=None) for each in range(1, 26)]
    items = [
        FULL._replace(id=str(number), measured_at=at, sensor_id=sensor, expires_at=expires)
        for number, (at, sensor, expires) in enumerate(records, 1)
    ]
    await put(store, gone)
    await put(store, items)
    found = await read(store, asked, ages=10)
    times = [item.measured_at or 0 for item in found]
    assert times == sorted(times, reverse=asked.newest_first)
    assert sorted(found) == sorted(await read(MemoryStore(*items), asked, ages=10))
    assert not [item for item in found if is_expired(item, 10)]
    assert all(getattr(item, field) is None for item in found for field in not_asked(asked))


def not_asked(asked: SensorRange) -> set[str]:
    return set(Item._fields) - set(asked.fields) - set(ALWAYS_READ)
