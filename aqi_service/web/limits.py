"""The doors of the HTTP port: how many connections at once, and how long one may stay without asking.

One rule: whoever holds connections open here never takes the descriptors that TCP, AWS and files need.
"""

import asyncio
from collections.abc import Callable
from typing import cast

REFUSALS = {
    "connections": "as many connections as the port takes",
    "silent": "no complete request in time",
}
"""Why a connection is closed without an answer."""

SILENT_SECONDS = 10.0
"""How long a connection may stay without a complete request, at its start and after each answer."""


def default_max_http(descriptors: int) -> int:
    """Say how many HTTP connections fit into a limit of open files (-1 is unlimited): 16 to 256.

    They come out of what `listening.default_max_connections` leaves free.
    """
    return 256 if descriptors < 0 else max(16, min(256, descriptors // 16))


class ConnectionLimits:
    """Lets connections in, and out again; `refused` is told the reason of each that is closed unanswered."""

    def __init__(self, most: int, refused: Callable[[str], None], seconds: float = SILENT_SECONDS) -> None:
        self.most = most
        self.refused = refused
        self.seconds = seconds
        self.open: dict[asyncio.BaseTransport, LimitedProtocol] = {}

    def __call__(self, inner: Callable[[], asyncio.Protocol]) -> Callable[[], "LimitedProtocol"]:
        """Return a factory of protocols that stand in front of those that `inner` makes."""
        return lambda: LimitedProtocol(self, inner())

    def asks(self, transport: asyncio.BaseTransport | None, *, busy: bool) -> None:
        """Note that a complete request came over the connection (`busy`), or that it was answered."""
        if door := self.open.get(cast("asyncio.BaseTransport", transport)):
            door.watch(busy=busy)


class LimitedProtocol(asyncio.Protocol):
    """One connection, in front of the protocol that serves it."""

    def __init__(self, doors: ConnectionLimits, inner: asyncio.Protocol) -> None:
        self._doors = doors
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or close it."""
        if len(self._doors.open) >= self._doors.most:
            self._doors.refused("connections")
            cast("asyncio.Transport", transport).abort()
            return
        self._transport = cast("asyncio.Transport", transport)
        self._doors.open[transport] = self
        self.watch(busy=False)
        self._inner.connection_made(transport)

    def watch(self, *, busy: bool) -> None:
        """Begin to count the seconds of silence, unless a request is being answered."""
        if self._timer:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if busy else loop.call_later(self._doors.seconds, self._silent)

    def _silent(self) -> None:
        if self._transport:
            self._doors.refused("silent")
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        if self._timer:
            self._timer.cancel()
        if self._transport:
            del self._doors.open[self._transport]
            self._transport = None
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        if self._transport:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on that nothing more comes."""
        return self._inner.eof_received() if self._transport else None

    def pause_writing(self) -> None:
        """Hand on that the peer takes nothing now."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that it does again."""
        self._inner.resume_writing()
