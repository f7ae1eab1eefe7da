"""The page as it is served: which files there are, each with its headers, and nothing else."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from aqi_service.core.tiles import Tiles
from aqi_service.server.sockets import listen
from aqi_service.web.app import Answers, http_port
from aqi_service.web.page import Page, content_type_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
TILES = Tiles("https://tiles.example.org/{z}/{x}/{y}.png", "Somebody <b>")
ALONE = ("/", "/status", "/page/map.js", "/page/page.css", "/page/ground.bin", "/page/leaflet/leaflet.js")


@asynccontextmanager
async def served(tiles: Tiles | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    async def ready() -> None:
        return None

    sockets = listen("127.0.0.1", 0)
    origin = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    async with (
        http_port(sockets, Answers(ready, lambda: b"", page=Page(tiles))),
        aiohttp.ClientSession(origin, auto_decompress=False) as session,
    ):
        yield session


async def settings(answer: aiohttp.ClientResponse) -> Any:
    return json.loads(gzip.decompress(await answer.read()))


@pytest.mark.parametrize("path", ALONE)
async def test_the_policy_lets_nothing_in_from_elsewhere_and_nobody_frame_the_page(path: str) -> None:
    async with served() as port, port.get(path) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers


async def test_only_the_panel_alone_may_be_framed() -> None:
    async with served() as port, port.get("/embed") as answer:
        framed = POLICY.replace("frame-ancestors 'none'", "frame-ancestors *")
        assert answer.headers["Content-Security-Policy"] == framed


async def test_tiles_are_in_the_policy_and_in_the_settings_only_where_they_were_switched_on() -> None:
    async with served(TILES) as port:
        async with port.get("/") as answer:
            allowed = POLICY.replace("data:;", "data: https://tiles.example.org;")
            assert answer.headers["Content-Security-Policy"] == allowed
        async with port.get("/page/settings.json") as answer:
            assert (await settings(answer))["tiles"] == {
                "url": TILES.url,
                "attribution": "Somebody <b>",
                "origin": "https://tiles.example.org",
            }
    async with served() as port, port.get("/page/settings.json") as answer:
        assert (await settings(answer))["tiles"] is None


async def test_every_file_is_packed_once_kept_by_its_mark_and_then_costs_a_304() -> None:
    async with served() as port:
        for path in sorted(Page().paths):
            async with port.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
                assert answer.status == 200, path
                assert answer.headers["Content-Encoding"] == "gzip", path
                assert answer.headers["Cache-Control"] == "no-cache"
                assert gzip.decompress(await answer.read())
                tag = answer.headers["ETag"]
            async with port.get(path, headers={"If-None-Match": tag}) as answer:
                assert answer.status == 304, path
                assert answer.headers["Content-Security-Policy"], path
                assert await answer.read() == b""


@pytest.mark.parametrize(
    "path", ["/page/SOURCES.md", "/page/../app.py", "/page/index.html", "/page/", "/page"]
)
async def test_what_is_not_in_the_table_of_files_is_not_there(path: str) -> None:
    async with served() as port, port.get(path) as answer:
        assert answer.status == 404
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_the_page_costs_a_first_visitor_300_kb_at_most() -> None:
    async with served() as port:
        total = 0
        for path in Page().paths - {"/status", "/embed", "/page/status.js", "/page/embed.js"}:
            async with port.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
                total += len(await answer.read())
                total += sum(len(f"{name}: {value}\r\n") for name, value in answer.headers.items())
    assert 200_000 < total <= 300_000


def test_only_known_kinds_of_files_are_served() -> None:
    assert content_type_of("x.js") == "text/javascript; charset=utf-8"
    assert [content_type_of(name) for name in ("x.md", "x.py", "x", "x.gz", ".js")] == [None] * 5


async def test_who_is_gone_before_the_answer_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    told = threading.Event()
    with ThreadPoolExecutor(1) as packing:
        asyncio.get_running_loop().set_default_executor(packing)
        packing.submit(told.wait)
        try:
            async with served() as port:
                _, writer = await asyncio.open_connection("127.0.0.1", port._base_url.port)  # type: ignore[union-attr]
                writer.write(b"GET /page/map.js HTTP/1.1\r\nHost: a\r\n\r\n")
                await writer.drain()
                for path in ("/healthz", "/healthz"):
                    async with port.get(path) as answer:
                        assert answer.status == 200
                writer.transport.abort()
                async with port.get("/healthz") as answer:
                    assert answer.status == 200
                told.set()
                async with port.get("/page/page.css") as answer:  # packed after the one that nobody waits for
                    assert answer.status == 200
        finally:
            told.set()
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


async def test_two_who_ask_for_a_file_at_once_get_the_same() -> None:
    async def one(port: aiohttp.ClientSession) -> tuple[bytes, str]:
        async with port.get("/page/map.js", headers={"Accept-Encoding": "gzip"}) as answer:
            return await answer.read(), answer.headers["ETag"]

    async with served() as port:
        assert len(set(await asyncio.gather(*(one(port) for _ in range(8))))) == 1
