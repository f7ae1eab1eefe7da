"""One address in front of several servers: a TCP relay, as a balancer of connections is.

One rule: a connection goes to the server whose turn it is, or, if that takes none, to the next; then bytes
pass as they come, no faster than the other side takes them, and one side's end ends the other.

    python -m bench.lib.relay PORT [PORT ...]    of servers on this machine; prints its own port
"""

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

HOST = "127.0.0.1"


class _Side(asyncio.Protocol):
    """One end of a connection: what it gets, it writes to the other, once there is one."""

    def __init__(self) -> None:
        self.early = b""
        self.other: asyncio.Transport | None = None
        self.own: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.own = transport  # type: ignore[assignment]  # of TCP, it is one of both directions; uvloop's own

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early += data
        else:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is None:
            return
        if exc is None:
            self.other.close()
        else:
            self.other.abort()

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.is_closing():
            self.other.resume_reading()


class _Front(_Side):
    """The client's end: it waits until a server has taken the connection."""

    def __init__(self, relay: "Relay") -> None:
        super().__init__()
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._relay.begin(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._relay.end(self)


class Relay:
    """`async with relayed(ports) as relay`: clients use `relay.port`.

    Attributes:
        ports: of the servers; may be changed while it runs.
        taken: how many connections each took.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = list(ports)
        self.port = 0
        self.taken: Counter[int] = Counter()
        self._turn = 0
        self._clients: set[_Front] = set()
        self._connecting: set[asyncio.Task[None]] = set()

    async def start(self) -> asyncio.Server:
        """Listen."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Front(self), HOST, 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def begin(self, front: _Front) -> None:
        """Find a server for a client."""
        self._clients.add(front)
        task = asyncio.get_running_loop().create_task(self._connect(front))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def end(self, front: _Front) -> None:
        """Forget a client."""
        self._clients.discard(front)

    async def _connect(self, front: _Front) -> None:
        self._turn += 1
        ordered = [self.ports[(self._turn + n) % len(self.ports)] for n in range(len(self.ports))]
        assert front.own is not None  # noqa: S101  # for mypy
        for port in ordered:
            with contextlib.suppress(OSError):
                transport, back = await asyncio.get_running_loop().create_connection(_Side, HOST, port)
                self.taken[port] += 1
                front.other, back.other = transport, front.own
                transport.write(front.early)
                front.own.write(back.early)
                if front.own.is_closing() or transport.is_closing():  # one has not waited for the other
                    transport.close()
                    front.own.close()
                return
        front.own.abort()

    async def stop(self) -> None:
        """End all connections, those that no server has taken yet as well."""
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        while self._clients:
            for front in self._clients:
                if front.own is not None:
                    front.own.abort()
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # the servers' ends close after theirs


@asynccontextmanager
async def relayed(ports: Sequence[int]) -> AsyncIterator[Relay]:
    """Relay to these ports while the block runs."""
    relay = Relay(ports)
    server = await relay.start()
    try:
        yield relay
    finally:
        server.close()
        await relay.stop()


async def main(ports: Sequence[int]) -> None:
    """Print the port, and relay until killed."""
    async with relayed(ports) as relay:
        print(relay.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main([int(word) for word in sys.argv[1:]]))
