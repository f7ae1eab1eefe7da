"""A feed over real sockets that sends exactly the bytes it is told to, and breaks off where it is told to.

One rule: nothing is sent, and no connection ends, but by a step of a script; what was asked is kept.

A script answers one request on one connection. Its steps, in order:

    bytes             are sent
    a float           is a pause of so many seconds, on the loop's clock
    an Event          is waited for
    a callable        is called, and its result, if it can be awaited, awaited
    an iterable       of bytes is sent piece by piece (for ever, if it has no end)
    RESET             breaks the connection off, as a crashed host does

After the last step the connection is closed in order.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

from tests.doubles.listeners import stop_listening
from tests.doubles.wire_fixtures import Peer


class Break(Enum):
    """How a script ends a connection other than in order."""

    RESET = "reset"


RESET = Break.RESET
Step = bytes | float | asyncio.Event | Break | Iterable[bytes] | Callable[[], object]


@dataclass(frozen=True)
class Request:
    """What was asked: the first line's words, and the headers by their names in small letters."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class FeedServer:
    """A running feed: what it will say to the next requests, and what it was asked.

    Attributes:
        port: where it listens, on 127.0.0.1.
        scheme: http or https.
        scripts: one for each request to come; the last one stays and answers all that follow.
        requests: what was asked, in order.
        asked: set with the first request.
    """

    port: int
    scheme: str
    scripts: list[tuple[Step, ...]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def will(self, *steps: Step) -> None:
        """Answer one more request with these steps."""
        self.scripts.append(steps)

    def url(self, target: str = "/data.24h.json", *, user: str = "", host: str = "127.0.0.1") -> str:
        """Give the address of something that it serves."""
        return f"{self.scheme}://{f'{user}@' if user else ''}{host}:{self.port}{target}"

    async def talk(self, peer: Peer) -> None:
        """Take one request and answer it."""
        request = _parsed(await peer.reader.readuntil(b"\r\n\r\n"))
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self.requests.append(request)
        self.asked.set()
        for step in script:
            await _take(step, peer)


async def _take(step: Step, peer: Peer) -> None:
    if isinstance(step, bytes):
        await peer.send(step)
    elif isinstance(step, float):
        await asyncio.sleep(step)
    elif isinstance(step, asyncio.Event):
        await step.wait()
    elif isinstance(step, Break):
        peer.reset()
    elif isinstance(step, Iterable):
        for piece in step:
            await peer.send(piece)
            await asyncio.sleep(0)
    else:
        result = step()
        if asyncio.iscoroutine(result):
            await result


def _parsed(raw: bytes) -> Request:
    first, *lines = raw.decode("latin-1").strip().split("\r\n")
    method, target, _ = first.split(" ")
    return Request(
        method, target, {name.lower(): value for name, value in (li.split(": ", 1) for li in lines)}
    )


@asynccontextmanager
async def feed_server(
    *scripts: tuple[Step, ...], tls: ssl.SSLContext | None = None
) -> AsyncIterator[FeedServer]:
    """Run a feed on a free port of 127.0.0.1, with `scripts` as of `will`; at the end nothing is left."""
    peers: dict[asyncio.Task[None], Peer] = {}

    async def serve(peer: Peer) -> None:
        # A client that goes away is no fault of the feed's; the tests look at the client.
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await feed.talk(peer)
            peer.writer.close()
            await peer.writer.wait_closed()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        peers[asyncio.get_running_loop().create_task(serve(peer))] = peer

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    feed = FeedServer(server.sockets[0].getsockname()[1], "https" if tls else "http", list(scripts))
    try:
        yield feed
    finally:
        await stop_listening(server)
        for task, peer in peers.items():
            task.cancel()
            with suppress(AttributeError):  # CPython's, of a transport that is closed for good already
                peer.writer.transport.abort()
        ends = await asyncio.gather(*peers, return_exceptions=True)
        assert [end for end in ends if end and not isinstance(end, asyncio.CancelledError)] == []


def head(status: str = "200 OK", **headers: object) -> bytes:
    """Write status line and headers (`Content_Length=5`), and that the connection ends with the body."""
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(body: bytes = b"", status: str = "200 OK", **headers: object) -> bytes:
    """Write a whole answer with its length."""
    return head(status, **{"Content_Length": len(body), **headers}) + body


def chunked(*chunks: bytes, last: bool = True) -> bytes:
    """Write a body in chunks; `last` is the empty one that ends it."""
    written = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return written + (b"0\r\n\r\n" if last else b"")


CHUNKED = {"Transfer_Encoding": "chunked"}
