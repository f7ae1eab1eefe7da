"""The map in a browser, on the bundled capture: what it shows is what the API has."""

import json
import urllib.request
from typing import Any

from playwright.async_api import expect

from tests.page.conftest import Open

STUTTGART = "/#12/48.78/9.18"


def api(origin: str, path: str) -> Any:
    with urllib.request.urlopen(f"{origin}/api/v1/{path}") as reply:
        return json.load(reply)


async def test_every_sensor_of_the_capture_is_there(opened: Open, capture: str) -> None:
    found = await opened()
    count = api(capture, "latest.columns.json")["count"]
    await expect(found.page.locator("#count")).to_have_text(f"{count:,} of {count:,} sensors, none left out")
