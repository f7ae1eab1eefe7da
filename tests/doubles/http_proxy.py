"""An HTTP proxy over real sockets, and names whose addresses a test decides.

One rule: what the proxy was asked is kept, and every name leads to one port of 127.0.0.1.
"""

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver, ResolveResult

from tests.doubles.feed_server import answer
from tests.doubles.listeners import stop_listening

PIECE = 64 * 1024


@dataclass
class HttpProxy:
    """A running proxy.

    Attributes:
        port: where it listens, on 127.0.0.1.
        target: the port of 127.0.0.1 that everything leads to.
        password: `user:password` that it asks for; empty for none.
        asked: first lines of requests, in order.
        authorizations: what each sent as Proxy-Authorization.
    """

    port: int
    target: int
    password: str = ""
    asked: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on: a tunnel after CONNECT, else its request as the origin wants it."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        self.asked.append(first)
        self.authorizations.append(headers.get("proxy-authorization", ""))
        wanted = "Basic " + b64encode(self.password.encode()).decode() if self.password else ""
        if wanted and self.authorizations[-1] != wanted:
            writer.write(answer(status="407 Proxy Authentication Required"))
            return
        method, target, _ = first.split(" ")
        back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.split("://", 1)[1].partition("/")[2]
            forth.write("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1"))
        try:
            await asyncio.gather(_pump(reader, forth), _pump(back, writer))
        finally:
            forth.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(PIECE):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def http_proxy(target: int, password: str = "") -> AsyncIterator[HttpProxy]:
    """Run a proxy on a free port of 127.0.0.1; at the end nothing is left."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await proxy.serve(reader, writer)
        finally:
            writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    proxy = HttpProxy(server.sockets[0].getsockname()[1], target, password)
    try:
        yield proxy
    finally:
        await stop_listening(server)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ends if end and not isinstance(end, asyncio.CancelledError)] == []


class Names(AbstractResolver):
    """Gives each name its addresses: the first time the first of its lists, and so on; the last one stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Answer as was decided; a name that was not has no address."""
        self.asked.append(host)
        answers = self._answers.get(host)
        if not answers:
            raise OSError(None, "there is no such name")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Return at once."""
