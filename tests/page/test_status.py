"""The page of status: what it draws is what the loads' reports and the counters say."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests.doubles.ports import free_port
from tests.doubles.program import running
from tests.page.asking import UNREACHABLE, api
from tests.page.conftest import PHONE, Open, loaded, origin_of, serving
from tests.page.feeds import HOUR, of_now, written

FATES = ("stored", "unchanged", "superseded", "merged", "without_pm", "expired", "rejected", "pending")


async def test_each_load_is_a_bar_of_its_fates_and_a_row_of_the_same_numbers(
    opened: Open, tmp_path: Path
) -> None:
    for age, most in ((3 * HOUR, 900), (2 * HOUR, 800), (60, 850)):
        await loaded(tmp_path, written(tmp_path, of_now(age, most), age))
    async with serving(tmp_path) as service:
        found = await opened("/status", origin=await origin_of(service), expected=UNREACHABLE)
        loads = api(found.origin, "snapshot")["loads"]
        await expect(found.page.locator("#state")).to_contain_text("Ready. Newest measurement:")
        await expect(found.page.locator("#state")).to_contain_text("Latest load: complete.")
        await expect(found.page.locator("#state")).not_to_contain_text("..")
        drawn = sum(bool(load[fate]) for load in loads for fate in FATES)
        await expect(found.page.locator(".fates rect")).to_have_count(drawn)
        heights = await found.page.locator(".fates .fate-0").evaluate_all(
            "all => all.map(it => it.height.baseVal.value)"
        )
        stored = [load["stored"] for load in reversed(loads)]
        for height, count in zip(heights, stored, strict=True):
            assert abs(height / max(heights) - count / max(stored)) < 0.001
        await found.page.get_by_text("These loads as a table").click()
        await expect(found.page.locator("#loads tbody tr")).to_have_count(3)
        rows = await found.page.locator("#loads tbody tr").evaluate_all(
            "all => all.map(row => [...row.children].map(cell => cell.textContent))"
        )
    assert rows == [
        [load["snapshot_time"], load["status"], *(str(load[name]) for name in ("records", *FATES))]
        for load in loads
    ]


async def test_rejects_are_counted_by_reason_in_words_and_named(opened: Open, capture: str) -> None:
    found = await opened("/status")
    reasons = api(capture, "snapshot")["report"]["reasons"]
    for name, words in (("not_mass", "counts particles"), ("no_pm_value", "no usable value")):
        line = found.page.locator("#rejected li", has_text=words)
        await expect(line).to_have_text(re.compile(rf"^\s*{reasons[name]}: "))
    await found.page.get_by_text("Which").click()
    await expect(found.page.locator("#rejected tbody tr")).to_have_count(sum(reasons.values()))


async def test_lookups_are_counted_by_the_minute(opened: Open, tmp_path: Path) -> None:
    await loaded(tmp_path)
    async with serving(tmp_path) as service:
        found = await opened(None, origin=await origin_of(service), expected=UNREACHABLE)
        await found.page.clock.install()
        await found.go("/status")
        await expect(found.page.locator("#lookups")).to_contain_text(
            "0 records looked up since the service began"
        )
        await service.ask(b"250452007")
        await service.ask(b"250452007")
        await found.page.clock.fast_forward(11_000)
        shown = found.page.locator("#lookups")
        await expect(shown).to_contain_text(re.compile(r"seconds; 2 records looked up .*, 100 % from memory"))
        said = re.match(r"([\d.]+) a minute in the last (\d+) seconds", await shown.inner_text())
    assert said
    rate, seconds = float(said[1]), int(said[2])
    assert 2 * 60 / (seconds + 0.5) - 0.06 < rate < 2 * 60 / (seconds - 0.5) + 0.06


async def test_before_the_first_load_and_of_loads_that_fail_it_says_so(opened: Open, tmp_path: Path) -> None:
    places = ("--local", str(tmp_path), "--port", "0", "--http-port", "0")
    async with running(*places, "--feed-url", "http://127.0.0.1:9/", cwd=tmp_path) as service:
        await service.report()
        found = await opened("/status", origin=f"http://127.0.0.1:{await service.port('http')}")
        await expect(found.page.locator("#state")).to_contain_text("Nothing was loaded yet.")
        await expect(found.page.locator("#ends")).to_have_text(
            re.compile(r"^Loads since the service began: \d+ failed\. ")
        )


async def test_what_was_last_said_stays_while_the_service_is_away(opened: Open, tmp_path: Path) -> None:
    port = free_port()
    await loaded(tmp_path, written(tmp_path, of_now()))
    async with serving(tmp_path, port=port) as service:
        found = await opened(None, origin=await origin_of(service), expected=UNREACHABLE)
        await found.page.clock.install()
        await found.go("/status")
        await expect(found.page.locator(".fates")).to_be_visible()
    await found.page.clock.fast_forward(61_000)
    await expect(found.page.locator("#failed")).to_contain_text("what was last said")
    await expect(found.page.locator(".fates")).to_be_visible()


async def test_on_a_phone_nothing_is_wider_than_the_screen(opened: Open) -> None:
    found = await opened("/status", **PHONE)
    await expect(found.page.locator(".fates")).to_be_visible()
    await found.page.get_by_text("These loads as a table").click()
    assert await found.page.evaluate("document.documentElement.scrollWidth") == 360
