"""A real service on the bundled capture, and Debian's Chromium: `opened` opens a page of it.

One rule: every request of a page is recorded; one to any other origin, or anything on the console that the
test did not expect, fails the test.
"""

import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

from tests.doubles.patience import PATIENCE
from tests.doubles.program import CAPTURE, Running, ran, running
from tests.page.feeds import HOUR, YEAR_SENSORS, newest_of, of_now, written, year

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE = {"width": 1280, "height": 800}
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
PATIENT_MS = float(os.environ.get("PAGE_MS", PATIENCE * 1000))

expect.set_options(timeout=PATIENT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these tests out where there is no Chromium; in CI they fail."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if CHROMIUM is None and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip("there is no chromium: apt install chromium"))


@dataclass
class Opened:
    """A page in the browser: where it came from, what it asked for, and what it complained of."""

    page: Page
    origin: str
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("request", self._asked)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("console", lambda line: self.complaints.append(f"{line.type}: {line.text}"))

    def _asked(self, request: Request) -> None:
        self.requests.append(request)

    async def go(self, path: str = "/") -> None:
        await self.page.goto(f"{self.origin}{path}")

    async def ready(self) -> None:
        """Wait until the sensors show."""
        await expect(self.page.locator("#count")).to_contain_text(" of ")

    @property
    def elsewhere(self) -> list[str]:
        """What it asked of any other origin."""
        own = (f"{self.origin}/", "data:")
        return [each.url for each in self.requests if not each.url.startswith(own)]

    @property
    def unexpected(self) -> list[str]:
        return [each for each in self.complaints if not any(re.search(p, each) for p in self.expected)]


Open = Callable[..., Awaitable[Opened]]


@pytest.fixture(scope="session")
def bare_environment() -> Iterator[None]:
    """No AQI or AWS variable of whoever runs this, for what lives longer than a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("AWS_", "AQI_")):
                patch.delenv(name)
        yield


def serving(folder: Path, *options: str, port: int = 0) -> AbstractAsyncContextManager[Running]:
    """Serve what a local folder has."""
    places = ("--local", str(folder), "--port", "0", "--http-port", str(port))
    return running("--serve-only", *places, *options, cwd=folder)


async def loaded(folder: Path, *sources: str, options: tuple[str, ...] = ()) -> None:
    """Load sources into a local folder; without any, the bundled capture."""
    done = await ran(
        "--load-only", "--local", str(folder), *options, *(sources or (str(CAPTURE),)), cwd=folder
    )
    assert done.code == 0, done.err


async def origin_of(service: Running) -> str:
    """Wait until it has the newest snapshot in memory; give its origin."""
    await service.line("memory_replaced")
    return f"http://127.0.0.1:{await service.port('http')}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def capture(bare_environment: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The origin of a service with the bundled capture."""
    folder = tmp_path_factory.mktemp("capture")
    await loaded(folder)
    async with serving(folder) as service:
        yield await origin_of(service)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def of_a_year(bare_environment: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The origin of a service with an hourly year of four sensors, and a fresh file after it."""
    folder = tmp_path_factory.mktemp("year")
    records = year()
    kept = ("--ttl-days", "400")
    await loaded(folder, written(folder, records, HOUR), options=kept)
    others = [record for record in of_now() if record["sensor"]["id"] not in YEAR_SENSORS]
    await loaded(folder, written(folder, [*newest_of(records), *others]), options=kept)
    async with serving(folder) as service:
        yield await origin_of(service)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, one for all tests of this process."""
    assert CHROMIUM, "there is no chromium: apt install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        await browser.close()


@asynccontextmanager
async def opening(browser: Browser) -> AsyncIterator[Open]:
    """Open pages, each in a context of its own, and see at the end what they did."""
    contexts: list[BrowserContext] = []
    pages: list[Opened] = []

    async def open_(
        path: str | None = "/", *, origin: str, expected: tuple[str, ...] = (), **options: Any
    ) -> Opened:
        context = await browser.new_context(**({"viewport": WIDE} | options))
        contexts.append(context)
        context.set_default_timeout(PATIENT_MS)
        found = Opened(await context.new_page(), origin, expected=[*expected])
        found.watch()
        pages.append(found)
        if path:
            await found.go(path)
        return found

    yield open_
    for context in contexts:
        await context.close()
    assert [page.elsewhere for page in pages if page.elsewhere] == []
    assert [page.unexpected for page in pages if page.unexpected] == []


@pytest_asyncio.fixture(loop_scope="session")
async def opened(browser: Browser, capture: str) -> AsyncIterator[Open]:
    """Open a page, of the service with the capture if no other `origin` is named."""
    async with opening(browser) as open_:

        async def of_capture(path: str = "/", *, origin: str = capture, **options: Any) -> Opened:
            return await open_(path, origin=origin, **options)

        yield of_capture
