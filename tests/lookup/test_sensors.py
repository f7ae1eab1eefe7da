"""Requests about sensors, over the whole read path: memory, the table beside it, and what is told of both."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace

import pytest

from aqi_service.core.geo import Point
from aqi_service.core.items import Item
from aqi_service.core.metrics_text import Measured
from aqi_service.core.packed_item import unpack
from aqi_service.core.requests import MOST_ROWS, AreaRequest, MetricsRequest, NearRequest, SensorRequest
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.sensors import sensors_of
from aqi_service.core.slices import run_through
from aqi_service.core.snapshot_index import IndexBuilder
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.core.times import DAY
from aqi_service.errors import MissingIndex, MissingResource, NoAnswer, Unavailable
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.requests import HOURS_SECONDS, TURN_SECONDS
from tests.doubles.geography import metres_between
from tests.doubles.patience import PATIENCE
from tests.doubles.storage_doubles import Before, Gate, MemoryStore, failing
from tests.doubles.wire_fixtures import advance, by_hand, task, turns

NOW = 1_703_098_500
GONE = b"Unavailable: the table cannot be read now; try again later"


def item(sensor: int, latitude: float = 48.7, longitude: float = 9.1, **fields: object) -> Item:
    plain = Item(
        str(28_000_000_000 + sensor),
        latitude=str(latitude),
        longitude=str(longitude),
        country="DE",
        timestamp="2023-12-20 18:00:00",
        date="2023-12-20",
        pm25="7.5",
        pm10="12",
        aqi="1",
        aqi_range="Low",
        sensor_id=str(sensor),
        sensor_type="SDS011",
        indoor="0",
        measured_at=1_703_095_200,
        snapshot_at=1_703_095_260,
        scale="daqi",
        aqi_pollutant="P2.5",
    )
    return plain._replace(**fields)  # type: ignore[arg-type]  # the fields of an Item


class World:
    """A memory that has read a snapshot of these items, beside a table that has them as well."""

    def __init__(self, *items: Item) -> None:
        self.now = float(NOW)
        self.store = MemoryStore(*items)
        self.memory = MemoryIndex(lambda: self.now)
        builder = IndexBuilder()
        builder.add(items)
        version = SnapshotVersion("data_20_12_23_18_01.json", NOW - 60, "daqi", len(items), NOW - 60, "")
        index = builder.done(version, self.now)
        packed = index.packed
        sensors = run_through(
            sensors_of(map(unpack, packed.values()), lambda number: unpack(packed[number]), NOW - 60)
        )
        self.memory.offer(replace(index, sensors=sensors))
        self.lookup = Lookup(self.store, lambda: self.now, PATIENCE, self.memory)

    async def rows(self, request: str) -> list[dict[str, str]]:
        """Ask, and read the reply as a spreadsheet does."""
        reply = await self.lookup.answer(request.encode())
        return list(csv.DictReader(io.StringIO(reply.decode(), newline="")))

    async def sensors(self, request: str) -> list[int]:
        return [int(row["sensor_id"]) for row in await self.rows(request)]


AROUND = [item(n, 48.7 + n / 1000, 9.1, pm25=str(5 + n)) for n in range(1, 9)]


async def test_a_sensor_is_its_newest_record() -> None:
    newer = item(3, id="29000000000", measured_at=1_703_095_300, pm25="99")
    [row] = await World(*AROUND, newer).rows("sensor 3")
    assert (row["id"], row["P2.5"], row["sensor_id"], row["flags"]) == ("29000000000", "99", "3", "high")


async def test_a_sensor_that_memory_lacks_is_read_from_the_table_and_an_unknown_one_is_not_found() -> None:
    world = World(*AROUND)
    world.store.items["1"] = item(77, id="1")
    assert await world.sensors("sensor 77") == [77]
    assert await world.lookup.answer(b"sensor 78") == b"Item not found"


async def test_several_sensors_are_found_in_memory_and_in_the_table_and_unknown_ones_left_out() -> None:
    world = World(*AROUND)
    world.store.items["1"] = item(77, id="1")
    request = MetricsRequest(
        tuple(map(SensorRequest, (77, 78, 3))), (("a", AreaRequest(Point(48.7, 9.1), 9)),)
    )
    found = await world.lookup.find(request)
    assert isinstance(found, Measured)
    assert [record.item.sensor_id for record in found.sensors] == ["77", "3"]
    assert [record.check is None for record in found.sensors] == [True, False]
    assert [(name, area.sensors) for name, area in found.areas] == [("a", 8)]


async def test_several_sensors_are_none_when_the_table_cannot_tell_of_one() -> None:
    world = World(*AROUND)
    lookup = Lookup(
        Before(world.store, sensor_page=failing(Unavailable("x"))), lambda: NOW, memory=world.memory
    )
    with pytest.raises(NoAnswer, match="the table cannot be read now"):
        await lookup.find(MetricsRequest(tuple(map(SensorRequest, (3, 78))), ()))
    assert await lookup.find(MetricsRequest((SensorRequest(3),), ()))


async def test_the_nearest_come_by_distance_with_what_it_is() -> None:
    rows = await World(*AROUND).rows("near 48.7 9.1 3")
    assert [row["sensor_id"] for row in rows] == ["1", "2", "3"]
    away = metres_between(Point(48.7, 9.1), Point(48.701, 9.1))
    assert rows[0]["distance_km"] == f"0.{away:03}"


async def test_indoor_sensors_come_only_when_they_are_asked_for_and_clean_leaves_flagged_ones_out() -> None:
    world = World(*AROUND, item(20, 48.7, indoor="1"), item(21, 48.7, pm25="300"))
    assert await world.sensors("near 48.7 9.1 2") == [21, 1]
    assert await world.sensors("near 48.7 9.1 2 clean") == [1, 2]
    assert await world.sensors("near 48.7 9.1 2 indoor clean") == [20, 1]
    assert await world.sensors("box 48.6 9 48.7 9.2 indoor") == [20, 21]


async def test_a_box_and_a_country_come_by_sensor_id_and_of_none_the_header_alone() -> None:
    world = World(*reversed(AROUND), item(30, -15, 180, country="FJ"), item(31, -15, -179.5, country="UK"))
    assert await world.sensors("country DE") == list(range(1, 9))
    assert await world.sensors("country GB") == [31]
    assert await world.sensors("box -20 170 -10 -170") == [30, 31]
    assert await world.sensors("box -20 -180 -10 -179") == [30, 31]
    reply = await world.lookup.answer(b"country FR")
    assert reply.startswith(b"id,latitude,")
    assert reply.count(b"\r\n") == 1


async def test_an_area_counts_its_clean_outdoor_sensors() -> None:
    world = World(*AROUND, item(20, 48.701, indoor="1"), item(21, 48.702, pm25="300"))
    [row] = await world.rows("area 48.7 9.1 1")
    assert (row["sensors"], row["left_out"], row["P2.5"], row["AQI"]) == ("8", "2", "9.5", "1")
    [row] = await world.rows("area 48.7 9.1 0.3")
    assert (row["sensors"], row["P2.5"], row["AQI"]) == ("2", "", "")


async def test_rows_are_scored_on_another_scale_when_that_is_asked_for() -> None:
    [row] = await World(*AROUND).rows("near 48.7 9.1 1 scale us-epa")
    assert (row["P2.5"], row["AQI"], row["AQI_range"], row["scale"]) == ("6", "33", "Good", "us-epa")


async def test_what_a_load_has_moved_on_is_read_from_the_table_as_a_lookup_by_its_id_is() -> None:
    world = World(*AROUND)
    load = world.memory.watch()
    load.writes([AROUND[0].id, AROUND[1].id, AROUND[2].id])
    world.store.items[AROUND[0].id] = AROUND[0]._replace(pm25="55", aqi="7")
    del world.store.items[AROUND[1].id]
    world.store.items[AROUND[2].id] = AROUND[2]._replace(expires_at=NOW - 1)
    rows = await world.rows("near 48.7 9.1 3")
    assert [(row["sensor_id"], row["P2.5"]) for row in rows] == [("1", "55"), ("4", "9"), ("5", "10")]
    for row in await world.rows("country DE"):
        by_id = (await world.lookup.answer(row["id"].encode())).decode()
        assert by_id.split("\r\n")[1] == ",".join(list(row.values())[:11])
    assert await world.sensors("country DE") == [1, 4, 5, 6, 7, 8]


async def test_an_index_that_is_a_day_old_leaves_every_sensor_to_the_table() -> None:
    world = World(*AROUND)
    world.now += DAY
    world.store.items[AROUND[0].id] = AROUND[0]._replace(pm25="55")
    assert (await world.rows("sensor 1"))[0]["P2.5"] == "55"
    assert await world.sensors("country DE") == list(range(1, 9))


async def test_before_the_first_snapshot_it_says_so() -> None:
    lookup = Lookup(MemoryStore(), lambda: NOW)
    for request in (b"near 1 2", b"box 1 2 3 4", b"country DE", b"area 1 2 3"):
        assert (await lookup.answer(request)).startswith(b"Unavailable: no snapshot yet (")


async def test_a_table_that_cannot_be_read_fails_only_what_needs_it() -> None:
    world = World(*AROUND)
    store = Before(world.store, get_many=failing(Unavailable("gone")))
    lookup = Lookup(store, lambda: world.now, memory=world.memory)
    world.memory.watch().writes([AROUND[0].id])
    assert await lookup.answer(b"near 48.7 9.1 3") == GONE
    assert (await lookup.answer(b"sensor 2")).startswith(b"id,")


def crowd(count: int) -> Sequence[Item]:
    return [item(n, 48.5, 9.5) for n in range(1, count + 1)]


@pytest.mark.parametrize(
    ("request_", "narrow"), [("box 48 9 49 10", "a smaller box"), ("country DE", "boxes of it")]
)
async def test_more_rows_than_a_reply_may_have_are_refused_with_the_way_to_ask_for_less(
    request_: str, narrow: str
) -> None:
    world = World(*crowd(MOST_ROWS + 1))
    reply = (await world.lookup.answer(request_.encode())).decode()
    assert reply == f"Bad request: {MOST_ROWS + 1} sensors; at most {MOST_ROWS} a request: ask for {narrow}"
    assert len(await world.rows("near 48.5 9.5 100")) == 100


async def test_what_cannot_be_read_is_a_bad_request_and_asks_nothing() -> None:
    assert (await World(*AROUND).lookup.answer(b"near 91 9")).startswith(b"Bad request: a latitude is ")


async def test_a_place_is_found_by_its_name() -> None:
    rows = await World(*AROUND).rows("place Stuttgart,DE")
    assert (rows[0]["name"], rows[0]["country"]) == ("Stuttgart", "DE")


def seen(*hours_before: int) -> list[Item]:
    """Give records of sensor 3, so many hours before its newest."""
    newest = item(3)
    at = newest.measured_at or 0
    return [
        newest._replace(id=str(9_000 + n), measured_at=at - 3600 * hours)
        for n, hours in enumerate(hours_before)
    ]


async def hours_seen(world: World) -> int | None:
    found = await world.lookup.find(SensorRequest(3, hours=True))
    assert isinstance(found, SensorRecord)
    return found.hours_seen


async def test_a_single_sensor_says_in_how_many_of_the_24_hours_up_to_its_record_it_was_seen() -> None:
    world = World(item(3))
    world.store.items |= {each.id: each for each in seen(0, 1, 1, 2, 23, 24, 30)}
    assert await hours_seen(world) == 4
    near = await world.lookup.find(NearRequest(Point(48.7, 9.1), 1))
    assert isinstance(near, list)
    assert near[0].hours_seen is None


@pytest.mark.parametrize("error", [MissingIndex("no index"), Unavailable("throttled")])
async def test_hours_that_the_table_cannot_tell_are_left_open(error: Exception) -> None:
    world = World(item(3))
    world.lookup = Lookup(
        Before(world.store, sensor_page=failing(error)), lambda: world.now, memory=world.memory
    )
    assert await hours_seen(world) is None


@by_hand
async def test_hours_are_not_waited_for_where_the_budget_is_used_up() -> None:
    world = World(item(3))
    world.lookup = Lookup(Before(world.store, sensor_page=Gate()), lambda: world.now, memory=world.memory)
    waiting = task(hours_seen(world))
    await turns()
    advance(HOURS_SECONDS + 0.1)
    await turns()
    assert waiting.done()
    assert await waiting is None


@by_hand
async def test_boxes_are_written_one_after_the_other_and_who_waits_too_long_hears_that_it_is_busy() -> None:
    world = World(*AROUND)
    writing = world.lookup._answers._writing
    await writing.acquire()
    asked = [task(world.rows(request)) for request in ("box 48 9 49 10", "country DE")]
    near = task(world.rows("near 48.7 9.1"))
    await turns(100)
    assert [each.done() for each in (*asked, near)] == [False, False, True]
    writing.release()
    await turns(100)
    assert [len(await each) for each in asked] == [len(AROUND)] * 2
    await writing.acquire()
    late = task(world.lookup.answer(b"country DE"))
    await turns(100)
    advance(TURN_SECONDS + 0.1)
    await turns()
    assert (await late).startswith(b"Busy: too many replies are being made")


async def test_hours_of_a_table_that_is_gone_end_what_memory_says() -> None:
    world = World(item(3))
    gone = Before(world.store, sensor_page=failing(MissingResource("no such table")))
    world.lookup = Lookup(gone, lambda: world.now, memory=world.memory)
    with pytest.raises(Unavailable):
        await hours_seen(world)
    assert world.memory.index is None
