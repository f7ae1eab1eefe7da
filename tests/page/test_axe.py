"""Everyone can use the page: axe finds nothing serious in any of its states, and keys alone are enough."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import expect

from tests.page.asking import grave
from tests.page.conftest import PHONE, Open, Opened


async def _filters(found: Opened) -> None:
    await found.page.click("#filters summary")
    await found.page.click("#key summary")


async def _cities(found: Opened) -> None:
    await found.page.locator("#sought").press_sequentially("Frankf")
    await expect(found.page.locator("#search li").first).to_be_visible()


async def _rejects(found: Opened) -> None:
    await found.page.click("#filters summary")
    await found.page.check("[name=rejects]")
    await expect(found.page.locator(".reject").first).to_be_attached()


async def _nothing(_found: Opened) -> None:
    pass


State = tuple[str, dict[str, Any], Callable[[Opened], Awaitable[None]]]
STATES: dict[str, State] = {
    "light": ("/", {"color_scheme": "light"}, _nothing),
    "dark": ("/", {"color_scheme": "dark"}, _nothing),
    "near": ("/#12/48.78/9.18", {}, _nothing),
    "a phone": ("/", PHONE, _nothing),
    "filters": ("/", {}, _filters),
    "filters in the dark": ("/", {"color_scheme": "dark"}, _filters),
    "cities": ("/", {}, _cities),
    "rejects": ("/#9/48.8/9.2", {}, _rejects),
    "a sensor": ("/#sensor=1118", {}, _nothing),
    "an area on a phone": ("/#area=48.78,9.18,3", PHONE, _nothing),
}


@pytest.mark.parametrize("state", STATES)
async def test_axe_finds_nothing_serious(opened: Open, state: str) -> None:
    path, options, prepare = STATES[state]
    found = await opened(path, **options)
    await found.ready()
    await prepare(found)
    assert await grave(found) == []


async def test_keys_alone_reach_a_sensor_and_come_back(opened: Open) -> None:
    found = await opened("/#12/48.78/9.18")
    await found.ready()
    await found.page.keyboard.press("Tab")
    await expect(found.page.locator("#skip")).to_be_focused()
    await found.page.keyboard.press("Enter")
    await expect(found.page.locator("#nearby summary")).to_be_focused()
    await found.page.keyboard.press("Tab")
    await found.page.keyboard.press("Enter")
    await expect(found.page.locator("#panel")).to_be_focused()
    await expect(found.page).to_have_url(re.compile(r"#sensor=\d+$"))
    await found.page.locator("#close").focus()
    await found.page.keyboard.press("Enter")
    await expect(found.page.locator("#map")).to_be_focused()
    await found.page.keyboard.press("ArrowRight")
    await expect(found.page).to_have_url(re.compile(r"#1\d/48\.\d+/9\.\d+$"))
