"""What other people's pages show: the panel in a frame, and badges as pictures."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Route, expect

from tests.doubles.integrations_page import EXAMPLES
from tests.doubles.ports import free_port
from tests.page.asking import FIVE_MINUTES_AND_MORE, UNREACHABLE, api
from tests.page.conftest import PHONE, Open, Opened, loaded, origin_of, serving
from tests.page.feeds import HOUR, of_now, written

SENSOR, AREA = "/embed#sensor=1118", "/embed#area=48.78,9.18,3"


@asynccontextmanager
async def shown_elsewhere(found: Opened, html: str) -> AsyncIterator[None]:
    """Show a page of another site: a server of its own, since a browser lets loopback alone to loopback."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    server = TestServer(app)
    await server.start_server()
    try:
        await found.page.goto(str(server.make_url("/")))
        found.requests[:] = [
            each for each in found.requests if not each.url.startswith(str(server.make_url("")))
        ]
        yield
    finally:
        await server.close()


async def test_another_page_may_show_the_panel_in_a_frame_and_nothing_else(opened: Open) -> None:
    found = await opened(None, expected=("frame-ancestors", "404"))  # of its icon
    paths = (SENSOR, "/", "/status", "/api/v1/sensors/1118")
    frames = "".join(f"<iframe src='{found.origin}{path}'></iframe>" for path in paths)
    async with shown_elsewhere(found, frames):
        panel = found.page.frame_locator("iframe").first
        await expect(panel.locator("h2")).to_have_text("Sensor 1118")
    refused = [each for each in found.complaints if "frame-ancestors 'none'" in each]
    assert len(refused) == len(paths) - 1


async def test_the_frame_shows_what_the_api_says_and_whose_data_it_is(opened: Open, capture: str) -> None:
    record = api(capture, "sensors/1118")["record"]
    found = await opened(SENSOR)
    await expect(found.page.locator(".big")).to_contain_text(f"DAQI {record['AQI']}, {record['AQI_range']}")
    await expect(found.page.locator("#panel")).to_contain_text("Data: Sensor.Community")
    await expect(found.page.locator("#panel")).to_contain_text("No regulatory measurement, no health advice")
    await expect(found.page.locator("#on-map")).to_have_attribute("href", "/#sensor=1118")
    await expect(found.page.locator("#map")).to_have_count(0)


async def test_an_area_and_another_scale_are_shown_as_on_the_map(opened: Open, capture: str) -> None:
    area = api(capture, "area?lat=48.78&lon=9.18&km=3&scale=us-epa")
    found = await opened(f"{AREA}&scale=us-epa")
    await expect(found.page.locator(".big")).to_contain_text(f"US AQI {area['AQI']}, {area['AQI_range']}")
    await expect(found.page.locator("#on-map")).to_have_attribute(
        "href", re.compile("#area=48.78,9.18,3&scale")
    )


async def test_another_address_under_an_open_frame_shows_the_other(opened: Open) -> None:
    found = await opened(SENSOR)
    await expect(found.page.locator("h2")).to_have_text("Sensor 1118")
    await found.page.evaluate("location.hash = '#sensor=649'")
    await expect(found.page.locator("h2")).to_have_text("Sensor 649")


async def test_no_link_of_the_frame_leads_the_frame_itself_away(opened: Open) -> None:
    found = await opened(SENSOR)
    await expect(found.page.locator("#panel .links a").first).to_be_visible()
    leaving = await found.page.locator("a:not([href^='#']):not([target=_blank])").all_inner_texts()
    assert leaving == []


@pytest.mark.parametrize("path", ["/embed", "/embed#sensor=x", "/embed#area=1,2"])
async def test_an_address_that_names_nothing_says_what_it_should_look_like(opened: Open, path: str) -> None:
    found = await opened(path)
    await expect(found.page.locator("#panel")).to_contain_text("#sensor=NUMBER or #area=LAT,LON,KM")


async def test_on_a_phone_the_panel_is_as_wide_as_the_screen(opened: Open) -> None:
    found = await opened(SENSOR, **PHONE)
    await expect(found.page.locator(".strip")).to_be_visible()
    assert await found.page.evaluate("document.documentElement.scrollWidth") == 360


async def test_what_shows_stays_and_is_marked_while_the_service_is_away(opened: Open, tmp_path: Path) -> None:
    port, old, new = free_port(), tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        await loaded(folder, written(folder, of_now()))
    async with serving(old, port=port) as service:
        found = await opened(None, origin=await origin_of(service), expected=UNREACHABLE)
        await found.page.clock.install()
        await found.go(SENSOR)
        await expect(found.page.locator(".strip")).to_be_visible()
        await expect(found.page.locator("#banners")).to_be_empty()
    await found.page.clock.fast_forward(FIVE_MINUTES_AND_MORE)
    await expect(found.page.locator("#banners")).to_contain_text("cannot be reached: what shows here")
    await expect(found.page.locator("h2")).to_have_text("Sensor 1118")
    await expect(found.page.locator(".strip")).to_be_visible()
    async with serving(new, port=port) as service:
        await origin_of(service)
        await found.page.clock.fast_forward(FIVE_MINUTES_AND_MORE)
        await expect(found.page.locator("#banners")).to_be_empty()
        await expect(found.page.locator(".strip")).to_be_visible()


async def test_the_age_moves_on_while_nothing_new_comes(opened: Open, tmp_path: Path) -> None:
    await loaded(tmp_path, written(tmp_path, of_now()))
    async with serving(tmp_path) as service:
        found = await opened(None, origin=await origin_of(service), expected=UNREACHABLE)
        await found.page.clock.install()
        await found.go(SENSOR)
        await expect(found.page.locator(".big time")).to_contain_text("minute")
        await expect(found.page.locator(".big .mean")).to_be_visible()
    await found.page.clock.fast_forward(4 * HOUR * 1000)
    await expect(found.page.locator(".big time")).to_have_text("Old: 4 hours ago")


async def test_of_an_answer_that_was_kept_the_age_is_that_of_now(opened: Open, tmp_path: Path) -> None:
    """A 304 renews the headers of what a browser kept, and `age_seconds` in it stays what it was."""

    async def later(route: Route) -> None:
        answer = await route.fetch()
        date = formatdate(time.time() + 4 * HOUR, usegmt=True)
        await route.fulfill(response=answer, headers=answer.headers | {"date": date})

    await loaded(tmp_path, written(tmp_path, of_now()))
    async with serving(tmp_path) as service:
        found = await opened(None, origin=await origin_of(service), expected=UNREACHABLE)
        await found.page.route("**/api/v1/**", later)
        await found.go(SENSOR)
        await expect(found.page.locator(".big time")).to_have_text("Old: 4 hours ago")
        await found.page.unroute_all(behavior="wait")


async def test_badges_show_as_pictures_on_another_page_also_where_there_is_nothing(opened: Open) -> None:
    found = await opened(None, expected=("404",))
    paths = ("sensor/1118", "area/48.78,9.18,3", "sensor/999999")
    images = "".join(f"<img src='{found.origin}/badge/{path}.svg'>" for path in paths)
    async with shown_elsewhere(found, images):
        for place in range(len(paths)):
            image = found.page.locator("img").nth(place)
            await expect(image).to_have_js_property("naturalHeight", 32)


async def test_the_lines_of_html_in_the_documentation_show_what_they_say(opened: Open) -> None:
    found = await opened(None, expected=("404",))
    html = EXAMPLES["badges.html"].replace("http://localhost:8080", found.origin)
    async with shown_elsewhere(found, html):
        for place in range(2):
            await expect(found.page.locator("img").nth(place)).to_have_js_property("naturalHeight", 32)
        await expect(found.page.frame_locator("iframe").locator("h2")).to_have_text("Sensor 1118")
        await expect(found.page.locator("a").first).to_have_attribute("href", f"{found.origin}/#sensor=1118")
