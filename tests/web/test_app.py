"""The HTTP port over real sockets: alive, ready, measured, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.server.limits import ServerCounts
from aqi_service.server.sockets import listen
from aqi_service.web.app import Answers, http_port
from tests.doubles.wire_fixtures import by_hand, on_each_loop, passing, task

PAGES = ("/", "/healthz", "/readyz", "/metrics")


@dataclass
class Page:
    status: int
    text: str
    headers: dict[str, str]


@dataclass
class Served:
    """The port under test; `problem` is what readiness lacks, `trouble` what a person should see to."""

    port: int
    problem: str | None = None
    trouble: str | None = None
    hangs: asyncio.Event | None = None

    async def ready(self) -> str | None:
        if self.hangs is not None:
            await self.hangs.wait()
        return self.problem

    async def ask(self, path: str, method: str = "GET") -> Page:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.request(method, url) as response:
            return Page(response.status, await response.text(), dict(response.headers))

    async def raw(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    sockets = listen("127.0.0.1", 0)
    port = Served(sockets[0].getsockname()[1])
    shown = metrics(ServiceStatus(ServerCounts()))
    answers = Answers(port.ready, shown, trouble=lambda: port.trouble)
    async with http_port(sockets, answers):
        yield port


@on_each_loop
async def test_healthz_says_that_the_process_lives_ready_or_not() -> None:
    async with served() as port:
        port.problem = "the table cannot be read"
        page = await port.ask("/healthz")
        assert (page.status, page.text) == (200, "ok\n")


@on_each_loop
async def test_readyz_names_a_clock_that_is_off_and_stays_ready_since_lookups_are_answered() -> None:
    async with served() as port:
        port.trouble = "clock_off: set it"
        page = await port.ask("/readyz")
        assert (page.status, page.text) == (200, "ready\nclock_off: set it\n")
        port.problem = "stopping"
        page = await port.ask("/readyz")
        assert (page.status, page.text) == (503, "stopping\n")


@on_each_loop
async def test_readyz_says_whether_lookups_are_answered() -> None:
    async with served() as port:
        ready = await port.ask("/readyz")
        port.problem = "the table cannot be read"
        unready = await port.ask("/readyz")
    assert (ready.status, ready.text) == (200, "ready\n")
    assert (unready.status, unready.text) == (503, "the table cannot be read\n")


async def test_metrics_are_prometheus_text() -> None:
    async with served() as port:
        page = await port.ask("/metrics")
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family.type for family in text_string_to_metric_families(page.text)}
    assert families["aqi_loads"] == "counter"
    assert families["aqi_tcp_connections"] == "gauge"


@pytest.mark.parametrize(("path", "method", "status"), [
    *((path, "GET", 200) for path in PAGES),
    *((path, "HEAD", 200) for path in PAGES),
    *((path, "POST", 405) for path in PAGES),
    ("/nothing", "GET", 404), ("/healthz/", "GET", 404), ("/../etc/passwd", "GET", 404),
    ("/%2e%2e/etc/passwd", "GET", 404),
])  # fmt: skip
async def test_each_path_has_its_status_and_every_answer_the_same_guarding_headers(
    path: str, method: str, status: int
) -> None:
    async with served() as port:
        page = await port.ask(path, method)
    assert page.status == status
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert page.headers["Server"] == "aqi_service"
    assert page.headers["Content-Type"].startswith("text/plain")
    assert "aiohttp" not in page.text
    assert (page.text == "") is (method == "HEAD")


@pytest.mark.parametrize(
    "hello", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9, b"GET /\x1b[2K HTTP/9\r\n\r\n", b"+5" * 99]
)
async def test_what_is_no_http_is_refused_without_a_word_in_the_log(
    hello: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as port:
        assert (await port.raw(hello + b"\r\n\r\n")).startswith(b"HTTP/1.0 400 ")
        assert (await port.ask("/healthz")).status == 200
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == []


async def test_a_fault_of_our_own_is_logged_and_answered_with_500(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> str | None:
        raise KeyError("fault")

    sockets = listen("127.0.0.1", 0)
    port = Served(sockets[0].getsockname()[1])
    async with http_port(sockets, Answers(fail, bytes)):
        page = await port.ask("/readyz")
    assert page.status == 500
    assert "fault" not in page.text
    assert [record.name for record in caplog.records if record.exc_info] == ["aqi_service"]


async def test_a_body_or_a_line_without_end_is_refused() -> None:
    async with served() as port:
        assert b" 400 " in await port.raw(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n")
        page = await port.raw(
            b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\nConnection: close\r\n\r\n"
            + b"a" * 2000
        )
        assert page.startswith(b"HTTP/1.1 200 ")


@by_hand
async def test_the_port_ends_although_a_peer_keeps_its_connection_and_another_waits_for_an_answer() -> None:
    opened = asyncio.Event()

    async def open_and_end() -> None:
        async with served() as port:
            idle = await asyncio.open_connection("127.0.0.1", port.port)
            port.hangs = asyncio.Event()
            waiting = await asyncio.open_connection("127.0.0.1", port.port)
            waiting[1].write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            await waiting[1].drain()
            opened.set()
        assert await idle[0].read() == b""
        assert await waiting[0].read() == b""
        for _, writer in (idle, waiting):
            writer.close()

    ending = task(open_and_end())
    await opened.wait()
    ahead = await passing(ending.done)
    await ending
    assert ahead < 10
