"""One connection to a server: requests out, replies back in their order.

Rule: every failure is a ClientError with a sentence, within a named time.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from itertools import count, islice
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aqi_service.client.connect import connect
from aqi_service.core.frames import BUSY, DISCONNECT, MAX_REPLY, NOT_FOUND, FrameSplitter, encode
from aqi_service.core.schedule import full_jitter
from aqi_service.errors import FrameError, ServerGone

if TYPE_CHECKING:
    import ssl

AHEAD = 64
"""Requests by id under way at the same time on a server that is known to be ours: 5 kB, which never fill a
socket."""

OURS = b"id,"
"""The start of our server's CSV. The report's server reads a request by two recv() calls, which pipelined
requests can break; so requests go out one by one until a reply starts like this."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0
"""Seconds: the upper edges of the first pause after `Busy`, and of the longest; they double, with full
jitter."""

TLS_ALERT = b"\x15\x03"
"""The start of a TLS server's answer to plain text; our server just closes."""

_HINTS = {False: " (if it serves TLS: --tls)", True: " (if it demands client certificates: --tls-cert)"}
"""What may be wrong if a server closes without a reply, by whether TLS is used."""


class Session:
    """A connection; see Client for its arguments. Exchanges of several tasks take turns."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 12000,
        connect_timeout: float = 10.0,
        timeout: float = 30.0,
        tls: "ssl.SSLContext | None" = None,
    ) -> None:
        self._host = host
        self._port = port
        self._connect_timeout = connect_timeout
        self._timeout = timeout
        self._tls = tls
        self._answered = False
        self._let_in = False
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._splitter = FrameSplitter(MAX_REPLY, bare=NOT_FOUND)
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        await self._connect()
        return self

    async def _connect(self) -> None:
        self._let_in, self._splitter = False, FrameSplitter(MAX_REPLY, bare=NOT_FOUND)
        try:
            async with asyncio.timeout(self._connect_timeout):
                self._streams = await self._open()
        except TimeoutError as error:
            raise ServerGone(f"{self._where} took no connection in {self._connect_timeout:g} s") from error
        except (OSError, UnicodeError) as error:
            raise ServerGone(f"no connection to {self._where}: {self._reason(error)}") from error

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = self._host if self._tls is not None else None
        sock = await connect(self._host, self._port)
        return await asyncio.open_connection(sock=sock, ssl=self._tls, server_hostname=name)

    async def __aexit__(
        self, kind_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect and close; the report's server spins if a connection ends without `!DISCONNECT`."""
        if self._streams is None:
            return
        _, writer = self._streams
        writer.write(encode(DISCONNECT))
        writer.close()
        try:
            async with asyncio.timeout(1.0):
                await writer.wait_closed()
        except (TimeoutError, OSError):
            self._drop()
        self._streams = None

    async def exchange(
        self, requests: Iterable[str], most_ahead: int = 1
    ) -> AsyncGenerator[tuple[str, bytes], None]:
        """Give (request, reply payload) in the order asked, error replies included.

        Raises ServerGone. At most `most_ahead` are under way, and only one until the server is known to be
        ours. If a single request gets `Busy`, it is asked again, after pauses, and `Busy` is given only when
        the time for a reply is over. If the caller stops half-way, the connection is closed: further replies
        would answer the wrong question.
        """
        todo = iter(requests)
        clock = asyncio.get_running_loop().time
        asked: deque[str] = deque()
        ahead = 1
        async with self._turn:
            try:
                while True:
                    if len(asked) <= ahead // 2:
                        asked.extend(self._ask(list(islice(todo, ahead - len(asked)))))
                    if not asked:
                        return
                    begun = clock()
                    reply = await self._reply(begun + self._timeout)
                    if reply.startswith(BUSY) and len(asked) == 1:
                        reply = await self._asked_again(asked[0], reply, begun)
                    if reply.startswith(OURS):
                        ahead = most_ahead
                    yield asked.popleft(), reply
            finally:
                if asked:
                    self._drop()

    def _ask(self, requests: list[str]) -> list[str]:
        """Send requests; drain() is not needed for a socket's worth of them."""
        if self._streams is None:
            raise ServerGone(f"not connected to {self._where}")
        self._streams[1].write(b"".join(encode(request.encode()) for request in requests))
        return requests

    async def _asked_again(self, request: str, busy: bytes, begun: float) -> bytes:
        """Ask until the server is not busy; return its last reply if it still is when the time is over.

        No try is begun that, like the last one, would be answered too late.
        """
        from random import random  # noqa: PLC0415 - takes a moment, and most servers are never busy

        clock = asyncio.get_running_loop().time
        asked, end = begun, begun + self._timeout
        for attempt in count(1):
            pause = full_jitter(attempt, random(), FIRST_PAUSE, LONGEST_PAUSE)  # noqa: S311 - spreads load
            told = clock()
            if told + pause + (told - asked) >= end:
                break
            await asyncio.sleep(pause)
            asked = clock()
            busy = await self._reply_of(request, end)
            if not busy.startswith(BUSY):
                break
        return busy

    async def _reply_of(self, request: str, end: float) -> bytes:
        """Ask once more; on a new connection if the server had no place for this one and closed it."""
        try:
            async with asyncio.timeout_at(end):
                if not self._let_in:
                    self._drop()
                    await self._connect()
        except TimeoutError as error:
            raise ServerGone(f"{self._where} was busy, and took no connection then") from error
        self._ask([request])
        return await self._reply(end)

    async def _reply(self, end: float) -> bytes:
        try:
            async with asyncio.timeout_at(end):
                return await self._next_payload()
        except TimeoutError as error:
            raise ServerGone(f"{self._where} did not answer in {self._timeout:g} s") from error
        except FrameError as error:
            if self._splitter.start(2) == TLS_ALERT:
                raise ServerGone(f"{self._where} speaks TLS: --tls") from error
            raise ServerGone(f"{self._where} sent a broken reply: {error}") from error
        except OSError as error:
            lost = f"the connection to {self._where} is lost: {self._reason(error)}"
            raise ServerGone(lost + self._hint()) from error

    async def _next_payload(self) -> bytes:
        if self._streams is None:
            raise ServerGone(f"not connected to {self._where}")
        while (payload := self._splitter.take()) is None:
            data = await self._streams[0].read(64 * 1024)
            if not data:
                where = "inside a reply" if self._splitter else f"without a reply{self._hint()}"
                raise ServerGone(f"{self._where} closed the connection {where}")
            self._splitter.feed(data)
        self._answered = True
        self._let_in |= not payload.startswith(BUSY)
        return payload

    def _hint(self) -> str:
        return "" if self._answered else _HINTS[self._tls is not None]

    def _reason(self, error: Exception) -> str:
        if self._tls is not None:
            from aqi_service.client import tls_errors as client_tls  # noqa: PLC0415 - only for TLS

            return client_tls.reason(error) or _reason(error)
        return _reason(error)

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


def _reason(error: Exception) -> str:
    """Say why the system refused, without asyncio's own words around it."""
    code = getattr(error, "errno", None) or 0
    return os.strerror(code) if code > 0 else getattr(error, "strerror", None) or str(error)
