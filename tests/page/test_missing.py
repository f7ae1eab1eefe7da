"""What fails is said: every question of the page, refused by the service or cut off, then answered."""

import json

import pytest
from playwright.async_api import Route, expect

from tests.page.asking import FIVE_MINUTES_AND_MORE
from tests.page.conftest import Open

STUTTGART = "/#12/48.78/9.18"


async def refuse(route: Route) -> None:
    await route.fulfill(status=503, body=json.dumps({"detail": "come back later"}))


async def cut(route: Route) -> None:
    await route.abort()


FAILURES = {"refused": (refuse, "503"), "cut off": (cut, "ERR_FAILED")}

PARTS = {
    "**/page/ground.bin": "coast and borders",
    "**/page/settings.json": "settings",
    "**/page/cities.bin": "names of cities",
    "**/api/v1/snapshot": "how the last load went",
    "**/api/v1/rejects": "rejected measurements",
}


@pytest.mark.parametrize("how", FAILURES)
async def test_what_the_map_cannot_have_is_named_until_it_comes(opened: Open, how: str) -> None:
    fails, logged = FAILURES[how]
    found = await opened(None, expected=(logged,))
    await found.page.clock.install()
    for pattern in PARTS:
        await found.page.route(pattern, fails)
    await found.go(f"{STUTTGART}&rejects=on")
    await found.ready()
    banners = found.page.locator("#banners")
    for what in PARTS.values():
        await expect(banners).to_contain_text(f"{what} (the service")
    await expect(found.page.locator("#honest strong")).to_have_count(2)
    for claim in await found.page.locator("#honest strong").all():
        await expect(claim).to_be_hidden()  # nobody said of what time the values are
    for pattern in PARTS:
        await found.page.unroute(pattern)
    await found.page.clock.fast_forward(FIVE_MINUTES_AND_MORE)
    await expect(banners).not_to_contain_text("Not here now")
    await expect(found.page.locator(".reject").first).to_be_attached()
    await expect(found.page.locator("#honest .other")).to_be_visible()


@pytest.mark.parametrize("how", FAILURES)
async def test_in_a_frame_how_the_last_load_went_is_named_as_missing(opened: Open, how: str) -> None:
    fails, logged = FAILURES[how]
    found = await opened(None, expected=(logged,))
    await found.page.route("**/api/v1/snapshot", fails)
    await found.go("/embed#sensor=1118")
    await expect(found.page.locator("#banners")).to_contain_text("how the last load went (the service")
    await expect(found.page.locator(".big .mean")).to_be_hidden()


@pytest.mark.parametrize("how", FAILURES)
async def test_cities_that_cannot_be_offered_are_no_silence(opened: Open, how: str) -> None:
    fails, logged = FAILURES[how]
    found = await opened(expected=(logged,))
    await found.ready()
    await found.page.route("**/api/v1/places*", fails)
    await found.page.locator("#sought").press_sequentially("Frankf")
    await expect(found.page.locator("#search [role=status]")).to_contain_text("cannot be offered now: the")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("**/metrics", "How many lookups there are cannot"), ("**/api/v1/rejects", "How the service is cannot")],
)
async def test_of_the_status_too_each_part_says_that_it_fails(opened: Open, pattern: str, said: str) -> None:
    found = await opened(None, expected=("503",))
    await found.page.route(pattern, refuse)
    await found.go("/status")
    await expect(found.page.locator("#failed")).to_contain_text(said)
    await expect(found.page.locator("#failed")).not_to_contain_text("; ")


async def test_street_tiles_that_do_not_come_are_said(opened: Open) -> None:
    found = await opened(None, expected=("404",))
    tiles = {"url": f"{found.origin}/no/{{z}}/{{x}}/{{y}}.png", "attribution": "x", "origin": found.origin}
    settings = json.dumps({"version": "1", "tiles": tiles})
    await found.page.route("**/page/settings.json", lambda route: route.fulfill(body=settings))
    await found.go(STUTTGART)
    await expect(found.page.locator("#tiles")).to_contain_text("Parts of it do not come now.")
