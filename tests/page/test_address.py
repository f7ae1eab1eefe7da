"""The address is the view: what is chosen can be sent, reloaded, gone back to; what says nothing is named."""

import re

import pytest
from playwright.async_api import expect

from tests.page.asking import api
from tests.page.conftest import Open, Opened

STUTTGART = "/#12/48.78/9.18"

CHOICES = {
    "band": ("band=High", "select", "band", "High"),
    "country": ("country=BG", "select", "country", "BG"),
    "where": ("indoor=outdoor", "select", "indoor", "outdoor"),
    "shown": ("show=P2.5", "select", "show", "P2.5"),
    "index": ("scale=us-epa", "select", "scale", "us-epa"),
    "flags": ("hidden=high,alone", "check", "hidden", "high,alone"),
    "colours": ("second=on", "check", "second", "on"),
    "rejects": ("rejects=on", "check", "rejects", "on"),
}


async def choose(found: Opened, kind: str) -> str:
    """Choose something in the form; give what the address then says of it."""
    part, how, name, value = CHOICES[kind]
    await found.page.locator("#filters").evaluate("it => { it.open = true; }")
    for each in value.split(","):
        if how == "select":
            await found.page.select_option(f"[name={name}]", each)
        else:
            await found.page.check(f"[name={name}][value={each}]" if name == "hidden" else f"[name={name}]")
    return part


async def holds(found: Opened, kind: str) -> None:
    """See that the form says what was chosen."""
    _, how, name, value = CHOICES[kind]
    for each in value.split(","):
        if how == "select":
            await expect(found.page.locator(f"[name={name}]")).to_have_value(each)
        else:
            box = f"[name={name}][value={each}]" if name == "hidden" else f"[name={name}]"
            await expect(found.page.locator(box)).to_be_checked()


async def test_all_that_is_chosen_is_in_the_address_and_is_there_again_after_a_reload(opened: Open) -> None:
    found = await opened(STUTTGART)
    await found.ready()
    parts = {await choose(found, kind) for kind in ("index", *CHOICES) if kind != "band"}
    await choose(found, "shown")
    address = found.page.url
    assert set(address.partition("#")[2].split("&")) == {"12/48.78/9.18", *parts}
    count = await found.page.locator("#count").inner_text()
    await found.page.reload()
    await expect(found.page.locator("#count")).to_have_text(count)
    for kind in CHOICES:
        if kind != "band":
            await holds(found, kind)
    assert found.page.url == address
    await expect(found.page.locator("#banners")).not_to_contain_text("in the address")


async def test_a_band_is_in_the_address_until_another_index_has_none_of_that_name(opened: Open) -> None:
    found = await opened("/#6/50/9&band=Very+High")
    await expect(found.page.locator("[name=band]")).to_have_value("Very High")
    await expect(found.page.locator("#count")).to_contain_text("in another band")
    await choose(found, "index")
    await expect(found.page).to_have_url(re.compile("#6/50/9&scale=us-epa$"))
    await expect(found.page.locator("#count")).to_contain_text("none left out")


async def test_back_and_forward_bring_each_view_s_own_choice(opened: Open) -> None:
    found = await opened(f"{STUTTGART}&hidden=high")
    await found.ready()
    await found.page.locator("#list button").first.click()
    await expect(found.page).to_have_url(re.compile(r"#sensor=\d+&hidden=high$"))
    await choose(found, "shown")
    await expect(found.page).to_have_url(re.compile(r"#sensor=\d+&show=P2.5&hidden=high$"))
    await found.page.go_back()
    await expect(found.page).to_have_url(re.compile("#12/48.78/9.18&hidden=high$"))
    await expect(found.page.locator("[name=show]")).to_have_value("")
    await expect(found.page.locator("#scale-name")).not_to_contain_text("PM2.5")
    await found.page.go_forward()
    await holds(found, "shown")


async def test_the_link_that_is_copied_has_what_is_chosen(opened: Open) -> None:
    found = await opened(STUTTGART, permissions=["clipboard-read", "clipboard-write"])
    await found.ready()
    await choose(found, "country")
    await found.page.click("#copy-view")
    await expect(found.page.locator("#told")).to_have_text("The link is copied.")
    copied = await found.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("/#12/48.78/9.18&country=BG")


@pytest.mark.parametrize("path", ["/", "/embed"])
async def test_a_link_in_a_panel_keeps_what_is_chosen(opened: Open, path: str) -> None:
    found = await opened(f"{path}#area=30,-40,3&scale=us-epa&second=on")
    await found.page.locator("#panel .sensors a").first.click()
    await expect(found.page).to_have_url(re.compile(r"#sensor=\d+&scale=us-epa&second=on$"))
    await expect(found.page.locator("#panel .big")).to_contain_text("US AQI")


WRONG = {
    "12/48.78/9.18&scale=xyz": "scale=xyz",
    "12/48.78/9.18&scale=report": "scale=report",
    "12/48.78/9.18&band=Hazardous": "band=Hazardous",
    "12/48.78/9.18&country=XX": "country=XX",
    "12/48.78/9.18&show=P1": "show=P1",
    "12/48.78/9.18&indoor=1": "indoor=1",
    "12/48.78/9.18&hidden=stale,odd": "hidden=stale,odd",
    "12/48.78/9.18&colour=red": "colour=red",
    "12/48.78/500": "12/48.78/500",
    "sensor=1118,x": "sensor=1118,x",
    "area=91,0,3": "area=91,0,3",
    "<img src=x>": "<img src=x>",
}


async def test_a_word_of_the_address_that_says_nothing_is_named_and_the_rest_shows(
    opened: Open, capture: str
) -> None:
    number = api(capture, "latest.columns.json")["count"]
    first, *others = WRONG
    found = await opened(f"/#{first}")
    for address in (first, *others):
        if address != first:
            await found.page.evaluate("to => { location.hash = to; }", address)
        await expect(found.page.locator("#banners")).to_contain_text(
            f'Nothing here is meant by "{WRONG[address]}" in the address; what shows is without that.'
        )
        await expect(found.page.locator("#count")).to_contain_text(f" of {number:,} sensors")
        await expect(found.page.locator("#scale-name")).to_contain_text("Daily Air Quality Index")


async def test_what_was_named_is_gone_with_the_address_that_said_it(opened: Open) -> None:
    found = await opened(f"{STUTTGART}&scale=xyz")
    await expect(found.page.locator("#banners")).to_contain_text("scale=xyz")
    await choose(found, "shown")
    await expect(found.page).to_have_url(re.compile("#12/48.78/9.18&show=P2.5$"))
    await expect(found.page.locator("#banners")).not_to_contain_text("in the address")


async def test_in_a_frame_too_an_index_that_is_none_is_named_and_the_service_s_own_shows(
    opened: Open,
) -> None:
    found = await opened("/embed#sensor=1118&scale=xyz&colour=red")
    await expect(found.page.locator("#banners")).to_contain_text(
        'meant by "colour=red", "scale=xyz" in the address'
    )
    await expect(found.page.locator(".big")).to_contain_text("DAQI ")
