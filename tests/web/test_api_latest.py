"""All sensors at once: made once, packed, and made anew when memory answers something else."""

import csv
import gzip
import io
import math
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from aqi_service.core.latest import COLUMN_NAMES
from aqi_service.core.requests import Choice, LatestRequest
from aqi_service.core.scales import US_EPA
from aqi_service.lookup.latest import KEPT_SECONDS, LEAST_SECONDS, MOST_ASKED
from aqi_service.web import answer_cache
from aqi_service.web.bodies import accepts_gzip
from tests.doubles.api_world import (
    TAKEN,
    ApiWorld,
    capture_index,
    capture_items,
    capture_served,
    index_of,
    served,
)
from tests.doubles.storage_doubles import MemoryStore
from tests.doubles.wire_fixtures import advance, by_hand

FORMS = ("/latest.columns.json", "/latest.geojson", "/latest.csv")
PLAIN = {"Accept-Encoding": "identity"}


def rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


async def test_csv_is_what_the_wire_answers_of_the_whole_world() -> None:
    async with capture_served() as world:
        reply = await world.ask("/latest.csv")
        wire = await world.lookup.answer(b"box -90 -180 90 180 indoor")
    nowhere = [row for row in rows(reply.body) if not row["latitude"]]
    assert [row for row in rows(reply.body) if row not in nowhere] == rows(wire)
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize("query", ["", "?scale=us-epa"])
async def test_columns_and_geojson_say_what_the_csv_does(query: str) -> None:
    async with capture_served() as world:
        columns = (await world.ask(f"/latest.columns.json{query}")).json
        geo = (await world.ask(f"/latest.geojson{query}")).json
        written = rows((await world.ask(f"/latest.csv{query}")).body)
    assert tuple(columns["columns"]) == COLUMN_NAMES
    assert columns["count"] == geo["count"] == len(written) == len(capture_index().sensors.index)  # type: ignore[union-attr]
    for name in ("sensor_id", "id", "AQI", "AQI_range", "flags", "timestamp"):
        shown = ["" if each is None else str(each) for each in columns["columns"][name]]
        assert shown == [row[name] for row in written]
        assert [each["properties"][name] for each in geo["features"]] == columns["columns"][name]
    for name in ("P2.5", "P10", "latitude", "longitude"):
        assert columns["columns"][name] == [float(row[name]) if row[name] else None for row in written]
    assert columns["columns"]["sensor_id"] == sorted(columns["columns"]["sensor_id"], key=int)
    assert geo["features"][0]["geometry"]["coordinates"] == [
        columns["columns"][name][0] for name in ("longitude", "latitude")
    ]
    for found in (columns, geo):
        assert found["scale"] == (query.partition("=")[2] or "daqi")
        assert found["snapshot_time"] == "2017-08-10T11:23:00Z"
        assert found["newest"] == max(row["timestamp"] for row in written)
        assert "age_seconds" not in str(found)
        assert found["attribution"]


@pytest.mark.parametrize("path", FORMS)
async def test_it_is_sent_as_gzip_and_plain_to_who_does_not_take_that(path: str) -> None:
    async with capture_served() as world:
        plain = await world.ask(path, headers=PLAIN)
        url = f"http://127.0.0.1:{world.port}/api/v1{path}"
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.get(url, headers={"Accept-Encoding": "br, gzip"}) as response,
        ):
            packed, headers = await response.read(), response.headers
        head = await world.ask(path, "HEAD")
    assert headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.body
    assert (int(headers["Content-Length"]), int(plain.headers["Content-Length"])) == (
        len(packed),
        len(plain.body),
    )
    assert headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert headers["ETag"] == plain.headers["Etag"] == head.headers["Etag"]
    assert (head.status, head.body) == (200, b"")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note how often a body is packed."""
    times, pack = list[str](), answer_cache.pack

    async def noted(*args: Any) -> Any:
        times.append("made")
        return await pack(*args)

    monkeypatch.setattr("aqi_service.web.api.pack", noted)
    return times


@by_hand
async def test_it_is_made_once_for_all_until_memory_answers_something_else(made: list[str]) -> None:
    async with capture_served() as world:
        first = await world.ask("/latest.csv")
        for seconds in (1, LEAST_SECONDS, 3600):
            advance(seconds)
            known = await world.ask("/latest.csv", headers={"If-None-Match": first.headers["Etag"]})
            assert known.status == 304
        assert made == ["made"]
        await world.ask("/latest.csv?scale=us-epa")
        assert made == ["made"] * 2
        version = capture_index().version._replace(
            snapshot="data_10_08_17_11_28.json", snapshot_time=TAKEN + 300, newest=TAKEN + 60
        )
        items = tuple(item._replace(pm25="9.25") for item in capture_items())
        assert world.memory.offer(replace(index_of(items), version=version))
        again = await world.ask("/latest.csv", headers={"If-None-Match": first.headers["Etag"]})
    assert again.status == 200
    assert {row["P2.5"] for row in rows(again.body)} == {"9.25"}


async def test_a_sensor_that_dates_ahead_does_not_make_all_of_it_new() -> None:
    later = "2017-08-11T11:00:00"
    items = tuple(
        item._replace(timestamp=later, measured_at=TAKEN + 85_020) if number == 7 else item
        for number, item in enumerate(capture_items())
    )
    world = ApiWorld(MemoryStore(*items))
    world.memory.offer(index_of(items))
    async with served(world):
        columns = (await world.ask("/latest.columns.json")).json
    written = set(columns["columns"]["timestamp"])
    assert later in written
    assert columns["newest"] == max(written - {later})


@by_hand
async def test_an_expiry_moves_it_at_once() -> None:
    items = tuple(
        item._replace(expires_at=TAKEN + 900) if number == 7 else item
        for number, item in enumerate(capture_items())
    )
    world = ApiWorld(MemoryStore(*items))
    world.memory.offer(index_of(items))
    async with served(world):
        before = await world.ask("/latest.csv")
        world.now = TAKEN + 901
        after = await world.ask("/latest.csv")
    gone = {row["id"] for row in rows(before.body)} - {row["id"] for row in rows(after.body)}
    assert gone == {items[7].id}
    assert after.headers["Etag"] != before.headers["Etag"]


@by_hand
async def test_a_replay_moves_it_within_seconds_and_what_the_table_says_is_asked_again_each_minute() -> None:
    async with capture_served() as world:
        before = await world.ask("/latest.csv")
        item = capture_items()[0]
        sensor = next(row for row in rows(before.body) if row["sensor_id"] == item.sensor_id)
        load = world.memory.watch()
        load.differs([sensor["id"]])
        there = world.store.items[sensor["id"]]

        async def shown() -> str:
            found = rows((await world.ask("/latest.csv")).body)
            return next(row["P2.5"] for row in found if row["sensor_id"] == item.sensor_id)

        world.store.items[sensor["id"]] = there._replace(pm25="77")
        advance(LEAST_SECONDS)
        assert await shown() == "77"
        world.store.items[sensor["id"]] = there._replace(pm25="78")
        advance(KEPT_SECONDS - 1)
        assert await shown() == "77"
        advance(1)
        assert await shown() == "78"


async def test_a_memory_that_is_in_doubt_as_a_whole_is_not_read_from_the_table() -> None:
    items = tuple(
        capture_items()[0]._replace(id=str(number), sensor_id=str(number))
        for number in range(1, MOST_ASKED + 2)
    )
    world = ApiWorld(MemoryStore(*items))
    world.memory.offer(index_of(items))
    world.memory.doubt(math.inf)
    async with served(world):
        reply = await world.ask("/latest.csv")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "30")
    assert reply.json["detail"].startswith("memory is being compared with the table")


@pytest.mark.parametrize(("path", "status"), [
    ("/latest", 404), ("/latest.json", 404), ("/latest.csv?indoor=1", 400), ("/latest.csv?scale=x", 400),
])  # fmt: skip
async def test_what_there_is_not_is_a_problem_document(path: str, status: int) -> None:
    async with capture_served() as world:
        assert (await world.ask(path)).json["status"] == status


async def test_without_a_snapshot_it_is_503() -> None:
    async with served(ApiWorld()) as world:
        assert (await world.ask("/latest.geojson")).status == 503


async def test_whoever_keeps_the_answer_keeps_no_index() -> None:
    async with capture_served() as world:
        found: Any = await world.lookup.find(LatestRequest(Choice(scale=US_EPA)))
        cells = [cell.cell_contents for cell in found.holds.__closure__]
    assert not any(cell is world.memory.index for cell in cells)
    assert all(part is not world.memory.index for cell in cells if isinstance(cell, tuple) for part in cell)


@pytest.mark.parametrize(("header", "takes"), [
    ("", False), ("gzip", True), ("br, gzip", True), ("GZIP;q=0.5", True), ("gzip;q=0", False),
    ("gzip; q=0.000", False), ("identity", False), ("deflate", False), ("x-gzip", True),
])  # fmt: skip
def test_who_takes_gzip_says_so(header: str, takes: bool) -> None:
    assert accepts_gzip(header) is takes
