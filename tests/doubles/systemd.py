"""systemd's end of NOTIFY_SOCKET: what a service tells it.

One rule: a message is what came in one datagram, as its lines.
"""

import asyncio
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.doubles.patience import patience


class StandIn:
    """Keeps what it is told; `environment` is what a service is started with."""

    def __init__(self, sock: socket.socket, address: str) -> None:
        self.told: list[list[str]] = []
        self.environment: Mapping[str, str] = {"NOTIFY_SOCKET": address}
        self._sock = sock

    async def message(self, pattern: str, number: int = 1) -> re.Match[str]:
        """Wait for the line of that number, of all messages, in which the pattern is found."""
        async with patience():
            while len(found := [m for line in self.lines if (m := re.search(pattern, line))]) < number:
                raw = await asyncio.get_running_loop().sock_recv(self._sock, 4096)
                self.told.append(raw.decode().split("\n"))
        return found[number - 1]

    def read(self) -> list[list[str]]:
        """Give all that was told, without waiting."""
        while True:
            try:
                self.told.append(self._sock.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return self.told

    @property
    def lines(self) -> list[str]:
        """The lines of all messages that were read."""
        return [line for message in self.told for line in message]


@contextmanager
def stand_in(folder: Path | None = None) -> Iterator[StandIn]:
    """Listen in a folder, or at an abstract address."""
    address = str(folder / "notify") if folder else f"@aqi-tests-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.bind(address if folder else "\0" + address[1:])
        yield StandIn(sock, address)
