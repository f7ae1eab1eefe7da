"""One framed peer: the complete frames of each read, replies out, and a tested way to close.

Rule: no wait is without a deadline, and one timer per connection measures them all.

It is an asyncio protocol and not a StreamReader: stopping must wake a waiting reader without losing what has
arrived, memory must be bounded to the byte, and a time-out per read would cost a timer per request.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from aqi_service.core.frames import MAX_REQUEST, FrameSplitter
from aqi_service.errors import FrameCut, FrameError, FrameTimeout

READ_SIZE = 16 * 1024
"""Bytes of one read, about 250 requests: what is found in one read is answered with one write."""

MAX_INPUT = 16 * 1024
"""Bytes of unanswered requests at which reading pauses; so a connection holds at most READ_SIZE more."""


class Wait(StrEnum):
    """What a connection waits for; the value is the field of Deadlines, and the reason of a cut."""

    IDLE = "idle_timeout"
    FRAME = "frame_timeout"
    WRITE = "write_timeout"
    LINGER = "linger_timeout"


_GAVE_UP = {
    Wait.IDLE: "nothing was asked for {:g} s",
    Wait.FRAME: "a frame was not complete {:g} s after its first byte",
    Wait.WRITE: "the peer took nothing of its replies for {:g} s",
}


@dataclass(frozen=True)
class Deadlines:
    """How long a peer may take, in seconds."""

    idle_timeout: float = 300.0
    """Between two requests: a person's pause, not a forgotten connection."""
    frame_timeout: float = 10.0
    """From a frame's first byte to its last, however the bytes trickle."""
    write_timeout: float = 30.0
    """Without taking a byte of the replies; looked at four times meanwhile, so late by a quarter at most."""
    linger_timeout: float = 2.0
    """After our last byte, until the peer has closed as well: enough for the reply to reach it."""


class Connection(asyncio.BufferedProtocol):
    """A peer that sends frames; one task at a time reads and writes.

    `opened` is called with the connection once `address` and `peer` are known. `scratch` is where bytes land
    before they are copied out at once: one buffer serves all connections of an event loop.
    `cut` is the reason why this side gave the peer up, None as long as it has not.
    """

    def __init__(
        self, opened: Callable[["Connection"], None], deadlines: Deadlines, scratch: memoryview
    ) -> None:
        self.cut: str | None = None
        self.address = self.peer = "unknown"
        self._opened = opened
        self._deadlines = deadlines
        self._scratch = scratch
        self._splitter = FrameSplitter(MAX_REQUEST)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._wait: Wait | None = None
        self._since = 0.0
        self._unsent = 0
        self._eof = self._lost = self._full = self._dropping = self._last_call = False

    # What the handler's task calls.

    async def frames(self) -> list[bytes]:
        """Wait for the payloads of the next read; an empty list is the clean end between two frames.

        Raises FrameError (a malformed header, a length over MAX_REQUEST; frames before it are given first),
        FrameCut (the peer ended inside a frame), FrameTimeout, ConnectionError.
        """
        while not (payloads := self._take()):
            if self._last_call:
                return []
            self._raise_if_lost()
            if self._eof:
                self._raise_if_inside_frame()
                return []
            await self._pause(Wait.FRAME if self._splitter else Wait.IDLE)
        self._wait = None
        return payloads

    async def write(self, data: bytes) -> None:
        """Send bytes, and wait only if the system did not take them all.

        Raises FrameTimeout for a peer that takes none of them, ConnectionError for one that is gone.
        """
        self._raise_if_lost()
        self._transport.write(data)
        self._unsent = self.unsent()
        while self._full:
            await self._pause(Wait.WRITE)
            self._raise_if_lost()
        self._wait = None

    async def finish(self) -> None:
        """Close so that the peer still gets the last reply.

        Closing while received bytes are unread sends a reset, which can destroy a reply on its way. So our
        side ends first, and what still arrives is dropped until the peer ends too, or `linger_timeout`.
        """
        if not self._transport.is_closing() and not self._eof:
            self._dropping = True
            self._transport.resume_reading()
            self._transport.write_eof()
            while not self._eof and not self._lost:
                await self._pause(Wait.LINGER)
        self._transport.close()
        while not self._lost:
            await self._pause(Wait.LINGER)

    def last_call(self) -> None:
        """Take no more: requests that arrived whole are answered, a peer that is owed nothing is closed."""
        self._last_call = True
        asking = self._wait in (Wait.IDLE, Wait.FRAME)
        if asking and self._waiter is not None and not self._waiter.done():
            self._transport.close()
        elif not self._dropping:
            self._transport.pause_reading()

    def abort(self) -> None:
        """Close at once; unsent bytes are lost. A second time does nothing."""
        if not self._lost:  # asyncio 3.11's transport fails on abort() after a close() that had to flush
            self._transport.abort()

    def start(self, size: int) -> bytes:
        """Show the first bytes that wait to be read as a frame, for a log."""
        return self._splitter.start(size)

    def unsent(self) -> int:
        """Count the bytes of replies that the system has not taken yet."""
        return self._transport.get_write_buffer_size()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; see asyncio.BaseProtocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        # With 0 a write that the system does not take whole pauses the writer: nothing piles up here.
        self._transport.set_write_buffer_limits(high=0)
        peer = transport.get_extra_info("peername")
        if peer:
            self.address = peer[0]
            self.peer = "[{}]:{}".format(*peer) if ":" in peer[0] else "{}:{}".format(*peer)
        self._opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the shared buffer for the length of one read; see asyncio.BufferedProtocol."""
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Copy what arrived; see asyncio.BufferedProtocol."""
        if self._dropping:
            return
        self._splitter.feed(self._scratch[:nbytes])
        if len(self._splitter) > MAX_INPUT:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """Note the peer's end and keep our side open for its answers; see asyncio.BufferedProtocol."""
        self._eof = True
        self._wake()
        return True

    def pause_writing(self) -> None:
        """Note that the system did not take all bytes; see asyncio.BaseProtocol."""
        self._full = True

    def resume_writing(self) -> None:
        """Note that it has taken the rest; see asyncio.BaseProtocol."""
        self._full = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End every wait; see asyncio.BaseProtocol."""
        self._lost = True
        if self._timer is not None:
            self._timer.cancel()
        self._wake()

    # Frames, ends and waiting.

    def _take(self) -> list[bytes]:
        payloads: list[bytes] = []
        try:
            while (payload := self._splitter.take()) is not None:
                payloads.append(payload)
        except FrameError:
            if not payloads:
                raise
        if not self._eof and not self._last_call:
            self._transport.resume_reading()
        return payloads

    def _raise_if_lost(self) -> None:
        if self.cut is not None:
            wait = Wait(self.cut)
            raise FrameTimeout(_GAVE_UP[wait].format(self._seconds(wait)))
        if self._lost:
            raise ConnectionResetError("the peer reset the connection")

    def _raise_if_inside_frame(self) -> None:
        if self._splitter:
            raise FrameCut(f"the peer closed {len(self._splitter)} bytes into a frame")

    async def _pause(self, wait: Wait) -> None:
        """Wait for anything to happen; the deadline counts from when this kind of wait began."""
        if wait is not self._wait:
            self._wait = wait
            self._since = self._loop.time()
            self._arm()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The one timer. It is never put off: when it fires too early, it is set anew for what is waited for now.

    def _seconds(self, wait: Wait) -> float:
        seconds: float = getattr(self._deadlines, wait)
        return seconds

    def _arm(self) -> None:
        if self._wait is None:
            return
        seconds = self._seconds(self._wait)
        due = self._since + seconds
        if self._wait is Wait.WRITE:
            due = min(due, self._loop.time() + seconds / 4)
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._wait is Wait.WRITE and self.unsent() < self._unsent:
            self._unsent = self.unsent()
            self._since = self._loop.time()
        if self._wait is None or self._loop.time() < self._since + self._seconds(self._wait):
            self._arm()
            return
        if self._wait is not Wait.LINGER:
            self.cut = self._wait
        self._transport.abort()
