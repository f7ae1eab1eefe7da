"""What the page says of a feed that is fresh, stale, halved or gone, and of a service that is away."""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.doubles.ports import free_port
from tests.doubles.program import running
from tests.page.asking import FIVE_MINUTES_AND_MORE, UNREACHABLE
from tests.page.conftest import Open, Opened, loaded, opening, origin_of, serving
from tests.page.feeds import HOSTILE, HOUR, hostile, of_now, written

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
"""One pixel."""


@pytest_asyncio.fixture(loop_scope="session")
async def opened(browser: Browser, bare_environment: None) -> AsyncIterator[Open]:
    """Open pages of services that a test starts itself, and ends while a page may still ask."""
    async with opening(browser) as open_:

        async def of_its_own(
            path: str | None = "/", *, expected: tuple[str, ...] = (), **options: Any
        ) -> Opened:
            return await open_(path, expected=(*expected, *UNREACHABLE), **options)

        yield of_its_own


async def test_of_fresh_data_there_is_no_banner_and_their_age_is_said(opened: Open, tmp_path: Path) -> None:
    await loaded(tmp_path, written(tmp_path, of_now()))
    async with serving(tmp_path) as service:
        found = await opened(origin=await origin_of(service))
        await found.ready()
        await expect(found.page.locator("#age")).to_contain_text("minute")
        await expect(found.page.locator("#banners")).to_be_empty()


async def test_a_feed_that_goes_stale_under_an_open_page_is_named_past_three_hours(
    opened: Open, tmp_path: Path
) -> None:
    await loaded(tmp_path, written(tmp_path, of_now(age_seconds=600)))
    async with serving(tmp_path) as service:
        found = await opened(None, origin=await origin_of(service))
        await found.page.clock.install()
        await found.go()
        await found.ready()
        await expect(found.page.locator("#banners")).to_be_empty()
        await found.page.route("**/api/v1/latest*", lambda route: route.abort())
        found.expected.append("ERR_FAILED")
        await found.page.clock.fast_forward(3 * HOUR * 1000)
        await expect(found.page.locator("#banners")).to_contain_text("Old data")


async def test_a_halved_feed_is_named_and_an_empty_one(opened: Open, tmp_path: Path) -> None:
    await loaded(tmp_path, written(tmp_path, of_now(3000), 3000))
    await loaded(tmp_path, written(tmp_path, of_now(1500, most=700), 1500))
    async with serving(tmp_path) as service:
        found = await opened(origin=await origin_of(service))
        await expect(found.page.locator("#banners")).to_contain_text("under half of the usual records")
    await loaded(tmp_path, written(tmp_path, [], 60))
    async with serving(tmp_path) as service:
        found = await opened(origin=await origin_of(service))
        await found.ready()
        await expect(found.page.locator("#banners")).to_contain_text("was empty")


async def test_before_the_first_snapshot_the_page_says_so_and_that_it_asks_again(
    opened: Open, tmp_path: Path
) -> None:
    async with running(
        "--local",
        str(tmp_path),
        "--port",
        "0",
        "--http-port",
        "0",
        "--feed-url",
        "http://127.0.0.1:9/",
        cwd=tmp_path,
    ) as service:
        origin = f"http://127.0.0.1:{await service.port('http')}"
        found = await opened(origin=origin, expected=("503",))
        await expect(found.page.locator("#banners")).to_contain_text("Nothing can be shown yet")
        await expect(found.page.locator("#count")).to_have_text("No sensors to show yet")


async def test_where_the_first_file_was_empty_it_is_that_and_nothing_is_older(
    opened: Open, tmp_path: Path
) -> None:
    await loaded(tmp_path, written(tmp_path, []))
    async with serving(tmp_path) as service:
        origin = f"http://127.0.0.1:{await service.port('http')}"
        for path in ("/", "/embed#area=48.78,9.18,3"):
            found = await opened(path, origin=origin, expected=("503",))
            await expect(found.page.locator("#banners")).to_contain_text("Nothing can be shown yet")
            await expect(found.page.locator("#banners")).to_contain_text("was empty.")
            await expect(found.page.locator("#banners")).not_to_contain_text("older")
        found = await opened("/status", origin=origin)
        await expect(found.page.locator("#loads")).to_contain_text("the tallest is of 0 records.")


async def test_a_service_that_goes_away_and_comes_back_under_an_open_page(
    opened: Open, tmp_path: Path
) -> None:
    port = free_port()
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    await loaded(old, written(old, of_now()))
    await loaded(new, written(new, of_now(most=500)))
    async with serving(old, port=port) as service:
        found = await opened(None, origin=await origin_of(service))
        await found.page.clock.install()
        await found.go()
        await found.ready()
        before = await found.page.locator("#count").inner_text()
    await found.page.clock.fast_forward(FIVE_MINUTES_AND_MORE)
    await expect(found.page.locator("#banners")).to_contain_text("cannot be reached: what shows here")
    await expect(found.page.locator("#count")).to_have_text(before)
    async with serving(new, port=port) as service:
        await origin_of(service)
        await found.page.clock.fast_forward(FIVE_MINUTES_AND_MORE)
        await expect(found.page.locator("#count")).to_have_text(
            re.compile("^495 of 495 sensors")
        )  # 5 are rejected
        await expect(found.page.locator("#banners")).to_be_empty()


async def test_what_was_chosen_while_the_service_was_away_shows_when_it_is_back_with_the_same_snapshot(
    opened: Open, tmp_path: Path
) -> None:
    port = free_port()
    await loaded(tmp_path, written(tmp_path, of_now()))
    async with serving(tmp_path, port=port) as service:
        found = await opened(None, origin=await origin_of(service))
        await found.page.clock.install()
        await found.go()
        await found.ready()
    await found.page.evaluate("location.hash = '#sensor=1118'")
    await expect(found.page.locator("#panel")).to_have_text(
        "This cannot be shown now: the service cannot be reached."
    )
    async with serving(tmp_path, port=port) as service:
        await origin_of(service)
        await found.page.clock.fast_forward(FIVE_MINUTES_AND_MORE)
        await expect(found.page.locator("#panel h2")).to_have_text("Sensor 1118")
        await expect(found.page.locator(".strip")).to_be_visible()


async def test_the_same_snapshot_is_asked_for_with_its_etag_and_costs_nothing(
    opened: Open, tmp_path: Path
) -> None:
    await loaded(tmp_path, written(tmp_path, of_now()))
    async with serving(tmp_path) as service:
        found = await opened(None, origin=await origin_of(service))
        await found.page.clock.install()
        await found.go()
        await found.ready()
        await found.page.wait_for_load_state("networkidle")
        session = await found.page.context.new_cdp_session(found.page)
        statuses: list[int] = []
        await session.send("Network.enable")
        session.on("Network.responseReceivedExtraInfo", lambda told: statuses.append(told["statusCode"]))
        latest = found.page.expect_response("**/api/v1/latest*")
        async with latest, found.page.expect_response("**/api/v1/snapshot"):
            await found.page.clock.fast_forward(FIVE_MINUTES_AND_MORE)
        assert set(statuses) == {304}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_a_hostile_feed_says_shows_as_text_or_not_at_all(
    opened: Open, tmp_path: Path, kind: str
) -> None:
    await loaded(tmp_path, written(tmp_path, hostile(HOSTILE[kind])))
    async with serving(tmp_path) as service:
        sensors, rejects = {"long": (0, 0), "too long": (0, 0)}.get(kind, (2, 2))
        found = await opened("/#9/48.78/9.18", origin=await origin_of(service))
        text = f"{sensors} of {sensors} sensors, none left out"
        await expect(found.page.locator("#count")).to_have_text(text)
        await found.page.click("#filters summary")
        await found.page.check("[name=rejects]")
        await expect(found.page.locator(".reject")).to_have_count(rejects)
        await expect(found.page.locator("#list li")).to_have_count(sensors)
        assert await found.page.title() == "Air map"
        assert await found.page.locator("img, script:not([src])").count() == 0
        assert await found.page.evaluate("document.documentElement.scrollWidth") == 1280


async def test_street_tiles_are_asked_for_only_where_they_were_switched_on(
    opened: Open, tmp_path: Path
) -> None:
    await loaded(tmp_path)
    tiles = ("--tiles", "http://127.0.0.2:9/{z}/{x}/{y}.png", "--tiles-attribution", "Nobody <b>&")
    async with serving(tmp_path, *tiles) as service:
        found = await opened(None, origin=await origin_of(service))
        asked: list[str] = []

        async def answer(route: object) -> None:
            asked.append(route.request.url)  # type: ignore[attr-defined]
            await route.fulfill(body=PNG, content_type="image/png")  # type: ignore[attr-defined]

        await found.page.route("http://127.0.0.2:9/**", answer)
        await found.go()
        await found.ready()
        await expect(found.page.locator("#tiles")).to_have_text(
            "Street map: Nobody <b>&; your browser asks http://127.0.0.2:9 for it."
        )
        await expect(found.page.locator("img.leaflet-tile-loaded").first).to_be_visible()
        assert re.fullmatch(r"http://127\.0\.0\.2:9/\d+/\d+/\d+\.png", asked[0])
        assert {re.sub(r"/\d+/\d+/\d+\.png", "", each) for each in found.elsewhere} == {"http://127.0.0.2:9"}
        found.requests.clear()
