"""The API over real sockets: the wire's requests and rows, problem documents, and what is kept how long."""

import asyncio
import csv
import io
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from aqi_service.core.items import Item
from aqi_service.core.requests import MOST_PAGE
from aqi_service.core.times import iso
from aqi_service.errors import Busy, MissingIndex, Unavailable
from aqi_service.load.load import load
from aqi_service.server.large_replies import HTTP_SLOTS
from aqi_service.storage.ports import Storage
from aqi_service.web.bodies import SEND_SECONDS, is_known
from tests.doubles.api_world import (
    NOW,
    TAKEN,
    ApiWorld,
    Reply,
    capture_index,
    capture_items,
    capture_served,
    index_of,
    served,
)
from tests.doubles.documents import document_of, record
from tests.doubles.load_helpers import plan
from tests.doubles.memory_world import feed
from tests.doubles.storage_doubles import Before, MemoryStore, failing
from tests.doubles.wire_fixtures import advance, by_hand, on_each_loop, passing, task, turns

WORLD = "?south=-90&west=-180&north=90&east=180"
AT = 1_703_095_265.0
"""2023-12-20T18:01Z."""

SENSOR = "1118"
"""A sensor of the capture that stands in Stuttgart."""

PATHS = {
    "/records/250451653": None,
    "/sensors/1118": b"sensor 1118",
    "/sensors/1118?scale=us-epa": b"sensor 1118 scale us-epa",
    "/near?lat=48.78&lon=9.18": b"near 48.78 9.18",
    "/near?lat=48.78&lon=9.18&n=30&clean=true": b"near 48.78 9.18 30 clean",
    "/near?place=Stuttgart&n=3": b"near 48.782 9.177 3",
    "/box?south=48&west=9&north=49&east=9.5": b"box 48 9 49 9.5",
    f"/box{WORLD}&indoor=1": b"box -90 -180 90 180 indoor",
    "/countries/NL": b"country NL",
    "/countries/XX": b"country XX",
    "/area?lat=48.78&lon=9.18&km=3": b"area 48.78 9.18 3",
    "/places?q=Frankfurt": b"place Frankfurt",
    "/sensors/1118/history?since=2017-08-09&until=2017-08-11": b"history 1118 2017-08-09 2017-08-11",
    "/sensors/1118/days?since=2017-08-09&until=2017-08-11": b"days 1118 2017-08-09 2017-08-11",
}
"""Every path, and what the wire asks for the same."""


def suffixed(path: str, suffix: str) -> str:
    words, mark, query = path.partition("?")
    return f"{words}{suffix}{mark}{query}"


def rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def problem(reply: Reply) -> tuple[int, str]:
    """See that a reply is a problem document, and return its status and detail."""
    document = reply.json
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert (document["type"], document["status"]) == ("about:blank", reply.status)
    assert document["title"]
    return reply.status, document["detail"]


@pytest.mark.parametrize("path", [path for path in PATHS if PATHS[path]])
async def test_csv_is_what_the_wire_answers(path: str) -> None:
    wire = PATHS[path]
    assert wire is not None
    async with capture_served() as world:
        reply = await world.ask(suffixed(path, ".csv"))
        assert reply.body == await world.lookup.answer(wire)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")


@pytest.mark.parametrize("path", PATHS)
async def test_json_has_a_row_for_each_of_the_csv_in_its_order(path: str) -> None:
    async with capture_served() as world:
        reply = await world.ask(path)
        written = rows((await world.ask(suffixed(path, ".csv"))).body)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    found = reply.json
    listed = next((found[name] for name in ("sensors", "records", "days", "places") if isinstance(
        found.get(name), list)), [found])  # fmt: skip
    assert found.get("count", 1) == len(listed) == len(written)
    ids = [each.get("record", each).get("id", "") or "" for each in listed]
    assert ids == [row.get("id", "") for row in written]
    assert found["attribution"]
    assert found["licence"]


@pytest.mark.parametrize("path", [path for path in PATHS if "days" not in path])
async def test_geojson_has_a_feature_for_each_row(path: str) -> None:
    async with capture_served() as world:
        reply = await world.ask(suffixed(path, ".geojson"))
        written = rows((await world.ask(suffixed(path, ".csv"))).body)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/geo+json")
    features = reply.json.get("features", [reply.json])
    where = [[row["longitude"], row["latitude"]] for row in written]
    assert [list(map(str, map(float, each["geometry"]["coordinates"]))) for each in features] == [
        list(map(str, map(float, point))) for point in where
    ]


@pytest.mark.parametrize("suffix", ["", ".csv"])
@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_has_headers_of_the_api_and_head_has_them_without_the_body(
    path: str, suffix: str
) -> None:
    async with capture_served() as world:
        reply = await world.ask(suffixed(path, suffix))
        head = await world.ask(suffixed(path, suffix), "HEAD")
    assert reply.headers["Cache-Control"] == "public, max-age=60"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Server"] == "aqi_service"
    assert 'rel="license"' in reply.headers["Link"]
    assert reply.headers["Attribution"]
    assert (head.status, head.body) == (200, b"")
    moving = ("Date",)
    assert {k: v for k, v in head.headers.items() if k not in moving} == {
        k: v for k, v in reply.headers.items() if k not in moving
    }


@pytest.mark.parametrize("path", PATHS)
async def test_what_is_known_is_304_however_much_time_passed(path: str) -> None:
    async with capture_served() as world:
        first = await world.ask(path)
        world.now += 40
        again = await world.ask(path, headers={"If-None-Match": f'"other", {first.headers["Etag"]}'})
        later = await world.ask(path)
    assert (again.status, again.body, again.headers["Etag"]) == (304, b"", first.headers["Etag"])
    assert "Content-Type" not in again.headers
    assert (later.status, later.headers["Etag"]) == (200, first.headers["Etag"])


def with_ttl(items: tuple[Item, ...], expires_at: int) -> tuple[Item, ...]:
    return tuple(i._replace(expires_at=expires_at) if i.sensor_id == SENSOR else i for i in items)


@pytest.mark.parametrize("path", [
    "/sensors/1118", "/near?lat=48.785&lon=9.178", "/countries/DE", f"/box{WORLD}",
    "/area?lat=48.785&lon=9.178&km=1",
])  # fmt: skip
async def test_the_etag_moves_when_a_record_expires(path: str) -> None:
    items = with_ttl(capture_items(), TAKEN + 900)
    world = ApiWorld(MemoryStore(*items))
    world.memory.offer(index_of(items))
    async with served(world):
        before = await world.ask(path)
        world.now = TAKEN + 901
        after = await world.ask(path, headers={"If-None-Match": before.headers["Etag"]})
    assert after.status == (404 if path == "/sensors/1118" else 200)
    assert after.headers.get("Etag") != before.headers["Etag"]


async def test_the_etag_moves_when_a_replay_changes_a_record_that_memory_has() -> None:
    async with capture_served() as world:
        before = await world.ask("/sensors/1118")
        load = world.memory.watch()
        item = next(each for each in capture_items() if each.sensor_id == SENSOR)
        world.store.items[item.id] = item._replace(pm25="77")
        load.differs([item.id])
        after = await world.ask("/sensors/1118", headers={"If-None-Match": before.headers["Etag"]})
    assert after.status == 200
    assert after.json["record"]["P2.5"]["value"] == 77


async def test_the_etag_moves_with_the_snapshot() -> None:
    async with capture_served() as world:
        before = await world.ask("/sensors/1118")
        index = index_of(capture_items(), "later")
        version = index.version._replace(
            snapshot="data_10_08_17_11_28.json", snapshot_time=TAKEN + 300, newest=TAKEN + 60
        )
        assert world.memory.offer(replace(index, version=version))
        after = await world.ask("/sensors/1118", headers={"If-None-Match": before.headers["Etag"]})
    assert after.status == 200


@pytest.mark.parametrize(("path", "status", "detail"), [
    ("/near?lat=91&lon=9", 400, "a latitude is a number of degrees from -90 to 90, not 91"),
    ("/near?lat=48&lon=9&n=101", 400, "N is a whole number from 1 to 100, not 101"),
    ("/near?lat=48&lon=9&radius=3", 400, "there is no parameter radius here"),
    ("/near?lat=48&lat=48&lon=9", 400, "lat is said twice"),
    ("/near?place=Stuttgart&lat=1", 400, "either place, or lat and lon"),
    ("/near?place=Nowhere-on-Sea", 404, "there is no place Nowhere-on-Sea"),
    ("/box?south=2&west=1&north=1&east=2", 400, "SOUTH (2) lies north of NORTH (1)"),
    ("/countries/de", 400, "a country is two capital letters"),
    ("/area?lat=48&lon=9&km=1000", 400, "KM is a number from 0.1 to 100"),
    ("/places", 400, "q missing"),
    ("/records/abc", 400, "a record id is 1 to 20 decimal digits"),
    ("/records/" + "1" * 201, 400, "at most 200 characters"),
    ("/records/1", 404, "Item not found"),
    ("/records/99999999999999999999", 404, "Item not found"),
    ("/sensors/7", 404, "Item not found"),
    ("/sensors/7?scale=report", 400, "there is no scale report to answer on"),
    ("/sensors/1118/history?since=2017-01-01", 400, "at most 31 days a request"),
    ("/sensors/1118/days?since=2015-01-01", 400, "at most 400 days a request"),
    ("/sensors/1118/days.geojson", 404, "there is no such path"),
    ("/sensors/1118/", 404, "there is no such path"),
    ("/sensors//history", 404, "there is no such path"),
    ("/countries/D%0AE", 400, "a country is two capital letters"),
    ("/latest.csv%0A", 404, "there is no such path"),
    ("/nothing", 404, "there is no such path"),
    ("/", 404, "there is no such path"),
    ("", 404, "there is no such path"),
    ("/near.xml?lat=1&lon=1", 404, "there is no such path"),
])  # fmt: skip
async def test_what_is_wrong_is_a_problem_document_with_the_wire_s_sentence(
    path: str, status: int, detail: str
) -> None:
    async with capture_served() as world:
        found = problem(await world.ask(path))
    assert found[0] == status
    assert found[1].startswith(detail)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_the_api_is_for_reading_alone(method: str) -> None:
    async with capture_served() as world:
        reply = await world.ask("/sensors/1118", method)
    assert problem(reply)[0] == 405
    assert reply.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_browser_that_asks_first_is_told_that_it_may_read_with_an_etag() -> None:
    async with capture_served() as world:
        reply = await world.ask("/sensors/1118", "OPTIONS", {"Origin": "https://example.org"})
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["Access-Control-Allow-Headers"] == "If-None-Match"
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, HEAD"


@on_each_loop
async def test_before_the_first_snapshot_what_needs_one_is_503_and_a_record_is_read_from_the_table() -> None:
    world = ApiWorld(MemoryStore(*capture_items()))
    async with served(world):
        replies = [await world.ask(path) for path in ("/near?lat=1&lon=1", f"/box{WORLD}", "/countries/DE")]
        record = await world.ask("/records/250451653")
        sensor = await world.ask("/sensors/1118")
    for reply in replies:
        assert problem(reply)[1].startswith("no snapshot yet")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "30")
    assert record.json["record"]["id"] == "250451653"
    assert sensor.json["sensor_id"] == "1118"
    assert record.json["checks"] is sensor.json["checks"] is None


@pytest.mark.parametrize(("error", "detail"), [
    (Unavailable("secret words"), "the table cannot be read now; try again later"),
    (MissingIndex("secret words"), "the table has no index by sensor"),
])  # fmt: skip
async def test_a_table_that_cannot_be_read_is_503_without_its_words(error: Exception, detail: str) -> None:
    store = Before(MemoryStore(), sensor_page=failing(error))
    async with served(ApiWorld(store)) as world:
        reply = await world.ask("/sensors/5/days?until=2017-08-11")
    assert problem(reply)[1].startswith(detail)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "30")


async def test_who_is_told_that_it_is_busy_hears_when_to_come_again() -> None:
    store = Before(MemoryStore(), sensor_page=failing(Busy("too much")))
    async with served(ApiWorld(store)) as world:
        reply = await world.ask("/sensors/5/days?until=2017-08-11")
    assert problem(reply) == (503, "too much")
    assert reply.headers["Retry-After"] == "5"


async def test_a_fault_of_our_own_is_500_without_its_words_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Before(MemoryStore(), sensor_page=failing(KeyError("secret words")))
    async with served(ApiWorld(store)) as world:
        reply = await world.ask("/sensors/5/days?until=2017-08-11")
    assert problem(reply) == (500, "internal error")
    assert "answer_failed" in [record.getMessage() for record in caplog.records if record.exc_info]
    assert logging.ERROR in [record.levelno for record in caplog.records]


def hourly(count: int) -> list[Item]:
    first = next(each for each in capture_items() if each.sensor_id == SENSOR)
    start = TAKEN - count * 600
    return [
        first._replace(id=str(number + 1), measured_at=start + number * 600, pm25=str(number % 70),
                       timestamp=iso(start + number * 600))
        for number in range(count)
    ]  # fmt: skip


async def test_a_history_comes_in_pages_that_link_to_the_next() -> None:
    items = hourly(2 * MOST_PAGE + 300)
    ids, asked = list[str](), "/sensors/1118/history?since=2017-07-20&until=2017-08-11&scale=us-epa"
    async with served(ApiWorld(MemoryStore(*items))) as world:
        pages = 0
        while asked:
            reply = await world.ask(asked)
            pages += 1
            assert reply.json["count"] <= MOST_PAGE
            assert reply.json["records"][0]["record"]["scale"] == "us-epa"
            ids += [record["record"]["id"] for record in reply.json["records"]]
            _, _, following = reply.headers["Link"].partition(", <")
            assert not following or following.endswith('>; rel="next"')
            asked = following.partition(">")[0].removeprefix("/api/v1")
    assert ids == [item.id for item in items]
    assert pages == 3


async def test_the_rows_of_a_page_are_not_read_much_further_than_it() -> None:
    store = MemoryStore(*hourly(4 * MOST_PAGE))
    pages = 0

    async def count() -> None:
        nonlocal pages
        pages += 1

    async with served(ApiWorld(Before(store, sensor_page=count))) as world:
        await world.ask("/sensors/1118/history?since=2017-07-14&until=2017-08-11")
    assert pages <= 3


async def test_snapshot_is_the_latest_report_and_rejects_are_its_rejected_records() -> None:
    world = ApiWorld()
    bad = record(2, p1="1999.90") | {"location": {"latitude": "48.8", "longitude": "9.1", "country": "DE"}}
    storage, more = Storage(world.archive, world.store), bad | {"id": 5, "location": {}}
    first, second = document_of(record(1, p1="5"), bad), document_of(record(3, p1="5"), bad, more)
    await load(feed(first), storage, plan(live=True), now=lambda: AT)
    await load(feed(second), storage, plan(live=True), now=lambda: AT + 240)
    world.now = AT + 300
    async with served(world):
        snapshot = (await world.ask("/snapshot")).json
        rejects = await world.ask("/rejects")
        written = await world.ask("/rejects.csv")
        points = await world.ask("/rejects.geojson")
        refused = [
            (await world.ask(path)).status for path in ("/snapshot.csv", "/snapshot?n=1", "/rejects/1")
        ]
    assert (snapshot["count"], snapshot["report"]) == (2, snapshot["loads"][0])
    assert snapshot["report"]["rejected"] == 2
    assert snapshot["loads"][1]["rejected"] == 1
    assert snapshot["attribution"]
    assert [(each["id"], each["latitude"]) for each in rejects.json["rejects"]] == [("2", 48.8), ("5", None)]
    assert [(row["id"], row["latitude"]) for row in rows(written.body)] == [("2", "48.8"), ("5", "")]
    assert [each["geometry"] is None for each in points.json["features"]] == [False, True]
    assert refused == [404, 400, 404]


@asynccontextmanager
async def unread(world: ApiWorld, path: str, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Ask so often for a large answer, and read none of it."""
    peers = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1024)
        writer.write(f"GET /api/v1{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        peers.append((reader, writer))
    try:
        yield [reader for reader, _ in peers]
    finally:
        for _, writer in peers:
            writer.transport.abort()


def many() -> tuple[Item, ...]:
    """Give so many sensors that an answer does not fit into the buffers of a socket."""
    first = capture_items()[0]
    return tuple(first._replace(id=str(n), sensor_id=str(n), indoor="1") for n in range(1, 10_001))


@by_hand
async def test_few_large_answers_are_made_at_once_and_one_that_nobody_reads_is_given_up() -> None:
    items = many()
    world = ApiWorld(MemoryStore(*items))
    world.memory.offer(index_of(items))
    async with served(world), unread(world, f"/box{WORLD}&indoor=1", HTTP_SLOTS):
        large: Any = world.large
        await passing(large._free.locked)
        waiting = task(world.ask(f"/box{WORLD}&indoor=1"))
        small = await world.ask("/sensors/5")
        assert small.status == 200
        await passing(lambda: bool(large._free._waiters))
        advance(5.1)
        reply = await waiting
        assert problem(reply)[1].startswith("too many large replies are under way")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
        await turns(200)
        advance(SEND_SECONDS)
        await passing(lambda: not large._free.locked())


async def test_a_large_answer_arrives_whole() -> None:
    items = many()
    world = ApiWorld(MemoryStore(*items))
    world.memory.offer(index_of(items))
    async with served(world):
        reply = await world.ask(f"/box{WORLD}&indoor=1")
    assert [each["sensor_id"] for each in reply.json["sensors"]] == [item.sensor_id for item in items]
    assert len(reply.body) == int(reply.headers["Content-Length"])


@pytest.mark.parametrize(("tag", "header", "known"), [
    ('W/"a"', None, False), ('W/"a"', 'W/"a"', True), ('W/"a"', '"a"', True), ('W/"a"', '"b", W/"a"', True),
    ('W/"a"', "*", True), ('W/"a"', '"b"', False), ('W/"a"', "", False), ('W/"a"', '"aa"', False),
])  # fmt: skip
def test_tags_are_compared_weakly(tag: str, header: str | None, known: bool) -> None:
    assert is_known(tag, header) is known


async def test_what_memory_has_is_served_without_the_table() -> None:
    async with served(ApiWorld(Before(MemoryStore(), get=failing(Unavailable("x"))))) as world:
        world.memory.offer(capture_index())
        assert (await world.ask("/records/250451653")).json["checks"]["flags"] == ["alone"]
        assert (await world.ask("/near?lat=48.78&lon=9.18")).json["count"] == 5
        assert world.now == NOW


async def test_the_hours_of_a_sensor_are_read_for_its_json_and_not_for_its_csv() -> None:
    pages: list[None] = []

    async def count() -> None:
        pages.append(None)

    world = ApiWorld(Before(MemoryStore(*capture_items()), sensor_page=count))
    world.memory.offer(capture_index())
    async with served(world):
        assert (await world.ask(f"/sensors/{SENSOR}.csv")).status == 200
        assert pages == []
        for form in ("", ".geojson"):
            reply = (await world.ask(f"/sensors/{SENSOR}{form}")).json
            assert reply.get("properties", reply)["checks"]["hours_seen"] == 1
    assert len(pages) == 2
