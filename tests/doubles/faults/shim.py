"""The fault shim: an HTTP server in front of an AWS emulator that is as strict as AWS, and fails by rule.

One rule: every request is written into the journal before anything is decided, and each is decided once, by
the rule book, whatever then happens to its connection.

It holds a request's body in memory and forwards it as it came (the emulators check no signatures). It goes on
with the work when a client leaves, as AWS does: a delayed write may land after its client gave up. A request
that its client cut short is not written down.
"""

import asyncio
import json
import socket
import ssl
import struct
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Self

from aiohttp import web

from tests.doubles.faults.answers import Answer, Gone
from tests.doubles.faults.calls import form_of, name_of
from tests.doubles.faults.effects import Delay
from tests.doubles.faults.journal import Journal, Record
from tests.doubles.faults.rules import Rule, RuleBook
from tests.doubles.faults.s3_rules import Aws
from tests.doubles.faults.upstream import Request, Upstream
from tests.doubles.faults.work import Job, Work
from tests.doubles.listeners import stop_listening

CLOSING_SECONDS = 0.2
"""What requests under way are given when the shim closes."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends RST."""


class Shim:
    """`async with Shim(moto.endpoint, rules) as shim:` and clients use `shim.endpoint`.

    Attributes:
        book: the rules; add, clear and switch while it runs.
        journal: what went through.
        ahead: how much later than `now` it is at AWS.
        cancels: a request whose client leaves is given up, unlike AWS; for tests that hold answers back.
    """

    def __init__(
        self,
        upstream: str,
        rules: Iterable[Rule] = (),
        *,
        seed: int = 0,
        aws: Aws | None = None,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        cancels: bool = False,
        sock: socket.socket | None = None,
    ) -> None:
        """`sock` is bound already, where its address has to be known before the shim runs."""
        self.book = RuleBook(rules, seed)
        self.journal = Journal()
        self.endpoint = ""
        self.ahead = timedelta()
        self._now: Callable[[], datetime] = lambda: now() + self.ahead
        self._upstream = Upstream(upstream)
        self._work = Work(self._upstream, aws or Aws(), self._now)
        self._tls = tls
        self._sleep = sleep
        self._cancels = cancels
        self._sock = sock

    def renew(self, *rules: Rule, seed: int = 0) -> None:
        """Begin anew with other rules and an empty journal, for a test that shares the shim with others."""
        self.book = RuleBook(rules, seed)
        self.journal = Journal()

    async def __aenter__(self) -> Self:
        await self._upstream.__aenter__()
        self._server = _Server(self._handle, cancels=self._cancels)
        sock = self._sock or socket.create_server(("127.0.0.1", 0))
        listening = asyncio.get_running_loop().create_server(self._server, sock=sock, ssl=self._tls)
        self._listener = await listening
        port = sock.getsockname()[1]
        self.endpoint = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_listening(self._listener)
        self._server.stop()
        self._server.pre_shutdown()
        await self._server.shutdown(CLOSING_SECONDS)
        await self._upstream.__aexit__()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = await _read(request)
        if asked is None:
            return web.Response(status=400)
        body = json.loads(asked.body) if "X-Amz-Target" in asked.headers else None
        form = form_of(asked.headers, asked.body)
        record = self.journal.begin(name_of(asked.method, asked.raw_path, asked.headers, body, form))
        try:
            answer = await self._answer(Job(asked, record, body))
            async with aclosing(_whole(answer.body)) as whole:
                return await self._send(request, record, answer, whole)
        finally:
            self.journal.end(record)

    async def _answer(self, job: Job) -> Answer:
        effects = job.record.effects = self.book.decide(job.record.call)
        for effect in effects:
            if isinstance(effect, Delay):
                job.record.waiting = True
                await self._sleep(effect.seconds)
                job.record.waiting = False
        settling = [effect for effect in effects if not isinstance(effect, Delay)]
        answer = await self._work.do(job, settling[0] if settling else None)
        return answer if job.asked.method != "HEAD" else replace(answer, body=b"")

    async def _send(
        self, request: web.BaseRequest, record: Record, answer: Answer, whole: AsyncGenerator[bytes, None]
    ) -> web.StreamResponse:
        if answer.gone is not None and answer.cut is None:
            await self._leave(request, record, answer.gone)
            return web.Response()
        record.status, record.code = answer.status, answer.code
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.headers.setdefault("Date", format_datetime(self._now(), usegmt=True))
        if isinstance(answer.body, bytes) and request.method != "HEAD":
            response.content_length = len(answer.body)
        with suppress(ConnectionError):
            await response.prepare(request)
            async with aclosing(_begin(whole, answer.cut)) as pieces:
                async for piece in pieces:
                    await response.write(piece)
            if answer.cut is not None:
                await self._leave(request, record, answer.gone or Gone.RESET)
                return response
            await response.write_eof()
            record.answered = True
        return response

    async def _leave(self, request: web.BaseRequest, record: Record, how: Gone) -> None:
        """End the connection, or keep it without a word for as long as the client does."""
        if how is Gone.SILENCE and request.transport:
            record.waiting = True
            await self._server.left(request.protocol)
        transport = request.transport
        if transport is None:
            return
        if how is Gone.RESET:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
        transport.close()


class _Server(web.Server):
    """Tells when a client has left."""

    def __init__(
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], *, cancels: bool
    ) -> None:
        super().__init__(handler, handler_cancellation=cancels)
        self._silent: dict[object, asyncio.Event] = {}

    async def left(self, client: object) -> None:
        """Wait until the client has left, or the server stops."""
        await self._silent.setdefault(client, asyncio.Event()).wait()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if end := self._silent.pop(handler, None):
            end.set()

    def stop(self) -> None:
        """Wait for nobody any more."""
        for end in self._silent.values():
            end.set()


async def _read(request: web.BaseRequest) -> Request | None:
    """Read a request whole; None if its client left in the middle of it."""
    try:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        body = await request.content.read()
    except (ConnectionError, web.RequestPayloadError):
        return None
    return Request(request.method, request.raw_path, request.headers, body)


def _whole(body: bytes | AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Return what yields a body; whoever closes it gives up what is behind it."""
    return _one(body) if isinstance(body, bytes) else body


async def _one(body: bytes) -> AsyncGenerator[bytes, None]:
    if body:
        yield body


async def _begin(whole: AsyncGenerator[bytes, None], cut: int | None) -> AsyncGenerator[bytes, None]:
    """Yield a body as far as it is to be sent."""
    left = sys.maxsize if cut is None else cut
    async for piece in whole:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return
