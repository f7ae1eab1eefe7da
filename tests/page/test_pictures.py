"""Pictures of the page for docs/: PICTURES=1 keeps them; each time it is seen that something is on them.

One rule: what a picture shows is a state that a person can reach, on data that the tests load.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, expect

from tests import ROOT
from tests.page.conftest import PHONE, Opened, loaded, opening, origin_of, serving
from tests.page.feeds import HOUR, newest_of, written, year

KEPT = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000
SMALL: dict[str, Any] = {"viewport": {"width": 860, "height": 540}}
DARK: dict[str, Any] = {"color_scheme": "dark"}


async def keep(found: Opened, name: str) -> None:
    """Look at the page; a picture without much on it, or too large for docs/, is a fault."""
    await found.page.wait_for_load_state("networkidle")
    picture = await found.page.screenshot()
    assert 10_000 < len(picture) < MOST_BYTES, f"{name}: {len(picture)} bytes"
    if os.environ.get("PICTURES"):
        KEPT.mkdir(exist_ok=True)
        (KEPT / f"{name}.png").write_bytes(picture)


Prepare = Callable[[Opened], Awaitable[None]]


async def _as_it_is(_: Opened) -> None:
    pass


async def _filtered(found: Opened) -> None:
    await found.page.click("#filters summary")


OF_THE_CAPTURE: dict[str, tuple[str, dict[str, Any], Prepare]] = {
    "map": ("/", SMALL, _as_it_is),
    "dark": ("/#11/48.78/9.18", SMALL | DARK, _filtered),
    "area": ("/#area=48.78,9.18,3", SMALL, _as_it_is),
    "phone": ("/#sensor=1118", PHONE | {"device_scale_factor": 1}, _as_it_is),
}


async def test_the_capture_from_far_and_near_light_dark_and_on_a_phone(
    browser: Browser, capture: str
) -> None:
    async with opening(browser) as opened:
        for name, (path, options, prepare) in OF_THE_CAPTURE.items():
            found = await opened(path, origin=capture, **options)
            await found.ready()
            await prepare(found)
            await keep(found, name)


async def test_a_sensor_with_a_year_behind_it(
    browser: Browser, bare_environment: None, tmp_path: Path
) -> None:
    records = year()
    for some, age in ((newest_of(records), 0), (records, HOUR)):  # the newest file is of one record a sensor
        await loaded(tmp_path, written(tmp_path, some, age), options=("--ttl-days", "400"))
    async with opening(browser) as opened, serving(tmp_path) as service:
        found = await opened(
            "/#sensor=4740", origin=await origin_of(service), viewport={"width": 840, "height": 900}
        )
        await found.ready()
        days = found.page.get_by_text("with 18 hours or more")
        await expect(days).to_be_attached()
        await expect(found.page.locator("#banners")).to_be_empty()
        await days.scroll_into_view_if_needed()
        await keep(found, "sensor")
        await found.page.context.close()
