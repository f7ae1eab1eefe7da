"""Badges over a real socket: pictures whatever is asked for, and headers that let any page show them."""

from collections.abc import Mapping
from xml.etree import ElementTree as ET

import aiohttp
import pytest

from aqi_service.errors import Busy, Unavailable
from aqi_service.web.page import Page
from tests.doubles.api_world import ApiWorld, Reply, capture_served, served
from tests.doubles.storage_doubles import Before, MemoryStore, failing

SENSOR, AREA = "/badge/sensor/1118.svg", "/badge/area/48.78,9.18,3.svg"


async def ask(
    world: ApiWorld, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Reply:
    url = f"http://127.0.0.1:{world.port}{path}"
    async with aiohttp.request(method, url, headers=headers) as response:
        return Reply(response.status, await response.read(), dict(response.headers))


def title(reply: Reply) -> str:
    assert reply.headers["Content-Type"] == "image/svg+xml"
    found = ET.fromstring(reply.body).find("{*}title")  # noqa: S314  # our own
    assert found is not None
    return found.text or ""


async def test_a_sensor_s_badge_says_what_the_api_says() -> None:
    async with capture_served() as world:
        record = (await world.ask("/sensors/1118")).json["record"]
        reply = await ask(world, SENSOR)
    assert reply.status == 200
    assert title(reply).startswith(
        f"sensor 1118: DAQI {record['AQI']} {record['AQI_range']}. no 24-hour mean · "
    )


@pytest.mark.parametrize("scale", ["", "&scale=us-epa"])
async def test_an_area_s_badge_says_what_the_api_says(scale: str) -> None:
    async with capture_served() as world:
        area = (await world.ask(f"/area?lat=48.78&lon=9.18&km=3{scale}")).json
        reply = await ask(world, f"{AREA}?{scale.removeprefix('&')}")
    name = "US AQI" if scale else "DAQI"
    assert title(reply).startswith(
        f"{area['sensors']} sensors within 3 km: {name} {area['AQI']} {area['AQI_range']}. "
        "median · no 24-hour mean"
    )


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/badge/sensor/424242.svg", 404, "sensor 424242: is not here"),
        ("/badge/sensor/1118.png", 404, "sensor 1118.png: is not here"),
        ("/badge/country/DE.svg", 404, "country DE: is not here"),
        ("/badge/sensor/x%00y.svg", 400, "sensor x\\x00y: is no such address"),
        ("/badge/sensor/1118.svg?scale=nix", 400, "sensor 1118: is no such address"),
        ("/badge/sensor/1118.svg?clean=1", 400, "sensor 1118: is no such address"),
        ("/badge/area/48.78,9.18.svg", 400, "area 48.78,9.18: is no such address"),
        ("/badge/area/48.78,9.18,1000.svg", 400, "area 48.78,9.18,1000: is no such address"),
        (f"/badge/sensor/{'9' * 300}.svg", 400, f"sensor {'9' * 25}: is no such address"),
    ],
)
async def test_what_is_not_there_is_a_badge_too_and_is_not_kept(path: str, status: int, said: str) -> None:
    async with capture_served() as world:
        reply = await ask(world, path)
    assert reply.status == status
    assert reply.headers["Cache-Control"] == "no-store"
    assert title(reply) == f"{said}. Sensor.Community"


@pytest.mark.parametrize(
    ("error", "seconds"), [(Unavailable("the table cannot be read"), "30"), (Busy("x"), "5")]
)
async def test_while_there_are_no_data_it_says_so_and_when_to_ask_again(
    error: Exception, seconds: str
) -> None:
    async with served(ApiWorld(Before(MemoryStore(), sensor_page=failing(error)))) as world:
        reply = await ask(world, SENSOR)
    assert (reply.status, reply.headers["Retry-After"]) == (503, seconds)
    assert title(reply).startswith("sensor 1118: no data just now")


async def test_a_fault_of_our_own_is_a_badge_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    store = Before(MemoryStore(), sensor_page=failing(KeyError("secret words")))
    async with served(ApiWorld(store)) as world:
        reply = await ask(world, SENSOR)
    assert reply.status == 500
    assert title(reply).startswith("sensor 1118: internal error")
    assert b"secret" not in reply.body
    assert "answer_failed" in caplog.messages


@pytest.mark.parametrize("path", [SENSOR, AREA])
async def test_a_badge_is_kept_for_five_minutes_and_costs_304_until_its_words_change(path: str) -> None:
    async with capture_served() as world:
        first = await ask(world, path)
        world.now += 5
        known = {"If-None-Match": first.headers["Etag"]}
        again = await ask(world, path, known)
        world.now += 3600
        later = await ask(world, path, known)
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert (again.status, again.body) == (304, b"")
    assert later.status == 200
    assert title(later) != title(first)


async def test_a_badge_counts_as_a_request_of_what_it_is_of_and_ends_as_one() -> None:
    async with capture_served() as world:
        for path in (SENSOR, AREA, "/badge/sensor/424242.svg", "/badge/area/1,2.svg", "/badge/nothing/1.svg"):
            await ask(world, path)
        ended = {key: count for key, count in world.lookup.requests.ended.items() if count}
    assert ended == {
        ("sensor", "found"): 1,
        ("area", "found"): 1,
        ("sensor", "not_found"): 1,
        ("area", "bad_request"): 1,
        ("other", "not_found"): 1,
    }


async def test_any_page_may_show_a_badge_and_it_names_whose_data_it_is() -> None:
    async with capture_served() as world:
        for path in (SENSOR, AREA, "/badge/sensor/424242.svg"):
            headers = (await ask(world, path)).headers
            assert "frame-ancestors *" in headers["Content-Security-Policy"]
            assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
            assert headers["Access-Control-Allow-Origin"] == "*"
        headers = (await ask(world, SENSOR, method="HEAD")).headers
    assert "Sensor.Community" in headers["Attribution"]
    assert "opendatacommons.org" in headers["Link"]


async def test_badges_and_the_embedded_panel_are_all_that_may_be_framed() -> None:
    policies = {path: Page().headers(path)["Content-Security-Policy"] for path in Page().paths}
    async with capture_served() as world:
        for path in (
            "/healthz",
            "/readyz",
            "/metrics",
            "/api/v1/sensors/1118",
            "/api/v1/openapi.json",
            "/api/v1/nothing",
            "/nothing",
            SENSOR,
        ):
            policies[path] = (await ask(world, path)).headers["Content-Security-Policy"]
    framed = {path for path, policy in policies.items() if "frame-ancestors 'none'" not in policy}
    assert framed == {"/embed", SENSOR}
    assert all("frame-ancestors *" in policies[path] for path in framed)
