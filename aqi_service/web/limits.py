"""The HTTP port's limits: how many connections, how much one may send, how long it may be silent.

One rule: HTTP clients never take the descriptors, memory or time that TCP, AWS and files need. So a request
has only a head: if anything follows it, that is not read, and the connection ends with the answer.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from aqi_service.web.request_heads import END, MOST_HEAD, TOO_LONG_ANSWER, has_body

MOST_IGNORED = 1024 * 1024
"""Bytes that are read and thrown away, so that an answer reaches a peer that is still sending."""

IGNORED_SECONDS = 2.0
"""For at most this many seconds."""

PACE_SECONDS = 0.01
"""Seconds between two turns while others wait: an answer of /metrics takes 1 ms of the loop, so a crowd gets
a tenth of it, and 256 clients that all ask wait 2.6 s."""

REFUSALS = {
    "connections": "as many connections as the port takes",
    "silent": "no complete request in time",
    "body": "a request with a body",
    "head": f"a request's line and headers over {MOST_HEAD // 1024} KiB",
}
"""Why our side ends a connection; in the last two cases the peer first gets an answer."""

SILENT_SECONDS = 10.0
"""How many seconds a connection may stay without a complete request, at its start and after each answer."""


def default_max_http(descriptors: int) -> int:
    """Return how many HTTP connections fit into a limit of open files (-1 is unlimited): 16 to 256.

    Their descriptors are among those that `server.sockets.default_max_connections` leaves free.
    """
    return 256 if descriptors < 0 else max(16, min(256, descriptors // 16))


class ConnectionLimits:
    """Lets connections in, and out again; `refused` is told the reason for each that our side ends.

    Their bytes are read one connection at a time, and not too often while others wait, so a crowd of them
    makes nobody else wait long.
    """

    def __init__(self, most: int, refused: Callable[[str], None], seconds: float = SILENT_SECONDS) -> None:
        self.most = most
        self.refused = refused
        self.seconds = seconds
        self.open: dict[asyncio.BaseTransport, LimitedProtocol] = {}
        self._turns: deque[LimitedProtocol] = deque()

    def __call__(self, inner: Callable[[], asyncio.Protocol]) -> Callable[[], "LimitedProtocol"]:
        """Return a factory of protocols that stand in front of those made by `inner`."""
        return lambda: LimitedProtocol(self, inner())

    def request_started(self, transport: asyncio.BaseTransport | None) -> None:
        """Note that a complete request came over the connection and is being answered."""
        if connection := self.open.get(cast("asyncio.BaseTransport", transport)):
            connection.request_started()

    def request_done(self, transport: asyncio.BaseTransport | None) -> None:
        """Note that it was answered."""
        if connection := self.open.get(cast("asyncio.BaseTransport", transport)):
            connection.request_done()

    def queue(self, connection: "LimitedProtocol") -> None:
        """Give a connection its turn after those that already wait."""
        if connection not in self._turns:  # at most 256 wait
            self._turns.append(connection)
            if len(self._turns) == 1:
                asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        connection = self._turns.popleft()
        if self._turns:
            asyncio.get_running_loop().call_later(PACE_SECONDS, self._next)
        connection.take_turn()


class _Inner(Protocol):
    """What aiohttp's protocol can do beyond asyncio's."""

    def close(self) -> None:
        """Close the connection after the current answer."""


class LimitedProtocol(asyncio.BufferedProtocol):
    """One connection, in front of the protocol that serves it: passes on one request head after another."""

    def __init__(self, limits: ConnectionLimits, inner: asyncio.Protocol) -> None:
        self._limits = limits
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._buffer = bytearray(MOST_HEAD)  # a head, as far as it has come, and what came behind it
        self._view = memoryview(self._buffer)
        self._filled = self._handed_on = 0  # bytes of it
        self._unanswered = False
        self._asked = False
        self._ended = False
        self._ignores = False
        self._ignored = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the connection in, or close it."""
        if len(self._limits.open) >= self._limits.most:
            self._limits.refused("connections")
            cast("asyncio.Transport", transport).abort()
            return
        self._transport = cast("asyncio.Transport", transport)
        self._limits.open[transport] = self
        self._watch(busy=False)
        self._inner.connection_made(transport)

    def _watch(self, *, busy: bool) -> None:
        """Begin to count the seconds of silence, unless a request is being answered."""
        if self._timer:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if busy else loop.call_later(self._limits.seconds, self._silent)

    def _silent(self) -> None:
        self._limits.refused("silent")
        self._abort()

    def _abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the slot back."""
        if self._timer:
            self._timer.cancel()
        if self._transport:
            del self._limits.open[self._transport]
            self._transport = None
            # Behind what `data_received` has woken: of a request without a connection aiohttp 3.14 makes an
            # error that nobody catches.
            asyncio.get_running_loop().call_soon(self._inner.connection_lost, exc)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for the next bytes, which never exceed its room."""
        return self._view if self._ignores else self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Note new bytes; they are read when it is this connection's turn."""
        if self._ignores:
            self._ignored += nbytes
        else:
            self._filled += nbytes
        if self._transport and (self._ignores or self._filled == MOST_HEAD):
            self._transport.pause_reading()
        if self._ignores or not self._unanswered:
            self._limits.queue(self)

    def request_started(self) -> None:
        """Note that a request is being answered."""
        self._watch(busy=True)
        self._asked = True
        self._close_after_last()

    def request_done(self) -> None:
        """Go on with the next request."""
        self._watch(busy=False)
        self._unanswered = self._asked = False
        if self._filled and not self._ignores:
            self._limits.queue(self)

    def take_turn(self) -> None:
        """Pass on the bytes up to the end of one head."""
        if self._ignores:
            self._read_on_or_abort()
        elif self._transport and not self._unanswered:
            self._look(self._transport)

    def _look(self, transport: asyncio.Transport) -> None:
        end = self._buffer.find(END, max(0, self._handed_on - len(END) + 1), self._filled)
        if end >= 0:
            self._hand_on_head(transport, end + len(END))
        elif self._filled == MOST_HEAD:
            self._say_too_long(transport)
        else:
            self._hand_on(bytes(self._view[self._handed_on : self._filled]))
            self._handed_on = self._filled

    def _hand_on_head(self, transport: asyncio.Transport, end: int) -> None:
        head, rest = bytes(self._view[:end]), bytes(self._view[self._handed_on : end])
        left = self._filled - end
        self._view[:left] = bytes(self._view[end : self._filled])
        self._filled, self._handed_on = left, 0
        self._unanswered = bool(head.strip())  # line ends before a request count for nothing
        if has_body(head):
            self._limits.refused("body")
            self._ignores = True
        transport.resume_reading()
        self._hand_on(rest)
        if not self._unanswered and left:
            self._limits.queue(self)

    def _read_on_or_abort(self) -> None:
        if self._transport and self._ignored <= MOST_IGNORED:
            self._transport.resume_reading()
        else:
            self._abort()

    def _hand_on(self, data: bytes) -> None:
        try:
            self._inner.data_received(data)
        except Exception:
            self._abort()
            raise

    def _say_too_long(self, transport: asyncio.Transport) -> None:
        """Answer, and ignore bytes that still come."""
        self._limits.refused("head")
        self._ignores = True
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(IGNORED_SECONDS, self._abort)
        transport.write(TOO_LONG_ANSWER)
        with suppress(OSError):  # the peer is gone
            transport.write_eof()
        transport.resume_reading()

    def eof_received(self) -> bool:
        """Keep the connection until its requests are answered; no more bytes will come."""
        self._ended = True
        self._close_after_last()
        return self._transport is not None and (self._unanswered or self._has_head())

    def _close_after_last(self) -> None:
        """Have the connection closed after the current answer, if that is the last."""
        if self._ended and self._asked and not self._has_head():
            cast("_Inner", self._inner).close()

    def _has_head(self) -> bool:
        return self._buffer.find(END, 0, self._filled) >= 0

    def pause_writing(self) -> None:
        """Pass on that the peer takes nothing now."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the peer takes bytes again."""
        self._inner.resume_writing()
