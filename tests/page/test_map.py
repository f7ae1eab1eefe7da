"""The map in a browser, on the bundled capture: what it shows is what the API has."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.page.asking import api
from tests.page.conftest import PHONE, Open, Opened

STUTTGART = "/#12/48.78/9.18"


def columns(origin: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = api(origin, "latest.columns.json")["columns"]
    return found


async def colours(found: Opened) -> int:
    """Count the pixels that the layer of sensors has painted."""
    painted = await found.page.locator("canvas.sensors").evaluate(
        """it => it.getContext('2d').getImageData(0, 0, it.width, it.height).data
            .filter((value, at) => at % 4 === 3 && value).length"""
    )
    return int(painted)


async def count(found: Opened) -> tuple[int, int]:
    """Read how many sensors show, of how many."""
    text = await found.page.locator("#count").inner_text()
    shown, of = re.findall(r"[\d,]+(?= of|(?= sensors))", text)[:2]
    return int(shown.replace(",", "")), int(of.replace(",", ""))


async def test_every_sensor_of_the_capture_is_there(opened: Open, capture: str) -> None:
    found = await opened()
    number = api(capture, "latest.columns.json")["count"]
    text = f"{number:,} of {number:,} sensors, none left out"
    await expect(found.page.locator("#count")).to_have_text(text)
    assert await colours(found) > 1000


async def test_the_list_says_what_the_api_says_of_the_nearest(opened: Open, capture: str) -> None:
    found = await opened(STUTTGART)
    near = api(capture, "near?lat=48.78&lon=9.18&n=20&indoor=true")["sensors"]
    first = found.page.locator("#list li")
    await expect(first).to_have_count(50)
    for place, sensor in enumerate(near[:3]):
        record = sensor["record"]
        await expect(first.nth(place)).to_contain_text(f"Sensor {sensor['sensor_id']}, ")
        await expect(first.nth(place)).to_contain_text(f"DAQI {record['AQI']}, {record['AQI_range']}")
        await expect(first.nth(place)).to_contain_text(f"PM2.5 {record['P2.5']['value']} µg/m³")


FILTERS = {
    "a country": ("country", "BG", "country", "in another country"),
    "a band": ("band", "High", "AQI_range", "in another band"),
}


@pytest.mark.parametrize("kind", FILTERS)
async def test_a_filter_leaves_as_many_as_the_api_has_and_says_why_the_others_are_gone(
    opened: Open, capture: str, kind: str
) -> None:
    field, value, column, left = FILTERS[kind]
    found = await opened()
    await found.ready()
    await found.page.click("#filters summary")
    await found.page.select_option(f"[name={field}]", value)
    wanted = sum(each == value for each in columns(capture)[column])
    await expect(found.page.locator("#count")).to_contain_text(left)
    assert (await count(found))[0] == wanted > 0


async def test_flagged_sensors_can_be_left_out_and_all_come_back(opened: Open, capture: str) -> None:
    found = await opened()
    await found.ready()
    await found.page.click("#filters summary")
    await found.page.check("[name=hidden][value=high]")
    high = sum("high" in each.split() for each in columns(capture)["flags"])
    await expect(found.page.locator("#count")).to_contain_text(
        f"{high} left out: {high} far above their neighbours"
    )
    await found.page.click("[type=reset]")
    await expect(found.page.locator("#count")).to_contain_text("none left out")


async def test_another_index_and_another_pollutant_change_legend_and_address(opened: Open) -> None:
    found = await opened()
    await found.ready()
    await found.page.click("#filters summary")
    await found.page.select_option("[name=scale]", "us-epa")
    await expect(found.page.locator("#scale-name")).to_contain_text("US")
    await expect(found.page.locator("#bands")).to_contain_text("Hazardous")
    await found.page.select_option("[name=show]", "P10")
    await expect(found.page.locator("#scale-name")).to_contain_text("PM10, µg/m³")
    await expect(found.page).to_have_url(re.compile("#scale=us-epa&show=P10$"))


async def test_a_link_with_scale_and_pollutant_opens_as_it_was_sent(opened: Open) -> None:
    found = await opened("/#6/50/9&scale=us-epa&show=P10")
    await expect(found.page.locator("#scale-name")).to_contain_text("US")
    await expect(found.page.locator("#scale-name")).to_contain_text("PM10")
    await expect(found.page.locator("[name=scale]")).to_have_value("us-epa")
    await expect(found.page).to_have_url(re.compile("#6/50/9&scale=us-epa&show=P10$"))


async def test_the_address_follows_the_map_and_puts_it_back(opened: Open) -> None:
    found = await opened(STUTTGART)
    await found.ready()
    await found.page.locator("#map").focus()
    await found.page.keyboard.press("+")
    await expect(found.page).to_have_url(re.compile(r"#13/48\.7[78]"))
    again = await opened("/" + found.page.url.partition("/#")[2].join(("#", "")))
    await again.ready()
    await expect(again.page).to_have_url(found.page.url)


async def test_a_click_on_a_sensor_opens_it_and_back_and_forward_go_through_what_was_seen(
    opened: Open, capture: str
) -> None:
    found = await opened(STUTTGART)
    await found.ready()
    [near] = api(capture, "near?lat=48.78&lon=9.18&n=1")["sensors"]
    await found.page.locator("#list button").first.click()
    await expect(found.page).to_have_url(re.compile(f"#sensor={near['sensor_id']}$"))
    await expect(found.page.locator("#chosen")).to_be_visible()
    await found.page.go_back()
    await expect(found.page).to_have_url(re.compile("#12/48.78/9.18$"))
    await expect(found.page.locator("#chosen")).to_be_hidden()
    await found.page.go_forward()
    await expect(found.page.locator("#chosen")).to_be_visible()
    await found.page.click("#close")
    await expect(found.page.locator("#chosen")).to_be_hidden()


async def test_a_click_on_the_map_takes_the_dot_under_it_or_else_the_area_around(
    opened: Open, capture: str
) -> None:
    found = await opened("/#15/48.785/9.178")
    await found.ready()
    await found.page.locator("#map").click()  # its middle is where sensor 1118 stands
    await expect(found.page).to_have_url(re.compile("#sensor=1118$"))
    box = await found.page.locator("#map").bounding_box()
    assert box
    await found.page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + 40)
    await expect(found.page).to_have_url(re.compile(r"#area=48\.\d+,9\.\d+,1$"))


async def test_up_to_four_sensors_are_compared(opened: Open) -> None:
    found = await opened("/#sensor=1118")
    await found.ready()
    for number in range(4):
        await found.page.click("#compare")
        await found.page.locator("#list button").nth(number + 1).click()
        await expect(found.page.locator("#compare")).to_have_attribute("aria-pressed", "false")
    await expect(found.page).to_have_url(re.compile(r"#sensor=1118(,\d+){3}$"))


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("1118", "#sensor=1118$"),
        ("#649", "#sensor=649$"),
        ("250451618", "#sensor=1118$"),  # a record's id
        ("48.78, 9.18", "#area=48.78,9.18,3$"),
        ("stuttgart", "#area=48.782,9.177,5$"),
    ],
)
async def test_the_search_box_finds_sensors_records_points_and_cities(
    opened: Open, typed: str, address: str
) -> None:
    found = await opened()
    await found.ready()
    await found.page.fill("#sought", typed)
    await found.page.keyboard.press("Enter")
    await expect(found.page).to_have_url(re.compile(address))


async def test_cities_are_offered_while_one_types_and_chosen_by_keyboard_alone(opened: Open) -> None:
    found = await opened()
    await found.ready()
    await found.page.locator("#sought").press_sequentially("Frankf")
    await expect(found.page.locator("#search li").first).to_have_text("Frankfurt am Main, DE")
    await found.page.keyboard.press("ArrowDown")
    await found.page.keyboard.press("ArrowDown")
    await found.page.keyboard.press("Enter")
    await expect(found.page).to_have_url(re.compile(r"#area=52\.347,14\.551,5$"))


@pytest.mark.parametrize(
    ("typed", "said"),
    [("999999", "No sensor and no record here has the number 999999"), ("Qqqxyz", "No city")],
)
async def test_what_is_not_there_is_said(opened: Open, typed: str, said: str) -> None:
    found = await opened(expected=("404",))  # which the browser logs
    await found.ready()
    await found.page.fill("#sought", typed)
    await found.page.keyboard.press("Enter")
    await expect(found.page.locator("#search [role=status]")).to_contain_text(said)


async def test_near_me_asks_the_browser_and_this_service_alone(opened: Open) -> None:
    found = await opened(
        geolocation={"latitude": 48.77512, "longitude": 9.17623}, permissions=["geolocation"]
    )
    await found.ready()
    await found.page.click("[data-near]")
    await expect(found.page).to_have_url(re.compile(r"#area=48\.775,9\.176,3$"))


async def test_where_the_browser_gives_no_place_near_me_says_what_to_do(opened: Open) -> None:
    found = await opened(permissions=[])
    await found.ready()
    await found.page.evaluate(
        "() => { navigator.geolocation.getCurrentPosition = (yes, no) => no({ code: 1 }); }"
    )
    await found.page.click("[data-near]")
    await expect(found.page.locator("#search [role=status]")).to_contain_text(
        "Type a city or LAT,LON instead"
    )


async def test_rejected_measurements_are_a_layer_with_the_reason_in_words(opened: Open, capture: str) -> None:
    found = await opened("/#9/48.8/9.2")
    await found.ready()
    await found.page.click("#filters summary")
    await found.page.check("[name=rejects]")
    placed = [each for each in api(capture, "rejects")["rejects"] if each["latitude"] is not None]
    await expect(found.page.locator(".reject")).to_have_count(len(placed))
    await found.page.locator(".reject[title^='Sensor 535,']").first.dispatch_event("click")
    await expect(found.page.locator(".leaflet-popup-content")).to_have_text(
        re.compile("^Sensor 535, rejected: no usable value")
    )


async def test_the_demo_s_capture_is_named_as_old_and_as_no_24_hour_means(opened: Open) -> None:
    found = await opened()
    await expect(found.page.locator("#banners")).to_contain_text(
        "Old data: the newest measurement here was made"
    )
    await expect(found.page.locator("#banners")).to_contain_text("no 24-hour means")
    await expect(found.page.locator("#honest")).to_contain_text(
        "no regulatory measurement and no health advice"
    )
    await expect(found.page.locator("#honest .mean")).to_be_hidden()  # "24-hour means, not now"
    await expect(found.page.locator("#honest .other")).to_be_visible()


async def test_on_a_phone_nothing_is_wider_than_the_screen_and_what_is_chosen_is_a_sheet(
    opened: Open,
) -> None:
    found = await opened("/#sensor=1118", **PHONE)
    await expect(found.page.locator("#chosen")).to_be_visible()
    assert await found.page.evaluate("document.documentElement.scrollWidth") == 360
    assert await found.page.locator("#chosen").evaluate("it => getComputedStyle(it).position") == "fixed"


async def test_the_longest_legend_lies_within_the_map_and_under_no_bar_on_any_screen(opened: Open) -> None:
    found = await opened("/#10/48.78/9.18&scale=us-epa&show=P2.5", **PHONE)
    await found.page.locator("#filters").evaluate("it => { it.open = true; }")
    for width in (320, 360, 768, 900, 1300):  # 320 is 1280 at 400 %
        await found.page.set_viewport_size({"width": width, "height": 740})
        await expect(found.page.locator("#bands li")).to_have_count(6)
        assert await found.page.evaluate("document.documentElement.scrollWidth") == width
        places = ("#stage", "#legend", "#bands li:last-child", ".leaflet-control-scale")
        boxes: list[Any] = [await found.page.locator(place).bounding_box() for place in places]
        stage, legend, band, bar = boxes
        assert band["x"] + band["width"] <= legend["x"] + legend["width"] <= stage["width"]
        assert bar["y"] + bar["height"] <= legend["y"] or legend["x"] + legend["width"] <= bar["x"]


async def test_at_200_percent_nothing_is_cut_off_sideways(opened: Open) -> None:
    found = await opened(viewport={"width": 640, "height": 400})  # what 1280 x 800 is then
    await found.ready()
    assert await found.page.evaluate("document.documentElement.scrollWidth") == 640


async def test_the_theme_is_the_one_thing_that_is_kept(opened: Open) -> None:
    found = await opened()
    await found.ready()
    await found.page.click("#filters summary")
    await found.page.select_option("#theme", "dark")
    await expect(found.page.locator("html")).to_have_attribute("data-theme", "dark")
    await found.page.reload()
    await found.ready()
    await expect(found.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await found.page.evaluate("({ ...localStorage })") == {"theme": "dark"}
    assert await found.page.context.cookies() == []


async def test_who_wants_less_motion_sees_none(opened: Open) -> None:
    found = await opened(STUTTGART, reduced_motion="reduce")
    await found.ready()
    assert await found.page.locator(".leaflet-zoom-anim").count() == 0


async def test_who_has_been_here_gets_nothing_but_304(opened: Open) -> None:
    found = await opened()
    await found.ready()
    await expect(found.page.locator("canvas.names")).to_be_attached()
    await found.page.wait_for_load_state("networkidle")
    session = await found.page.context.new_cdp_session(found.page)
    statuses: list[int] = []
    await session.send("Network.enable")
    session.on("Network.responseReceivedExtraInfo", lambda told: statuses.append(told["statusCode"]))
    await found.page.reload()
    await found.ready()
    await found.page.wait_for_load_state("networkidle")
    assert set(statuses) == {304}


async def test_a_city_s_name_is_a_way_to_its_area(opened: Open) -> None:
    found = await opened("/#8/48.78/9.18")
    await found.ready()
    await found.page.wait_for_load_state("networkidle")
    box = await found.page.locator("#map").bounding_box()
    assert box
    # The middle of the map is a few pixels from Stuttgart's place, above which its name is written.
    await found.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 - 16)
    await expect(found.page).to_have_url(re.compile("#area=48.78,9.18,5$"))


async def test_the_view_can_be_sent_without_anything_chosen(opened: Open) -> None:
    found = await opened(STUTTGART, permissions=["clipboard-read", "clipboard-write"])
    await found.ready()
    await found.page.click("#copy-view")
    await expect(found.page.locator("#told")).to_have_text("The link is copied.")
    assert (await found.page.evaluate("navigator.clipboard.readText()")).endswith("/#12/48.78/9.18")


@pytest.mark.parametrize("at", ["#panel", "#map", "body"])
async def test_escape_closes_what_is_chosen_wherever_one_is(opened: Open, at: str) -> None:
    found = await opened("/#sensor=1118")
    await found.ready()
    await found.page.locator(at).press("Escape")
    await expect(found.page.locator("#chosen")).to_be_hidden()
    await expect(found.page.locator("#map")).to_be_focused()


async def test_on_a_phone_what_is_chosen_lies_clear_of_its_sheet(opened: Open) -> None:
    found = await opened("/#sensor=1118", **PHONE)
    await expect(found.page.locator("#banners p")).to_have_count(2)
    ring = found.page.locator("path.leaflet-interactive, .leaflet-overlay-pane path").first
    sheet = await found.page.locator("#chosen").bounding_box()
    drawn = await ring.bounding_box()
    assert sheet
    assert drawn
    assert drawn["y"] + drawn["height"] < sheet["y"]


async def test_fog_in_sight_is_said(opened: Open) -> None:
    found = await opened(STUTTGART)
    await expect(found.page.locator("#damp")).to_contain_text(
        re.compile(r"Fog or rain: in half of the 1\d\d boxes")
    )
