"""The client library: one connection on which records are looked up by id.

Rule: what goes wrong is a ClientError with a sentence, within a named time; standard library only.
"""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aqi_service.client.connect import connect
from aqi_service.client.csv_text import parse, visible
from aqi_service.core.frames import DISCONNECT, NOT_FOUND, FrameSplitter, checked_id, encode, kind
from aqi_service.errors import FrameError, Refused, ServerGone

if TYPE_CHECKING:
    import ssl

Record = dict[str, str]
"""A record as the server's CSV gives it: cells by column name; numbers as decimal text, "" for none."""

RecordId = str | int

MAX_REPLY = 1024 * 1024
"""Bytes of the largest reply; ours have some 200, a report's table may have more columns."""

AHEAD = 64
"""Requests under way at once on a server that is known to be ours: 5 kB, which never fill a socket."""

OURS = b"id,"
"""How our server's CSV starts. The report's server reads a request as two recv() calls, which pipelined
requests can tear apart; so the first requests go out one by one, until a reply starts so."""

TLS_ALERT = b"\x15\x03"
"""How a TLS server's answer to plain text starts; ours just closes."""

_HINTS = {False: " (if it serves TLS: --tls)", True: " (if it demands client certificates: --tls-cert)"}
"""What may be the matter with a server that ends without a word, by whether TLS is spoken."""


class Client:
    """Look up: `async with Client(host, port) as client: record = await client.lookup("18456691189")`.

    `connect_timeout` and `timeout` (for each reply) are in seconds; with `tls` TLS is spoken. Lookups of
    several tasks take turns. After ServerGone the connection is closed and every further lookup raises
    ServerGone.
    """

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
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._splitter = FrameSplitter(MAX_REPLY, bare=NOT_FOUND)
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._connect_timeout):
                self._streams = await self._open()
        except TimeoutError as error:
            raise ServerGone(f"{self._where} took no connection in {self._connect_timeout:g} s") from error
        except (OSError, UnicodeError) as error:
            raise ServerGone(f"no connection to {self._where}: {self._reason(error)}") from error
        return self

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = self._host if self._tls is not None else None
        sock = await connect(self._host, self._port)
        return await asyncio.open_connection(sock=sock, ssl=self._tls, server_hostname=name)

    async def __aexit__(
        self, kind_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take leave and close; the report's server spins on a connection that ends without a word."""
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

    async def lookup(self, record_id: RecordId) -> Record | None:
        """Give the record with this id, a text or an integer, or None if there is none.

        Raises BadId before anything is sent; Refused (the server's `Bad request`, `Unavailable` or `Busy`; a
        later lookup may do); ServerGone (no answer in time, connection lost, broken reply).
        """
        reply = await self.lookup_csv(record_id)
        return None if reply is None else record_of(reply)

    async def lookup_csv(self, record_id: RecordId) -> bytes | None:
        """Give the server's own CSV, header line and row, unchecked, or None; raises what lookup() raises."""
        [(_, reply)] = [answered async for answered in self.replies([record_id])]
        return csv_of(reply)

    async def lookup_many(
        self, record_ids: Iterable[RecordId]
    ) -> AsyncGenerator[tuple[str, Record | None], None]:
        """Give (id, record or None) in the order asked, requests pipelined; raises as lookup() does.

        Ids are given as texts.
        """
        async with aclosing(self.replies(record_ids)) as replies:
            async for record_id, reply in replies:
                found = csv_of(reply)
                yield record_id, None if found is None else record_of(found)

    async def replies(self, record_ids: Iterable[RecordId]) -> AsyncGenerator[tuple[str, bytes], None]:
        """Give (id, reply payload) in the order asked, error replies included; see csv_of and record_of.

        All ids are checked before the first is asked: raises BadId, later ServerGone. Whoever stops half-way
        loses the connection: further replies would answer the wrong question.
        """
        todo = iter([checked_id(record_id) for record_id in record_ids])
        asked: deque[str] = deque()
        ahead = 1
        async with self._turn:
            try:
                while True:
                    if len(asked) <= ahead // 2:
                        asked.extend(self._ask(list(islice(todo, ahead - len(asked)))))
                    if not asked:
                        return
                    reply = await self._reply()
                    if reply.startswith(OURS):
                        ahead = AHEAD
                    yield asked.popleft(), reply
            finally:
                if asked:
                    self._drop()

    def _ask(self, record_ids: list[str]) -> list[str]:
        """Send requests; drain() is not needed for AHEAD of them."""
        if self._streams is None:
            raise ServerGone(f"not connected to {self._where}")
        self._streams[1].write(b"".join(encode(record_id.encode()) for record_id in record_ids))
        return record_ids

    async def _reply(self) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
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


def csv_of(reply: bytes) -> bytes | None:
    """Give a reply that is CSV, or None for "Item not found"; raise Refused for the other error replies."""
    match kind(reply):
        case "found":
            return reply
        case "not_found":
            return None
        case _:
            raise Refused(visible(reply.decode("utf-8", "replace")))


def record_of(reply: bytes) -> Record:
    """Take a CSV reply apart; raise ServerGone where it is not UTF-8, or not one header line and one row."""
    try:
        return parse(reply.decode("utf-8"))
    except ValueError as error:  # UnicodeDecodeError is one
        raise ServerGone(f"the server sent a broken reply: {visible(str(error))}") from error
