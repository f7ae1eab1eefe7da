"""Series for Prometheus over real sockets: what the other paths answer; and requests counted."""

from collections.abc import Mapping
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aqi_service.core.request_counts import KINDS
from aqi_service.errors import Busy, Unavailable
from aqi_service.web.paths import PATHS
from tests.doubles.api_world import ApiWorld, Reply, capture_index, capture_items, capture_served, served
from tests.doubles.promtool import CONTENT, check_metrics, with_promtool
from tests.doubles.storage_doubles import Before, MemoryStore, failing

BOTH = "/metrics?sensor=1118&sensor=649&area=Stuttgart,48.782,9.177,3"

Key = tuple[str, ...]


def series(reply: Reply) -> Mapping[Key, float]:
    """Read an answer: (name, values of its labels) -> value."""
    families = text_string_to_metric_families(reply.body.decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def counted(world: ApiWorld) -> dict[tuple[str, str], int]:
    return {labels: count for labels, count in world.lookup.requests.ended.items() if count}


@pytest.mark.parametrize("scale", ["daqi", "us-epa"])
async def test_they_are_what_a_sensor_s_and_an_area_s_own_paths_answer(scale: str) -> None:
    async with capture_served() as world:
        reply = await world.ask(f"{BOTH}&scale={scale}")
        sensors = [(await world.ask(f"/sensors/{each}?scale={scale}")).json for each in ("1118", "649")]
        area = (await world.ask(f"/area?lat=48.782&lon=9.177&km=3&scale={scale}")).json
    expected: dict[Key, float] = {}
    for each in sensors:
        name, record = each["sensor_id"], each["record"]
        for pollutant in ("P2.5", "P10"):
            expected["aqi_sensor_concentration", name, pollutant] = record[pollutant]["value"]
        expected["aqi_sensor_index", name, scale] = record["AQI"]
        for flag in ("stale", "high", "low", "alone"):
            expected["aqi_sensor_flagged", name, flag] = flag in each["checks"]["flags"]
        expected["aqi_sensor_measured_timestamp_seconds", name] = world.now - record["age_seconds"]
    for pollutant in ("P2.5", "P10"):
        expected["aqi_area_concentration", "Stuttgart", pollutant] = area[pollutant]["value"]
    expected["aqi_area_index", "Stuttgart", scale] = area["AQI"]
    expected["aqi_area_sensors", "Stuttgart"] = area["sensors"]
    expected["aqi_area_measured_timestamp_seconds", "Stuttgart"] = world.now - area["age_seconds"]
    assert series(reply) == expected
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@with_promtool
async def test_promtool_is_content_with_all_the_sensors_and_areas_that_may_be_asked_for() -> None:
    sensors = sorted({item.sensor_id or "" for item in capture_items()})[:100]
    areas = [f'{n} "x" \\ Ä,48.782,{n},90' for n in range(20)]
    query = "&".join([*(f"sensor={each}" for each in sensors), *(f"area={quote(each)}" for each in areas)])
    async with capture_served() as world:
        reply = await world.ask(f"/metrics?{query}")
    assert (reply.status, check_metrics(reply.body)) == (200, CONTENT)
    found = series(reply)
    assert sum(key[0] == "aqi_sensor_index" for key in found) == 100
    assert {key[1] for key in found if key[0] == "aqi_area_sensors"} == {f'{n} "x" \\ Ä' for n in range(20)}


async def test_an_unknown_sensor_has_no_series_and_an_empty_area_only_its_number_of_sensors() -> None:
    async with capture_served() as world:
        none = await world.ask("/metrics?sensor=7")
        some = await world.ask("/metrics?sensor=7&sensor=1118&area=sea,0,-30,100")
    assert (none.status, none.body) == (200, b"")
    assert {key[1] for key in series(some)} == {"1118", "sea"}
    assert [(key, value) for key, value in series(some).items() if key[1] == "sea"] == [
        (("aqi_area_sensors", "sea"), 0)
    ]


@pytest.mark.parametrize(("query", "detail"), [
    ("", "sensor or area missing"),
    ("?sensor=1118&sensor=01118", "sensor 1118 is said twice"),
    ("?area=a,48,9", "an area is NAME,LAT,LON,KM"),
    ("?area=a,48,9,101", "KM is a number from 0.1 to 100, not 101"),
    ("?sensor=1118&scale=report", "there is no scale report to answer on"),
    ("?sensor=1118&clean=true", "there is no parameter clean here, but sensor, area, scale"),
    ("?" + "&".join(f"sensor={n}" for n in range(101)), "sensor is said 101 times, at most 100 a request"),
    ("?" + "&".join(f"area={n},1,2,3" for n in range(21)), "area is said 21 times, at most 20 a request"),
])  # fmt: skip
async def test_what_is_wrong_is_a_problem_document(query: str, detail: str) -> None:
    async with capture_served() as world:
        reply = await world.ask(f"/metrics{query}")
        assert counted(world) == {("metrics", "bad_request"): 1}
    assert (reply.status, reply.headers["Content-Type"]) == (400, "application/problem+json")
    assert reply.json["detail"].startswith(detail)


async def test_a_part_that_cannot_be_told_now_is_503_for_all_of_it() -> None:
    for error, seconds in ((Unavailable("x"), "30"), (Busy("x"), "5")):
        world = ApiWorld(Before(MemoryStore(), sensor_page=failing(error)))
        world.memory.offer(capture_index())
        async with served(world):
            reply = await world.ask("/metrics?sensor=1118&sensor=7")
        assert (reply.status, reply.headers["Retry-After"]) == (503, seconds)
    async with served(ApiWorld(MemoryStore(*capture_items()))) as world:
        assert (await world.ask("/metrics?area=a,48,9,3")).status == 503
        assert (await world.ask("/metrics?sensor=1118")).status == 200


async def test_what_is_known_is_304_until_a_record_changes() -> None:
    async with capture_served() as world:
        first = await world.ask(BOTH)
        known = {"If-None-Match": first.headers["Etag"]}
        world.now += 40
        again = await world.ask(BOTH, headers=known)
        load = world.memory.watch()
        item = next(each for each in capture_items() if each.sensor_id == "1118")
        world.store.items[item.id] = item._replace(pm25="77")
        load.differs([item.id])
        after = await world.ask(BOTH, headers=known)
    assert (again.status, after.status) == (304, 200)
    assert series(after)["aqi_sensor_concentration", "1118", "P2.5"] == 77


async def test_requests_are_counted_by_path_and_outcome_and_what_has_no_path_as_other() -> None:
    assert {path.endpoint.kind for path in PATHS} < set(KINDS)
    asked = "/sensors/1118 /sensors/1118.csv /sensors/7 /near?place=Stuttgart /near?lat=1 /sensors/1118"
    async with capture_served() as world:
        for path in (*asked.split(), "/latest.csv", "/latest.csv", "/records/7", "/nothing", BOTH):
            await world.ask(path)
        await world.ask("/openapi.json")
        assert counted(world) == {
            ("sensor", "found"): 3, ("sensor", "not_found"): 1, ("near", "found"): 1,
            ("near", "bad_request"): 1, ("latest", "found"): 2, ("record", "not_found"): 1,
            ("other", "not_found"): 1, ("metrics", "found"): 1,
        }  # fmt: skip


async def test_a_table_that_does_not_answer_and_a_fault_of_our_own_are_counted() -> None:
    for error, outcome in ((Unavailable("x"), "unavailable"), (Busy("x"), "busy"), (KeyError("x"), "failed")):
        async with served(ApiWorld(Before(MemoryStore(), sensor_page=failing(error)))) as world:
            await world.ask("/sensors/5/days?until=2017-08-11")
            assert counted(world) == {("days", outcome): 1}
