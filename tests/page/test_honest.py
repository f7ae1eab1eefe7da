"""No number is called what it is not: 5-minute values, values near a limit, sensors that nobody can check."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.page.asking import UNREACHABLE, api, text
from tests.page.conftest import Open, Opened, loaded, origin_of, serving
from tests.page.feeds import measured, of_now, written

CLAIM = re.compile(r"(?<!no )24-hour means?", re.IGNORECASE)
PANELS = {"sensor=1118": "Sensor 1118", "sensor=1118,649": "2 sensors", "area=48.78,9.18,3": "Within 3 km"}


async def said(found: Opened) -> str:
    """Read what shows, and what pictures say to who does not see them."""
    labels = await found.page.locator("[aria-label]").evaluate_all("all => all.map(it => it.ariaLabel)")
    return "\n".join((await found.page.locator("body").inner_text(), await found.page.title(), *labels))


@pytest.mark.parametrize("path", ["/", "/embed"])
async def test_values_of_5_minutes_are_nowhere_called_24_hour_means(opened: Open, path: str) -> None:
    found = await opened(f"{path}#")
    for address, heading in PANELS.items():
        await found.page.evaluate("to => { location.hash = to; }", address)
        await expect(found.page.locator("#panel h2")).to_contain_text(heading)
        await expect(found.page.locator("#banners")).to_contain_text("no 24-hour means")
        await expect(found.page.locator("#panel [role=status]")).to_have_count(0)
        for fold in await found.page.locator("#panel details").all():
            await fold.evaluate("it => { it.open = true; }")
        words = await said(found)
        assert CLAIM.findall(words) == []
        assert "no 24-hour mean" in words


@pytest.mark.parametrize("path", ["sensor/1118", "area/48.78,9.18,3"])
async def test_a_badge_says_of_what_time_its_value_is(capture: str, tmp_path: Path, path: str) -> None:
    assert "no 24-hour mean" in text(capture, f"/badge/{path}.svg")
    await loaded(tmp_path, written(tmp_path, of_now()))
    async with serving(tmp_path) as service:
        svg = text(await origin_of(service), f"/badge/{path}.svg")
    assert "24-hour mean" in svg
    assert CLAIM.sub("", svg) != svg


async def drawn(found: Opened) -> None:
    """Wait until what was asked to be drawn is."""
    frame = "requestAnimationFrame"
    await found.page.evaluate(f"new Promise(done => {frame}(() => {frame}(done)))")


SPY = """
window.written = [];
window.widths = {};
const write = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...where) {
  if (this.canvas.classList.contains('sensors')) {
    window.written.push(text);
    window.widths[text] = this.measureText(text).width;
  }
  return write.call(this, text, ...where);
};
"""


@pytest.mark.parametrize("pollutant", ["P2.5", "P10"])
@pytest.mark.parametrize("scale", ["daqi", "us-epa"])
async def test_a_dot_says_the_number_that_its_band_is_of(
    opened: Open, capture: str, scale: str, pollutant: str
) -> None:
    found = await opened(None)
    await found.page.add_init_script(SPY)
    await found.go(f"/#12/48.78/9.18&scale={scale}&show={pollutant}")
    await found.ready()
    await drawn(found)
    texts = set(await found.page.evaluate("window.written"))
    near = api(capture, f"near?lat=48.78&lon=9.18&n=30&indoor=true&scale={scale}")["sensors"]
    values = [each["record"][pollutant] for each in near]
    assert {f"{value['rounded']:g}" for value in values if value} <= texts


async def test_a_large_number_lies_within_its_dot_and_its_chip(opened: Open, tmp_path: Path) -> None:
    records = [lonely(9001 + n, (10, 20 + n / 50), pm25) for n, pm25 in enumerate((3, 30, 120, 500, 998))]
    await loaded(tmp_path, written(tmp_path, records))
    async with serving(tmp_path) as service:
        found = await opened(None, origin=await origin_of(service), expected=UNREACHABLE)
        await found.page.add_init_script(SPY)
        await found.go("/#12/10/20.04&scale=us-epa")
        await found.ready()
        await drawn(found)
        widths = await found.page.evaluate("window.widths")
        await found.page.evaluate("location.hash = 'sensor=9005&scale=us-epa'")
        chip = found.page.locator("#panel .big .chip text")
        await expect(chip).to_have_text(re.compile(r"^\d{4}$"))
        assert await chip.evaluate("it => it.getBBox().width") <= 38
    assert {len(text) for text in widths} == {2, 3, 4}
    assert max(widths.values()) <= 20


def lonely(sensor: int, at: tuple[float, float], pm25: float) -> dict[str, Any]:
    return measured(28_900_000_000 + sensor, sensor, at, 60, pm25)


LONE, THREE = (10, 20), (30, 60)


async def purple(found: Opened) -> tuple[int, int]:
    """Count the pixels of the DAQI's last colour in the map's middle, and those of the box around them."""
    count, width, height = await found.page.locator("canvas.sensors").evaluate(
        """it => { const [left, top] = [it.width / 2 - 15, it.height / 2 - 15];
            const pixels = new Uint32Array(it.getContext('2d').getImageData(left, top, 30, 30).data.buffer);
            const found = [...pixels.keys()].filter(at => pixels[at] === 0xffff30ce);
            const wide = of => Math.max(...found.map(of)) - Math.min(...found.map(of)) + 1;
            return [found.length, wide(at => at % 30), wide(at => Math.floor(at / 30))]; }"""
    )
    return int(count), int(width * height)


async def test_from_far_a_sensor_that_nobody_can_check_fills_no_square(opened: Open, tmp_path: Path) -> None:
    records = [lonely(9001, LONE, 300), *(lonely(9002 + n, THREE, 300) for n in range(3))]
    await loaded(tmp_path, written(tmp_path, records))
    found: dict[tuple[int, int], tuple[int, int]] = {}
    async with serving(tmp_path) as service:
        for at in (LONE, THREE):
            page = await opened(f"/#6/{at[0]}/{at[1]}", origin=await origin_of(service), expected=UNREACHABLE)
            await page.ready()
            await drawn(page)
            found[at] = await purple(page)
    (painted, box), (filled, whole) = found[LONE], found[THREE]
    assert 0 < painted < 0.8 * box
    assert filled == whole > box
