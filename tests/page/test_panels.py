"""The panel of a sensor, of up to four, and of an area: every number in it is the API's."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.page.asking import UNREACHABLE, api, text
from tests.page.conftest import PHONE, Open, Opened, loaded, origin_of, serving
from tests.page.feeds import HOSTILE, YEAR_SENSORS, hostile, of_now, written

SENSOR = "1118"
"""Of the capture: it stands in Stuttgart, and agrees with its neighbours."""

FOUR = "4740,5123,6001,6002"


async def rows(found: Opened, summary: str) -> list[list[str]]:
    """Open a fold and read its table's cells."""
    fold = found.page.locator("details", has_text=summary).first
    await fold.locator("summary").click()
    await expect(fold.locator("tbody tr").first).to_be_visible()
    read = "all => all.map(row => [...row.children].map(cell => cell.textContent))"
    cells: list[list[str]] = await fold.locator("tbody tr").evaluate_all(read)
    return cells


def written_value(value: dict[str, Any]) -> str:
    return f"{value['value']:g}"


def index_of(record: dict[str, Any]) -> str:
    return f"{record['AQI']}, {record['AQI_range']}"


def sum_of(record: dict[str, Any], name: str) -> str:
    """Write why a record has its index, as the issue that asked for the panel does."""
    parts = [record["P2.5"], record["P10"]]
    first, second = (f"{part['value']:g} → {part['rounded']:g} →" for part in parts)
    higher = "both say the same" if parts[0]["index"] == parts[1]["index"] else "the higher counts"
    return f"PM2.5 {first} {name} {parts[0]['index']}; PM10 {second} {parts[1]['index']}; {higher}"


@pytest.mark.parametrize(("scale", "name"), [("daqi", "DAQI"), ("us-epa", "US AQI")])
async def test_why_a_sensor_has_its_number_is_what_the_api_says(
    opened: Open, of_a_year: str, scale: str, name: str
) -> None:
    record = api(of_a_year, f"sensors/4740?scale={scale}")["record"]
    [said] = [each for each in api(of_a_year, "scales")["scales"] if each["name"] == scale]
    found = await opened(f"/#sensor=4740&scale={scale}", origin=of_a_year)
    panel = found.page.locator("#panel")
    await expect(panel.locator("h2")).to_have_text("Sensor 4740")
    await expect(panel.locator(".big")).to_contain_text(f"{name} {index_of(record)} 24-hour mean, not now; ")
    await expect(panel.locator(".chip text").first).to_have_text(str(record["AQI"]))
    await expect(panel.locator(".sum")).to_have_text(sum_of(record, name))
    for place, pollutant in enumerate(("P2.5", "P10")):
        table, value = said["pollutants"][pollutant]["rows"], record[pollutant]
        row = [each for each in table if each["from"] <= value["rounded"]][-1]
        line = panel.locator(".sum + ul li").nth(place)
        await expect(line).to_contain_text(f"{row['from']:g} to {row['to']:g} µg/m³ is {row['index_from']}")
        await expect(line).to_contain_text(row["band"])
    await expect(panel).to_contain_text(said["source"])
    await expect(panel).to_contain_text(said["date"])


async def test_how_far_to_trust_a_sensor_is_said_in_words(opened: Open, capture: str) -> None:
    sensor = api(capture, f"sensors/{SENSOR}")
    checks = sensor["checks"]
    found = await opened(f"/#sensor={SENSOR}")
    panel = found.page.locator("#panel")
    await expect(panel).to_contain_text(
        f"half of its {checks['neighbours']} neighbours within 10 km are at {checks['median']:g} µg/m³ "
        f"or less; this one says {written_value(sensor['record']['P2.5'])}: not far enough off to be doubted"
    )
    await expect(panel).to_contain_text(f"{checks['humidity']:g} %: optical sensors read high in fog")
    await expect(panel).to_contain_text(f"{checks['hours_seen']}; an official day needs 18")
    await panel.get_by_text("Where from").click()
    for name in ("snapshot", "snapshot_time", "sha256"):
        await expect(panel).to_contain_text(sensor["provenance"][name])
    await expect(panel).to_contain_text(f"aqi_service {sensor['provenance']['version']}")


async def test_a_sensor_far_above_its_neighbours_and_an_indoor_one_say_so(
    opened: Open, tmp_path: Path
) -> None:
    records = of_now()
    for record in records:
        if record["sensor"]["id"] == int(SENSOR):
            record["sensordatavalues"] = [{"value_type": "P2", "value": "160"}]
        if record["sensor"]["id"] == 649:
            record["location"]["indoor"] = 1
    await loaded(tmp_path, written(tmp_path, records))
    async with serving(tmp_path) as service:
        found = await opened(f"/embed#sensor={SENSOR}", origin=await origin_of(service), expected=UNREACHABLE)
        await expect(found.page.locator("#panel")).to_contain_text("this one says 160: far above them")
        await expect(found.page.locator(".sum")).to_contain_text("; only PM2.5 was reported")
        await found.page.evaluate("location.hash = '#sensor=649'")
        await expect(found.page.locator("#panel")).to_contain_text(
            "it stands indoors, so it is compared with none"
        )


async def test_the_week_s_line_is_the_history_with_bands_and_the_guideline(
    opened: Open, of_a_year: str
) -> None:
    found = await opened("/#sensor=4740", origin=of_a_year)
    plots = found.page.locator(".plot")
    await expect(plots).to_have_count(2)
    link = await found.page.get_by_text("CSV of these days").get_attribute("href")
    assert link
    history = list(csv.DictReader(io.StringIO(text(of_a_year, link))))
    assert len(history) > 24
    for place, (name, limit) in enumerate((("P2.5", 15), ("P10", 45))):
        values = [float(each[name]) for each in history]
        label = f"{min(values):g} to {max(values):g}; the guideline is {limit}"
        await expect(plots.nth(place)).to_have_attribute("aria-label", re.compile(re.escape(label)))
        await expect(plots.nth(place).locator(".guide")).to_have_text(f"WHO guideline {limit}")
        drawn = (
            await plots.nth(place)
            .locator(".line")
            .evaluate_all("all => all.map(it => it.getAttribute('d').match(/[ML]/g).length)")
        )
        assert sum(drawn) == len(history)
        assert await plots.nth(place).locator(".band").count() >= 2
    listed = await rows(found, "These days as a table")
    assert [each[1:3] for each in listed] == [[f"{float(e[n]):g}" for n in ("P2.5", "P10")] for e in history]
    assert [each[3] for each in listed] == [f"{each['AQI']}, {each['AQI_range']}" for each in history]


async def test_the_guideline_stands_where_its_value_is(opened: Open, of_a_year: str) -> None:
    found = await opened("/#sensor=4740", origin=of_a_year)
    plot = found.page.locator(".plot").first
    await expect(plot).to_be_visible()
    ticks = await plot.locator(".tick").evaluate_all(
        """all => all.map(it => [Number(it.textContent), Number(it.getAttribute('y'))])
            .filter(([value]) => value >= 0)"""
    )
    (low, bottom), (high, top) = min(ticks), max(ticks)
    wanted = bottom + (15 - low) / (high - low) * (top - bottom) - 4  # a number stands 4 below its line
    at = await plot.locator(".guideline").evaluate("it => it.y1.baseVal.value")
    assert abs(at - wanted) < 0.01


async def test_the_year_s_days_are_counted_coloured_and_listed_as_the_api_has_them(
    opened: Open, of_a_year: str
) -> None:
    found = await opened("/#sensor=4740", origin=of_a_year)
    link = await found.page.get_by_text("CSV of the year").get_attribute("href")
    assert link
    days = [each for each in csv.DictReader(io.StringIO(text(of_a_year, link))) if int(each["hours"]) > 0]
    full = [each for each in days if int(each["hours"]) >= 18 and each["AQI"]]
    bad = [each for each in full if int(each["AQI"]) >= 4]
    assert len(full) > 300
    assert bad
    said = (
        f"Days at 4 or more: {len(bad)} of {len(full)} with 18 hours or more; {len(days) - len(full)} "
        "too thin to count (hollow); records are kept 400 days here."
    )
    await expect(found.page.locator("#panel")).to_contain_text(said)
    [daqi] = [each for each in api(of_a_year, "scales")["scales"] if each["name"] == "daqi"]
    colours = {each["index_from"]: each["official"] for each in daqi["colours"]}
    painted = await found.page.locator(".strip .full").evaluate_all(
        "all => all.map(it => it.getAttribute('fill'))"
    )
    assert sorted(painted) == sorted(colours[int(each["AQI"])] for each in full)
    await expect(found.page.locator(".strip .thin")).to_have_count(len(days) - len(full))
    await expect(found.page.locator(".strip .none")).to_have_count(365)
    listed = await rows(found, "The year as a table")
    assert [[each[0], each[1]] for each in listed] == [[each["date"], each["hours"]] for each in days]
    assert [each[4] for each in listed if each[4] != "too thin"] == [
        f"{e['AQI']}, {e['AQI_range']}" for e in full
    ]


async def test_of_one_snapshot_there_is_a_point_and_one_day_that_is_too_thin(opened: Open) -> None:
    found = await opened(f"/#sensor={SENSOR}")
    panel = found.page.locator("#panel")
    await expect(panel).to_contain_text("What is here is of one hour: a line needs more.")
    await expect(panel.locator(".plot .dot")).to_have_count(2)
    await expect(panel).to_contain_text("No day here has 18 hours or more yet; 1 too thin to count (hollow)")
    await expect(panel).to_contain_text("records are not deleted here")


async def test_a_sensor_s_times_kind_numbers_and_links_are_there(opened: Open, capture: str) -> None:
    sensor = api(capture, f"sensors/{SENSOR}")
    record = sensor["record"]
    found = await opened(f"/#sensor={SENSOR}", timezone_id="Asia/Tokyo", locale="en-GB")
    panel = found.page.locator("#panel")
    await expect(panel).to_contain_text("2017-08-10 11:23 UTC, 10/08/2017, 20:23:23 where you are")
    where = f"near {sensor['place']} · DE · {sensor['latitude']}, {sensor['longitude']}"
    await expect(panel.locator(".place")).to_have_text(where)
    for said in (sensor["sensor_type"], record["id"], sensor["sensor_id"]):
        await expect(panel.locator("dd", has_text=re.compile(f"^{said}$"))).to_be_visible()
    place = f"{sensor['latitude']}/{sensor['longitude']}"
    links = dict(
        await panel.locator(".links a").evaluate_all("all => all.map(it => [it.textContent, it.href])")
    )
    assert links["On maps.sensor.community"] == f"https://maps.sensor.community/#14/{place}"
    assert api(capture, links["JSON"].partition("/api/v1/")[2])["record"]["id"] == record["id"]
    assert record["id"] in text(capture, links["CSV"].removeprefix(capture))


async def test_four_sensors_are_compared_in_one_plot_and_a_table(opened: Open, of_a_year: str) -> None:
    found = await opened(f"/#sensor={FOUR}", origin=of_a_year)
    await expect(found.page.locator("#panel h2")).to_have_text("4 sensors compared")
    await expect(found.page.locator(".plot")).to_have_count(2)
    for place in range(4):
        assert await found.page.locator(".plot").first.locator(f".line.of-{place}").count() > 0
        await expect(
            found.page.locator(".lines li", has_text=re.compile("^ Sensor ")).nth(place)
        ).to_be_visible()
    await expect(found.page.locator(".strip")).to_have_count(4)
    read = "all => all.map(row => [...row.children].map(cell => cell.textContent.trim()))"
    cells = await found.page.locator(".wide tr").evaluate_all(read)
    table = {row[0]: dict(zip(cells[0][1:], row[1:], strict=True)) for row in cells[1:]}
    for number in map(str, YEAR_SENSORS):
        sensor = api(of_a_year, f"sensors/{number}")
        record = sensor["record"]
        assert table["DAQI"][number].endswith(index_of(record))
        assert [table["PM2.5"][number], table["PM10"][number]] == [
            written_value(record["P2.5"]),
            written_value(record["P10"]),
        ]
        assert table["Near"][number] == sensor["place"]


async def test_a_fifth_sensor_is_not_compared_and_the_page_says_so(opened: Open, of_a_year: str) -> None:
    found = await opened(f"/#sensor={FOUR}", origin=of_a_year)
    await found.ready()
    await found.page.get_by_role("button", name="Compare").click()
    await found.page.get_by_role("searchbox").fill(SENSOR)
    await found.page.get_by_role("button", name="Find").click()
    await expect(found.page.locator("#told")).to_contain_text(f"4 are shown together: sensor {SENSOR} was")


@pytest.mark.parametrize("typed", ["91,200", "48,78 9,18"])
async def test_what_has_digits_and_is_no_point_is_told_how_to_write_one(opened: Open, typed: str) -> None:
    found = await opened("/")
    await found.page.get_by_role("searchbox").fill(typed)
    await found.page.get_by_role("button", name="Find").click()
    await expect(found.page.locator("#search [role=status]")).to_contain_text("write 48.78,9.18, with points")


async def test_of_those_that_are_compared_one_that_is_not_here_is_named(opened: Open, of_a_year: str) -> None:
    found = await opened("/embed#sensor=4740,424242", origin=of_a_year, expected=("404",))
    await expect(found.page.locator(".missing")).to_contain_text("There is no sensor 424242 here")
    await expect(found.page.locator("h2")).to_have_text("Sensor 4740")


async def test_an_area_s_medians_quartiles_and_who_was_left_out_are_the_api_s(
    opened: Open, capture: str
) -> None:
    area = api(capture, "area?lat=48.78&lon=9.18&km=10")
    found = await opened("/#area=48.78,9.18,10")
    panel = found.page.locator("#panel")
    await expect(panel.locator(".big")).to_contain_text(f"DAQI {index_of(area)}")
    await expect(panel.locator(".big")).to_contain_text(
        f"median of {area['sensors']} sensors; 24-hour means, not now"
    )
    await expect(panel.locator(".sum")).to_have_text(sum_of(area, "DAQI"))
    for name, shown in (("P2.5", "PM2.5"), ("P10", "PM10")):
        of = area[name]
        await expect(panel).to_contain_text(
            f"{shown}: median {of['value']:g}, half of the sensors lie from {of['q1']:g} to {of['q3']:g} µg"
        )
    assert set(area["left_out_because"]) == {"high"}
    await expect(panel).to_contain_text(
        f"{area['left_out']} left out: {area['left_out_because']['high']} far above"
    )


async def test_of_an_area_under_three_sensors_the_nearest_are_named_however_far(
    opened: Open, capture: str
) -> None:
    near = api(capture, "near?lat=30&lon=-40&n=5")["sensors"]
    found = await opened("/#area=30,-40,3")
    panel = found.page.locator("#panel")
    await expect(panel).to_contain_text("No sensor here counts: under three there is no middle")
    await expect(panel.locator(".sensors li")).to_have_count(5)
    for place, sensor in enumerate(near):
        line = panel.locator(".sensors li").nth(place)
        city = f" near {sensor['place']}" if sensor["place"] else ""
        await expect(line).to_contain_text(
            f"Sensor {sensor['sensor_id']}{city}, {round(sensor['distance_km'])} km away"
        )
        await expect(line).to_contain_text(f"DAQI {index_of(sensor['record'])}")
    await expect(panel).to_contain_text("place: GeoNames")  # whose names these are
    await panel.locator(".sensors a").first.click()
    await expect(panel.locator("h2")).to_have_text(f"Sensor {near[0]['sensor_id']}")


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_a_hostile_feed_says_shows_in_the_panel_as_text_or_not_at_all(
    opened: Open, tmp_path: Path, kind: str
) -> None:
    await loaded(tmp_path, written(tmp_path, hostile(HOSTILE[kind])))
    async with serving(tmp_path) as service:
        for path in ("/#sensor=77", "/embed#sensor=77,78", "/embed#area=48.78,9.18,3", "/status"):
            found = await opened(path, origin=await origin_of(service), expected=("404",), **PHONE)
            shown = "#loads svg" if path == "/status" else "#panel .not, #panel .missing"
            await expect(found.page.locator(shown).first).to_be_visible()
            assert await found.page.locator("img, script:not([src])").count() == 0
            assert await found.page.title() != "taken"
            assert await found.page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize(
    "path", [f"/embed#sensor={FOUR}", "/embed#sensor=4740", "/#sensor=4740", f"/#sensor={FOUR}"]
)
async def test_on_a_phone_no_panel_is_wider_than_the_screen(opened: Open, of_a_year: str, path: str) -> None:
    found = await opened(path, origin=of_a_year, **PHONE)
    await expect(found.page.locator(".strip").first).to_be_visible()
    await rows(found, "The year as a table")
    assert await found.page.evaluate("document.documentElement.scrollWidth") == 360
    assert await found.page.locator("#panel").evaluate("it => it.scrollWidth <= it.clientWidth")


async def test_the_second_colours_are_in_the_panel_too(opened: Open, of_a_year: str) -> None:
    found = await opened("/#sensor=4740", origin=of_a_year)
    await found.ready()
    await expect(found.page.locator(".strip")).to_be_visible()
    await found.page.click("#filters summary")
    await found.page.check("[name=second]")
    [daqi] = [each for each in api(of_a_year, "scales")["scales"] if each["name"] == "daqi"]
    second = {each["second"] for each in daqi["colours"]}
    await expect(
        found.page.locator(f".strip .full[fill='{daqi['colours'][0]['second']}']").first
    ).to_be_attached()
    painted = await found.page.locator(".strip .full").evaluate_all(
        "all => all.map(it => it.getAttribute('fill'))"
    )
    assert set(painted) <= second
