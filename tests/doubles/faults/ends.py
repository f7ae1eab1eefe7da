"""Both ends of connections through a TcpProxy, in one event loop.

One rule: what was opened here is closed here, however its test left it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.doubles.faults.proxy import TcpProxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Ends:
    """A proxy in front of a server that keeps what came; `peers` are its ends of the connections."""

    proxy: TcpProxy
    peers: asyncio.Queue[Streams] = field(default_factory=asyncio.Queue)
    opened: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connected(self) -> tuple[Streams, Streams]:
        """Return a new connection's two ends: the client's and the server's."""
        client = await asyncio.open_connection(self.proxy.host, self.proxy.port)
        peer = await self.peers.get()
        self.opened += [client[1], peer[1]]
        return client, peer


@asynccontextmanager
async def opened(seed: int = 0) -> AsyncIterator[Ends]:
    peers: asyncio.Queue[Streams] = asyncio.Queue()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await peers.put((reader, writer))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    async with server, TcpProxy("127.0.0.1", server.sockets[0].getsockname()[1], seed=seed) as proxy:
        ends = Ends(proxy, peers)
        yield ends
        for writer in ends.opened:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
