"""One framed peer over asyncio streams: complete frames of each read in, replies out, a tested way to close.

Rule: every wait has a deadline, and one timer for each connection measures them all (a time-out around each
read would cost a timer for each request).
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import cast

from aqi_service.core.frames import MAX_REQUEST, FrameSplitter, cut_alike
from aqi_service.errors import FrameCut, FrameTimeout
from aqi_service.server.deadlines import FRAME, GAVE_UP, IDLE, LINGER, LOOKS, WRITE, Deadlines, Wait
from aqi_service.server.early_answers import EarlyAnswers
from aqi_service.server.handshake import handshake

READ_SIZE = 16 * 1024
"""Bytes of one read, about 250 requests: all requests of one read are answered by one write. Also the limit
of the StreamReader, which stops the transport at twice as much.
"""


MOST_BUFFERED = 512 * 1024
"""More than a StreamReader ever holds: twice its limit and what one read of the loop adds (256 KiB)."""


Records = Callable[[list[bytes]], bytes | None]
"""Gives the joined frames of the replies to requests, if memory has the record of each."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: a close discards the bytes that the kernel still holds for the peer."""


class Connection:
    """A peer that sends frames; one task at a time reads and writes.

    `cut` is the reason why this side gave the peer up, or None. The code that makes a connection ends it with
    `abort`.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        deadlines: Deadlines,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.cut: str | None = None
        self._reader = reader
        self._writer = self._plain = writer  # two once there is TLS
        self._socket = self._transport = cast("asyncio.Transport", writer.transport)  # it reads as well
        self._context = context
        self._deadlines = deadlines
        self._splitter = FrameSplitter(MAX_REQUEST)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wait: Wait | None = None
        self._waiting = self._idle = False
        self._records: Records = lambda _: None
        self._since = self._looked = self._due = 0.0
        self._unsent = 0
        self._last_call = self._all_read = False
        # With 0, drain() waits for every byte that the system did not take: nothing piles up here.
        self._transport.set_write_buffer_limits(high=0)
        peer = writer.get_extra_info("peername")
        self.address = peer[0] if peer else "unknown"
        self.peer = _shown(peer) if peer else "unknown"

    async def handshake(self) -> None:
        """Begin TLS once, if it is used; raises HandshakeFailed."""
        if self._context is None:
            return
        self._waiting = True
        try:
            self._reader, self._writer = await handshake(
                self._reader, self._writer, self._context, self._deadlines.handshake_timeout
            )
        finally:
            self._waiting = False
        self._context = None
        self._transport = cast("asyncio.Transport", self._writer.transport)
        self._transport.set_write_buffer_limits(high=1)  # 0 would pause a transport that holds nothing

    async def frames(self) -> list[bytes]:
        """Wait for the payloads of the next read; an empty list is a clean end between two frames.

        Raises FrameError (a malformed header, a length over MAX_REQUEST; frames before it are given first),
        FrameCut (the peer ended inside a frame), FrameTimeout, ConnectionError.
        """
        while not (payloads := self._splitter.take_all()):
            data = await self._read()
            if not data:
                if self._splitter and not self._last_call:
                    raise FrameCut(f"the peer closed {len(self._splitter)} bytes into a frame")
                return []
            self._splitter.feed(data)
        self._wait = None
        return payloads

    def answer_early(self, records: Records) -> bool:
        """Ask `records` first about arriving requests, and give only the others as frames.

        Return whether that is possible: bytes over TLS, and more than MOST_BYTES at a time, come as frames as
        usual.
        """
        if self._transport is not self._socket:
            return False
        self._records = records
        EarlyAnswers(self._socket, self._answered_early)
        return True

    async def write(self, data: bytes) -> None:
        """Send bytes, and wait only if the system did not take all (with TLS: all but those of one write).

        Raises FrameTimeout if the peer takes none of them, ConnectionError if it is gone.
        """
        self._raise_if_gone()
        self._writer.write(data)
        self._unsent = self.unsent()
        if self._unsent:
            self._begin(WRITE)
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
        self._raise_if_gone()
        self._wait = None

    async def finish(self) -> None:
        """Close so that the peer still gets the last reply.

        A close while received bytes are unread sends a reset, which can destroy a reply on its way. So our
        side ends first, and bytes that still arrive are dropped until the peer ends too, or until
        `linger_timeout`. TLS has no half-close; its own end, close_notify, waits for the peer's.
        """
        if not (self._transport.is_closing() or self._reader.at_eof()):
            self._transport.resume_reading()
            if self._transport.can_write_eof():
                self._writer.write_eof()
                self._begin(LINGER)
                while await self._reader.read(READ_SIZE):
                    pass
        self._begin(LINGER)
        self._writer.close()
        await self._writer.wait_closed()

    def last_call(self) -> None:
        """Read no more: requests that arrived whole are answered, a peer without open requests is closed."""
        self._last_call = True
        if self._waiting:
            self._begin(LINGER)
            self._transport.close()  # it waits for nothing but us: its read ends
        elif self._wait is not LINGER:
            self._transport.pause_reading()

    def abort(self) -> None:
        """Close immediately; unsent bytes are lost. A second call does nothing.

        A peer that does not read is reset: otherwise the kernel keeps its bytes for minutes (nginx has
        `reset_timedout_connection` for this).
        """
        if self._wait is WRITE and not self._socket.is_closing():
            self._plain.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._wait = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._socket.abort()

    def start(self, size: int) -> bytes:
        """Show the first bytes that wait to be read as a frame, for the log."""
        return self._splitter.start(size)

    def unsent(self) -> int:
        """Count the bytes of replies that the system has not taken yet."""
        above = 0 if self._transport is self._socket else self._transport.get_write_buffer_size()
        return above + self._socket.get_write_buffer_size()

    async def _read(self) -> bytes:
        """Read what there is, waiting at most until the deadline of the missing part; b"" is the end."""
        if self._last_call:
            return await self._read_at_once()
        self._begin(FRAME if self._splitter else WRITE if self._unsent and self.unsent() else IDLE)
        self._waiting, self._idle = True, self._wait is IDLE
        try:
            data = await self._reader.read(READ_SIZE)
        except ConnectionError:
            self._raise_if_cut()
            raise
        finally:
            self._waiting = self._idle = False
        if not data:
            self._raise_if_cut()
        return data

    def _answered_early(self, data: bytes) -> bool:
        """Answer arrived requests, if a new request is expected, no reply is due, and all are in memory.

        Bytes that the system does not take immediately are waited for as usual; requests that come meanwhile
        are not answered early.
        """
        if not self._idle:
            return False
        payloads = cut_alike(data)
        frames = self._records(payloads) if payloads else None
        self._idle = False
        if frames is None:
            return False
        self._writer.write(frames)
        self._unsent = self.unsent()
        self._idle, self._wait = not self._unsent, None
        self._begin(IDLE if self._idle else WRITE)
        return True

    async def _read_at_once(self) -> bytes:
        """Read once what has already arrived; a time-out of 0 ends a read only if it must wait."""
        data = b""
        if not self._all_read:
            self._all_read = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    data = await self._reader.read(MOST_BUFFERED)
            self._transport.pause_reading()  # the read may have started it again
        return data

    def _raise_if_cut(self) -> None:
        if self.cut is not None:
            wait = Wait(self.cut)
            raise FrameTimeout(GAVE_UP[wait].format(wait.seconds(self._deadlines)))

    def _raise_if_gone(self) -> None:
        """Raise if nothing can be sent; drain() returns silently after an abort."""
        if self.cut is not None or self._transport.is_closing():
            self._raise_if_cut()
            raise ConnectionResetError("the peer reset the connection")

    # The one timer. It is never put off: if it fires too early, it is set again for the present wait.

    def _begin(self, wait: Wait) -> None:
        """Start to wait for something; the deadline counts from the begin of this kind of wait."""
        if wait is not self._wait:
            self._wait = wait
            self._since = self._looked = self._loop.time()
            self._arm()

    def _arm(self) -> None:
        if self._wait is None:
            return
        seconds: float = self._wait.seconds(self._deadlines)
        due = self._since + seconds
        if self._wait is WRITE:
            due = min(due, self._loop.time() + seconds / LOOKS)
        if self._timer is not None:
            if self._due <= due:  # not when(): uvloop rounds it
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        now, looked = self._loop.time(), self._looked
        self._looked = now
        if self._wait is WRITE and self.unsent() < self._unsent:
            self._unsent = self.unsent()
            self._since = looked  # it took them since then; when, nobody knows
            if not self._unsent and self._waiting:
                self._wait = IDLE
        if self._wait is None or now < self._since + self._wait.seconds(self._deadlines):
            self._arm()
            return
        if self._wait is not LINGER:
            self.cut = self._wait
        self.abort()


def _shown(peer: tuple[str, int]) -> str:
    return f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
