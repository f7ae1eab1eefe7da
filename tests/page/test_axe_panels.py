"""Everyone can use the panels: axe finds nothing serious in any of them, tables and folds open."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.page.asking import grave
from tests.page.conftest import PHONE, Open

DARK: dict[str, Any] = {"color_scheme": "dark"}
FOUR = "sensor=4740,5123,6001,6002"
STATES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a year of a sensor": ("/#sensor=4740", ".strip", {}),
    "a year of a sensor in the dark": ("/#sensor=4740", ".strip", DARK),
    "on a phone": ("/#sensor=4740", ".strip", PHONE),
    "another scale": ("/embed#sensor=4740&scale=us-epa", ".strip", {}),
    "four compared": (f"/embed#{FOUR}", ".strip", {}),
    "four compared on a phone in the dark": (f"/embed#{FOUR}", ".strip", PHONE | DARK),
    "an area": ("/embed#area=48.78,9.18,3", ".sum", {}),
    "an area without sensors, in the dark": ("/embed#area=30,-40,3", ".sensors", DARK),
    "no such sensor": ("/embed#sensor=424242", ".missing", {}),
    "status": ("/status", ".fates", {}),
    "status on a phone in the dark": ("/status", ".fates", PHONE | DARK),
}


@pytest.mark.parametrize("state", STATES)
async def test_axe_finds_nothing_serious_in_a_panel(opened: Open, of_a_year: str, state: str) -> None:
    path, there, options = STATES[state]
    found = await opened(path, origin=of_a_year, expected=("404",), **options)
    await expect(found.page.locator(there).first).to_be_visible()
    folds = ".panel details, #panel details"
    await found.page.locator(folds).evaluate_all("all => all.forEach(it => { it.open = true; })")
    await expect(found.page.locator(":is(.panel, #panel) details:not(:has(> :nth-child(2)))")).to_have_count(
        0
    )
    assert await grave(found) == []
