"""The attackers' sockets: raw, non-blocking, from many loopback addresses.

One rule: that a connection was closed is noticed also by those who never read, and at once.
"""

import asyncio
import contextlib
import select
import socket
import struct
from dataclasses import dataclass
from itertools import cycle

from aqi_service.core.frames import HEADER, decode_header

HOST = "127.0.0.1"
ADDRESSES = 16
"""From 127.0.0.2 on: one address has too few ports for all, and may not take every place."""

BUFFER = 4096
"""Bytes that the system takes for a peer, each way: few, so that the server's own limits count."""


class Hangups:
    """Tells when the other side closed, by the loop's clock."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._watched: dict[int, asyncio.Future[float]] = {}
        self._loop.add_reader(self._epoll.fileno(), self._look)

    def watch(self, sock: socket.socket) -> asyncio.Future[float]:
        """Return what will hold the time at which the socket was closed by its peer."""
        self._epoll.register(sock, select.EPOLLRDHUP)  # HUP and ERR come unasked
        return self._watched.setdefault(sock.fileno(), self._loop.create_future())

    def forget(self, sock: socket.socket) -> None:
        """Watch it no more; to be called before it is closed."""
        if self._watched.pop(sock.fileno(), None):
            self._epoll.unregister(sock)

    def _look(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            self._epoll.unregister(descriptor)
            closed = self._watched.pop(descriptor)
            if not closed.done():  # nor given up
                closed.set_result(self._loop.time())


@dataclass(eq=False)
class Peer:
    """A connection to the server; `closed` will hold the time at which it was closed by the server."""

    sock: socket.socket
    closed: asyncio.Future[float]
    _hangups: Hangups

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def receive(self, size: int) -> bytes:
        """Give the next bytes, fewer only at the end; a reset is an end as well."""
        received = bytearray()
        with contextlib.suppress(ConnectionError):
            while len(received) < size:
                data = await asyncio.get_running_loop().sock_recv(self.sock, size - len(received))
                if not data:
                    break
                received += data
        return bytes(received)

    async def reply(self) -> bytes:
        """Give the payload of the next reply; b"" at the end."""
        head = await self.receive(HEADER)
        return await self.receive(decode_header(head)) if len(head) == HEADER else b""

    async def outlast(self, seconds: float) -> bool:
        """Wait so long, or until the server has closed; tell whether it has not."""
        await asyncio.wait((self.closed,), timeout=seconds)
        return not self.closed.done()

    def reset(self) -> None:
        """Close as a crashed host does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    @property
    def is_closed(self) -> bool:
        """Whether this side has closed it."""
        return self.sock.fileno() < 0

    def close(self) -> None:
        if not self.is_closed:
            self._hangups.forget(self.sock)
            self.sock.close()


class Peers:
    """Makes connections to one port, each from the next address."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._hangups = Hangups()
        self.connects = 0
        self._turn = cycle(f"127.0.0.{number}" for number in range(2, 2 + ADDRESSES))

    async def connect(self, address: str = "") -> Peer:
        """Connect, from the address given or the next one."""
        sock = socket.socket()
        try:
            sock.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((address or next(self._turn), 0))
            await asyncio.get_running_loop().sock_connect(sock, (HOST, self._port))
            self.connects += 1
            return Peer(sock, self._hangups.watch(sock), self._hangups)
        except BaseException:
            sock.close()
            raise
