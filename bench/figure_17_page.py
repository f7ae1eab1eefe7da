"""Figure 17: the map in Debian's Chromium: first paint, when it can be used, one drawing, bytes on the wire.

One rule: the browser is a visitor's, who has never been there, and its processor is throttled for what is
timed from the start; a page that does not show all its sensors ends the bench.
"""

import gzip
import json
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

from bench.figure_16_nearest_sensors import CAPTURE, towns
from bench.lib.background import python, running
from bench.lib.figures import Figure, Goal, Side
from bench.lib.processes import program
from bench.lib.run import Run

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)
SIZE = {"width": 1280, "height": 800}
THROTTLED, PANS, SENSORS = 4, 60, 30_000
DATA = "/api/v1/latest.columns.json"

WATCH = """
window.seen = { drawn: [], usable: 0 };
new MutationObserver((changes) => {
  for (const { target, attributeName } of changes) {
    if (attributeName !== 'data-drawn') continue;
    seen.drawn.push(Number(target.dataset.drawn));
    if (document.querySelector('#count')?.textContent.includes(' of ')) seen.usable ||= performance.now();
  }
}).observe(document, { subtree: true, childList: true, attributes: true });
"""
"""Before the page's own code: notes each drawing, and when the first with sensors was there."""

PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def network(folder: Path, sensors: int) -> Path:
    """Write a file of so many sensors, where the capture's towns are."""
    draw = random.Random(17)
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - 60))
    kind = {"id": 14, "name": "SDS011", "manufacturer": "Nova Fitness"}
    records = []
    for at, point in enumerate(towns(sensors)):
        place = {"latitude": f"{point.latitude:.3f}", "longitude": f"{point.longitude:.3f}", "country": "DE"}
        fine = draw.expovariate(1 / 9)
        values = [
            {"value_type": "P1", "value": f"{fine * 1.5:.2f}"},
            {"value_type": "P2", "value": f"{fine:.2f}"},
        ]
        sensor = {"id": 1000 + at, "sensor_type": kind}
        one = {"id": 28_600_000_000 + at, "timestamp": now, "location": place, "sensor": sensor}
        records.append(one | {"sensordatavalues": values})
    path = folder / "network.json.gz"
    path.write_bytes(gzip.compress(json.dumps(records).encode(), 1))
    return path


@contextmanager
def serving(folder: Path, source: Path) -> Iterator[str]:
    """Load a file into a folder of its own, and serve it; give the origin once it is in memory."""
    program(["-m", "aqi_service", "--load-only", "--local", str(folder), str(source)])
    options = ("--serve-only", "--local", str(folder), "--port", "0", "--http-port", "0")
    with running(python("-m", "aqi_service", *options)) as server:
        port = server.line(r"listening on .*:(\d+) \(http\)")[1]
        server.line("memory_replaced")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def visiting(browser: Browser) -> Iterator[tuple[Page, CDPSession]]:
    """Give a page that has been nowhere, and the line to its browser."""
    context = browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
    page = context.new_page()
    page.add_init_script(WATCH)
    yield page, context.new_cdp_session(page)
    context.close()


def visit(browser: Browser, origin: str) -> tuple[float, float]:
    """Open the page with a slow processor; return ms to its first paint, and to its first sensors."""
    with visiting(browser) as (page, session):
        session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLED})
        page.goto(origin)
        expect(page.locator("#count")).to_contain_text("none left out")
        expect(page.locator("canvas[data-drawn]")).to_be_attached()
        page.wait_for_load_state("networkidle")
        return page.evaluate(PAINT), page.evaluate("seen.usable")


def drawings(browser: Browser, origin: str, view: str, pans: int) -> list[float]:
    """Drag the map about; return the milliseconds of each drawing by the layer."""
    with visiting(browser) as (page, _):
        page.goto(f"{origin}/{view}")
        expect(page.locator("#count")).to_contain_text(f"of {SENSORS:,} sensors")
        page.wait_for_load_state("networkidle")
        page.evaluate("seen.drawn.length = 0")
        page.mouse.move(400, 400)
        page.mouse.down()
        for step in range(pans):
            page.mouse.move(400 + 4 * (step % 20), 400 + 3 * (step % 15))
            page.evaluate("new Promise(requestAnimationFrame)")
        page.mouse.up()
        found: list[float] = page.evaluate("seen.drawn")
    if len(found) < pans / 2:
        raise AssertionError(f"{len(found)} drawings of {pans} pans")
    return found


def kilobytes(browser: Browser, origin: str) -> tuple[float, float]:
    """Visit for the first time; return the kB on the wire of the sensors, and of all else."""
    with visiting(browser) as (page, session):
        urls: dict[str, str] = {}
        lengths: dict[str, float] = {}

        def answered(told: dict[str, Any]) -> None:
            urls[told["requestId"]] = told["response"]["url"]

        def ended(told: dict[str, Any]) -> None:
            lengths[told["requestId"]] = told["encodedDataLength"]

        session.on("Network.responseReceived", answered)
        session.on("Network.loadingFinished", ended)
        session.send("Network.enable")
        page.goto(origin)
        expect(page.locator("#count")).to_contain_text(f"of {SENSORS:,} sensors")
        page.wait_for_load_state("networkidle")
        data = sum(length for each, length in lengths.items() if DATA in urls.get(each, ""))
        return data / 1000, (sum(lengths.values()) - data) / 1000


def figures(run: Run) -> Iterator[Figure]:
    """Measure, if there is a Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("page: left out, there is no chromium: apt install chromium", flush=True)
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        with serving(run.folder / "page", CAPTURE) as origin:
            visits = [visit(browser, origin) for _ in range(run.pick(1, 7))]
        yield Figure(
            "17a first paint, processor throttled 4 times",
            "ms",
            Side("", [p for p, _ in visits]),
            goal=Goal(1000, at_most=True),
        )
        yield Figure(
            "17b map usable, the same", "ms", Side("", [u for _, u in visits]), goal=Goal(2000, at_most=True)
        )
        with serving(run.folder / "network", network(run.folder, SENSORS)) as origin:
            for name, view in (
                ("17c cells of 30,000 sensors, a drawing", "#5/50/10"),
                ("17d dots, zoom 9", "#9/51.4/7"),
            ):
                drawn = drawings(browser, origin, view, run.pick(10, PANS))
                yield Figure(name, "ms", Side("", drawn), goal=Goal(16, at_most=True))
            data, page = kilobytes(browser, origin)
            yield Figure(
                "17e 30,000 sensors on the wire", "kB", Side("", [data]), goal=Goal(450, at_most=True)
            )
            yield Figure("17f the page on the wire", "kB", Side("", [page]), goal=Goal(300, at_most=True))
        browser.close()
