"""What the tests of the wire share: both event loops, a clock moved by hand, a served peer.

Rule: nothing here sleeps; what a test waits for is an event, under pytest's own time limit.
"""

import asyncio
import functools
import gc
import inspect
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop

from aqi_service.certificates import Certificates
from aqi_service.core.frames import HEADER, MAX_REPLY, decode_header, encode, encode_header
from aqi_service.server.connection import READ_SIZE, Connection
from aqi_service.server.deadlines import Deadlines
from aqi_service.server.limits import Limits
from aqi_service.server.replies import Answer, AtOnce
from aqi_service.server.server import Server
from aqi_service.server.sockets import listen
from tests.doubles.faults.clock import JumpingLoop
from tests.doubles.listeners import stop_listening

FOUND = "18456691289"
IDS = [str(number).encode() for number in range(18456691289, 18456692289)]

Test = Callable[..., Coroutine[Any, Any, None]]

CSV = (
    b"id,latitude,longitude,altitude,country,timestamp,date,P2.5,P10,AQI,AQI_range\r\n"
    b"18456691289,48.8,9.003,-5.2,DE,2023-12-20 17:00:00,2023-12-20,3.88,7.5,1,Low\r\n"
)


class HandDrivenLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test moves on: deadlines pass without anybody waiting for them."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def advance(seconds: float) -> None:
    """Move the clock of the running HandDrivenLoop on."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HandDrivenLoop)
    loop.ahead += seconds


def on_each_loop(test: Test) -> Callable[..., None]:
    """Run an async test on asyncio's loop and on uvloop; what a loop would only log fails the test."""
    return _on({"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}, test)


def by_hand(test: Test) -> Callable[..., None]:
    """Run an async test on a HandDrivenLoop."""
    return _on({"by_hand": HandDrivenLoop}, test)


def by_jumps(test: Test) -> Callable[..., None]:
    """Run an async test on a JumpingLoop."""
    return _on({"by_jumps": JumpingLoop}, test)


def _on(loops: dict[str, Callable[[], asyncio.AbstractEventLoop]], test: Test) -> Callable[..., None]:
    def run(loop_factory: Callable[[], asyncio.AbstractEventLoop], **arguments: Any) -> None:
        complaints: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
            runner.run(test(**arguments))
            gc.collect()  # brings out what was "never retrieved"; tests/garbage.py keeps it short
        assert complaints == [], complaints

    functools.update_wrapper(run, test)
    del run.__dict__["__wrapped__"]  # pytest would take the signature of the async function
    signature = inspect.signature(test)
    factory = inspect.Parameter("loop_factory", inspect.Parameter.KEYWORD_ONLY)
    run.__dict__["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), factory])
    marked: Callable[..., None] = pytest.mark.parametrize("loop_factory", loops.values(), ids=loops)(run)
    return marked


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is true."""
    while not condition():  # noqa: ASYNC110 - what is watched has no event, and is there in a few turns
        await asyncio.sleep(0)


async def passing(condition: Callable[[], bool], step: float = 0.1) -> float:
    """Let time pass on the running HandDrivenLoop, a little at a time, until something is true.

    Returns the seconds that were let pass, which are not those that the machine took.
    """
    passed = 0.0
    while not condition():
        advance(step)
        passed += step
        await asyncio.sleep(0.002)
    return passed


@dataclass
class Peer:
    """The other side of a connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_for_ever(self, data: bytes) -> None:
        """Send again and again until the connection breaks."""
        while True:
            await self.send(data)
            await asyncio.sleep(0)

    def stop_reading(self) -> None:
        """Take nothing more of what is sent to us, so that the other side's buffers fill."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined] # a stream's transport reads too

    async def reply(self) -> bytes:
        """Give the next reply's payload."""
        return await self.reader.readexactly(decode_header(await self.reader.readexactly(HEADER)))

    async def ask(self, *payloads: bytes) -> list[bytes]:
        """Send requests in one segment; give their replies' payloads."""
        await self.send(b"".join(map(encode, payloads)))
        return [await self.reply() for _ in payloads]

    async def rest(self) -> bytes:
        """Give everything up to the end, however the connection ends."""
        received = bytearray()
        try:
            while data := await self.reader.read(65536):
                received += data
        except ConnectionError:
            pass
        return bytes(received)

    def reset(self) -> None:
        """Close with a reset, as a crashed host does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@asynccontextmanager
async def connected(deadlines: Deadlines | None = None) -> AsyncIterator[tuple[Connection, Peer]]:
    """Give both ends of a connection over loopback."""
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[Connection] = loop.create_future()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.set_result(Connection(reader, writer, deadlines or Deadlines()))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=READ_SIZE)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    connection = await opened
    try:
        yield connection, Peer(reader, writer)
    finally:
        writer.transport.abort()
        connection.abort()
        server.close()


async def turns(number: int = 20) -> None:
    """Let the loop turn, so that what is under way arrives."""
    for _ in range(number):
        await asyncio.sleep(0)


def task(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run something beside the test."""
    return asyncio.get_running_loop().create_task(work)


@dataclass
class Served:
    """A running server, and how to reach it."""

    server: Server
    port: int

    @asynccontextmanager
    async def peer(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
        try:
            yield Peer(reader, writer)
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    async def until(self, condition: Callable[[Server], bool]) -> None:
        """Let the loop turn until something is true of the server."""
        await until(lambda: condition(self.server))


async def echo(payload: bytes) -> bytes:
    """Answer with the request, in words that are no error reply."""
    return b"answer to " + payload


class Held:
    """An answer that waits until the test lets it go; `asked` is set when the first request is here."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.free = asyncio.Event()

    async def __call__(self, payload: bytes) -> bytes:
        self.asked.set()
        await self.free.wait()
        return await echo(payload)


async def out_of_order(payload: bytes) -> bytes:
    """Answer the earlier requests of a batch later."""
    for _ in range(9 - int(payload) % 10):
        await asyncio.sleep(0)
    return await echo(payload)


def answers(payloads: list[bytes]) -> list[bytes]:
    """Give what echo() and its relatives answer."""
    return [b"answer to " + payload for payload in payloads]


@asynccontextmanager
async def serving(
    answer: Answer = echo,
    limits: Limits | None = None,
    tls: Certificates | None = None,
    at_once: AtOnce | None = None,
) -> AsyncIterator[Served]:
    """Run a server on a free port of 127.0.0.1; at the end nothing of it is left."""
    sockets = listen("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    server = Server(sockets, answer, limits, lambda: tls.context if tls else None, at_once)
    await server.start()
    try:
        yield Served(server, port)
    finally:
        await server.stop(grace=0.5)
        assert server.counts.open == 0


@asynccontextmanager
async def scripted(talk: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[int]:
    """Run a server that says what a test tells it to; give its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(Peer(reader, writer))
        finally:
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(accept(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await stop_listening(server)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def table(payload: bytes) -> bytes:
    """Answer as the service does: the record under its id, and every kind of error reply."""
    return {
        FOUND.encode(): CSV,
        b"2": CSV.replace(FOUND.encode(), b"2"),
        b"500": b"Unavailable: the table cannot be read",
        b"400": b"Bad request: \x1b[31mno",
    }.get(payload, b"Item not found")


def saying(*replies: bytes) -> Callable[[Peer], Awaitable[None]]:
    """Script a server that answers the first request with these bytes, raw, and closes."""

    async def talk(peer: Peer) -> None:
        await peer.reader.readexactly(1)
        await peer.send(b"".join(replies))
        peer.writer.write_eof()
        await peer.rest()

    return talk


async def silent(peer: Peer) -> None:
    """Script a server that takes requests and never answers."""
    await peer.rest()


BROKEN = {
    "malformed header": b"+5".ljust(64) + b"hello",
    "another text without header": b"Internal error",
    "over 4 MiB": encode_header(MAX_REPLY + 1),
    "10**18": encode_header(10**18),
    "no CSV": encode(b"hello"),
    "empty": encode(b""),
    "no UTF-8": encode(b"id\r\n\xff\r\n"),
    "two rows": encode(CSV + CSV),
    "cut in the header": encode(CSV)[:30],
    "cut in the payload": encode(CSV)[:100],
    "cut without header": b"Item not",
    "nothing": b"",
}
