"""The doors of the HTTP port over real sockets: a cap, and no place for whoever does not ask."""

import asyncio
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from aqi_service.server.sockets import default_max_connections, listen
from aqi_service.web.app import Answers, http_port
from aqi_service.web.limits import SILENT_SECONDS, default_max_http
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.log_lines import lines
from tests.doubles.program import running
from tests.doubles.wire_fixtures import advance, by_hand, on_each_loop, turns, until

ASKING = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Port:
    number: int
    refused: Counter[str] = field(default_factory=Counter)
    hangs: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ready(self) -> str | None:
        self.asked.set()
        await self.hangs.wait()
        return None

    def refuse(self, reason: str) -> None:
        self.refused[reason] += 1

    async def peer(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.number)


@asynccontextmanager
async def port_of(most: int) -> AsyncIterator[Port]:
    sockets = listen("127.0.0.1", 0)
    port = Port(sockets[0].getsockname()[1])
    async with http_port(sockets, Answers(port.ready, bytes, port.refuse), most):
        yield port


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Give what comes up to the end, however it ends."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@on_each_loop
async def test_beyond_the_cap_a_connection_is_closed_counted_and_its_place_is_free_afterwards() -> None:
    async with port_of(2) as port:
        peers = [await port.peer() for _ in range(2)]
        reader, writer = await port.peer()
        assert await rest(reader) == b""
        writer.close()
        assert port.refused == {"connections": 1}
        for _, one in peers:
            one.transport.abort()
        while True:
            try:
                async with aiohttp.request("GET", f"http://127.0.0.1:{port.number}/healthz") as page:
                    assert page.status == 200
                    break
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0)  # the places become free in a few turns of the loop


@pytest.mark.parametrize("said", [b"", b"GET /hea", ASKING[:-2]], ids=["nothing", "a part", "no end"])
@by_hand
async def test_a_connection_that_does_not_ask_is_closed_after_10_s(said: bytes) -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write(said)
        await turns()
        advance(SILENT_SECONDS - 1)
        await turns()
        assert port.refused == {}
        advance(2)
        assert await rest(reader) == b""
        writer.close()
    assert port.refused == {"silent": 1}


@by_hand
async def test_ten_seconds_after_an_answer_a_connection_that_asks_no_more_is_closed() -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        for _ in range(3):
            writer.write(ASKING)
            assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200 ")
            advance(SILENT_SECONDS - 1)
            await turns()
        advance(2)
        assert await rest(reader) == b""
        writer.close()
    assert port.refused == {"silent": 1}


@by_hand
async def test_a_request_that_takes_long_to_answer_is_not_silence() -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await port.asked.wait()
        advance(SILENT_SECONDS * 3)
        await turns()
        port.hangs.set()
        assert (await rest(reader)).endswith(b"ready\n")
        writer.close()
    assert port.refused == {}


@on_each_loop
async def test_a_flood_of_silent_connections_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with port_of(1) as port:
        peers = [await port.peer() for _ in range(20)]
        await until(lambda: port.refused["connections"] == 19)
        for _, writer in peers:
            writer.transport.abort()
    assert lines(caplog) == ["http_refused reason=connections error='as many connections as the port takes'"]


@pytest.mark.parametrize("descriptors", [256, 1024, 4096, 65_536, -1])
def test_http_connections_fit_into_what_tcp_connections_leave(descriptors: int) -> None:
    most = default_max_http(descriptors)
    assert 16 <= most <= 256
    assert descriptors < 0 or most <= (descriptors - default_max_connections(descriptors)) // 4


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


async def test_lookups_are_answered_although_a_crowd_is_silent_on_the_http_port(tmp_path: Path) -> None:
    async with feed_server((answer(b"[]"),)) as feed, AsyncExitStack() as stack:
        options = ("--local", "d", "--port", "0", "--http-port", "0", "--feed-url", feed.url())
        program = await stack.enter_async_context(running(*options, cwd=tmp_path, preexec=few_descriptors))
        port = await program.port("http")
        await program.report()
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert await program.ask(b"1") == [b"Item not found"]
        await program.line("http_refused reason=connections")
        assert not any("out of system resource" in line for line in program.err)
