"""The limits of the HTTP port over real sockets: a cap, and no slot for whoever does not ask."""

import asyncio
import gc
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from aqi_service.server.sockets import default_max_connections, listen
from aqi_service.web.app import Answers, application, faults, http_port
from aqi_service.web.limits import (
    SILENT_SECONDS,
    ConnectionLimits,
    LimitedProtocol,
    default_max_http,
)
from aqi_service.web.request_heads import MOST_HEAD
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.log_lines import lines
from tests.doubles.patience import patience
from tests.doubles.program import Running, few_descriptors, running
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


BODIES = {
    "a length": (b"Content-Length: 5", b"12345"),
    "a length whose body does not come": (b"content-length : 9999999", b""),
    "a length that is none": (b"Content-Length: +5", b"12345"),
    "chunks": (b"Transfer-Encoding: chunked", b"5\r\n12345\r\n0\r\n\r\n"),
    "malformed chunks": (b"TRANSFER-ENCODING:chunked", b"zz\r\n" * 2000),
    "both": (b"Content-Length: 0\r\nTransfer-Encoding: chunked", b"zz\r\n"),
}


@pytest.mark.parametrize("kind", BODIES)
@on_each_loop
async def test_a_request_with_a_body_ends_its_connection_and_its_body_is_not_read(kind: str) -> None:
    header, body = BODIES[kind]
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write(ASKING[:-2] + header + b"\r\n\r\n" + body + ASKING)
        async with patience():  # shorter than no complete request may take
            pages = await rest(reader)
        writer.close()
    assert pages.count(b"HTTP/1.") == 1
    assert port.refused["body"] == 1


@asynccontextmanager
async def behind_limits(
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[tuple[LimitedProtocol, socket.socket]]:
    """Give a connection's protocol, and its peer's end; nothing may be logged as an error."""
    limits = ConnectionLimits(1, lambda _: None)
    port = Port(0)
    runner = web.AppRunner(application(Answers(port.ready, bytes), limits), logger=faults())
    await runner.setup()
    assert runner.server
    ours, theirs = socket.socketpair()
    transport, connection = await asyncio.get_running_loop().create_connection(
        limits(runner.server), sock=ours
    )
    await turns()
    yield connection, theirs
    transport.abort()
    await turns()
    theirs.close()
    await runner.cleanup()
    gc.collect()
    assert lines(caplog) == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def comes(connection: LimitedProtocol, data: bytes) -> None:
    """Have bytes come, and be looked at at once."""
    connection.get_buffer(0)[: len(data)] = data
    connection.buffer_updated(len(data))
    connection.take_turn()


@on_each_loop
async def test_a_peer_that_vanishes_while_its_request_is_handed_on_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with behind_limits(caplog) as (connection, _):
        comes(connection, ASKING)
        connection.connection_lost(None)  # as a loop does that met request and reset in one turn


@on_each_loop
async def test_a_line_that_is_too_long_for_aiohttp_as_well_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with behind_limits(caplog) as (connection, theirs):
        comes(connection, b"GET /" + b"a" * 9000)
        comes(connection, b"a" * (MOST_HEAD - 9005))
        await turns()
        assert theirs.recv(100).startswith(b"HTTP/1.1 400 ")


@on_each_loop
async def test_a_peer_that_expects_leave_to_go_on_and_is_gone_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with behind_limits(caplog) as (connection, theirs):
        theirs.close()
        comes(connection, ASKING[:-2] + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        assert connection._transport
        connection._transport.close()
        await turns()


@on_each_loop
async def test_a_body_of_no_length_is_none() -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write((ASKING[:-2] + b"Content-Length: 0\r\n\r\n") * 2)
        for _ in range(2):
            assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert port.refused == {}


@pytest.mark.parametrize(
    "line", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 9000]
)
@on_each_loop
async def test_a_head_without_end_is_answered_with_400_and_ends_the_connection(line: bytes) -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write(line + b"a" * 400_000)
        pages = await rest(reader)
        writer.close()
    assert pages.count(b"HTTP/1.") == 1
    assert pages.startswith(b"HTTP/1.1 400 ")
    assert port.refused == {"head": 1}


@on_each_loop
async def test_requests_are_answered_in_order_however_they_are_cut() -> None:
    stream = ASKING + b"\r\n\r\n" + ASKING.replace(b"healthz", b"nothing") + ASKING
    for size in (1, 7, len(ASKING) + 1, len(stream)):
        async with port_of(2) as port:
            reader, writer = await port.peer()
            for start in range(0, len(stream), size):
                writer.write(stream[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(ASKING[:-2] + b"Connection: close\r\n\r\n")
            pages = re.findall(rb"HTTP/1\.1 (\d+) ", await rest(reader))
            writer.close()
        assert pages == [b"200", b"404", b"200", b"200"]


@pytest.mark.parametrize("requests", [1, 3])
@on_each_loop
async def test_who_shuts_its_writing_side_gets_its_answers_and_then_the_end(requests: int) -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write(ASKING * requests)
        writer.write_eof()
        assert (await rest(reader)).count(b"\r\n\r\nok\n") == requests
        writer.close()
    assert port.refused == {}


@on_each_loop
async def test_who_shuts_its_writing_side_while_the_answer_is_made_gets_it() -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write(ASKING.replace(b"healthz", b"readyz"))
        await port.asked.wait()
        writer.write_eof()
        await turns()
        port.hangs.set()
        assert (await rest(reader)).endswith(b"ready\n")
        writer.close()
    assert port.refused == {}


@on_each_loop
async def test_half_a_request_that_ends_is_no_request() -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write(ASKING + ASKING[:-2])
        writer.write_eof()
        assert (await rest(reader)).count(b"HTTP/1.1 200 ") == 1
        writer.close()


@on_each_loop
async def test_a_thousand_requests_in_one_piece_are_all_answered() -> None:
    async with port_of(2) as port:
        reader, writer = await port.peer()
        writer.write(ASKING * 1000)
        for _ in range(1000):
            assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()


def memory(program: Running) -> int:
    """Return the most of a process's memory that there ever was, in MB."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


async def test_malformed_chunks_of_many_connections_take_no_memory(tmp_path: Path) -> None:
    head = b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with feed_server((answer(b"[]"),)) as feed:
        options = ("--local", "d", "--port", "0", "--http-port", "0", "--feed-url", feed.url())
        async with running(*options, cwd=tmp_path, fresh=True) as program:
            port = await program.port("http")
            await program.report()
            before = memory(program)

            async def attack() -> None:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                with suppress(ConnectionError):
                    writer.write(head)
                    for _ in range(100):
                        writer.write(b"zz\r\n" * 10_000)
                        await writer.drain()
                writer.transport.abort()

            await asyncio.gather(*(attack() for _ in range(20)))
            assert await program.ask(b"1") == [b"Item not found"]
            assert memory(program) - before < 30


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
