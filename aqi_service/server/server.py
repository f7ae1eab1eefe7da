"""The framed TCP server: caps, answers in order, and an end that still answers open requests.

Rule: it gets sockets and `answer` from its caller, and knows no store, no record and no configuration.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from itertools import groupby
from operator import methodcaller

from aqi_service.core.frames import BAD_REQUEST, BUSY, DISCONNECT, encode, kind
from aqi_service.errors import Busy, FrameCut, FrameError, FrameTimeout, HandshakeFailed
from aqi_service.server.connection import READ_SIZE, Connection
from aqi_service.server.connection_log import ConnectionLog
from aqi_service.server.large_replies import LargeReplies
from aqi_service.server.last_words import last_word, send_away
from aqi_service.server.limits import REFUSALS, Limits, ServerCounts
from aqi_service.server.replies import TURN, Answer, AtOnce, Responder
from aqi_service.server.sockets import peer_of, prepare, spread_keepalive

LISTEN_QUEUE = 4096
"""Connections that the kernel keeps until we accept them (it cuts this to its own somaxconn)."""

ACCEPT_SOCKETS = 8
"""The loop gets each listening socket this many times: in one turn uvloop accepts one connection for each,
and under load turns are few."""

ACCEPT_BURST = 32
"""Connections accepted in one turn of the loop: they have descriptors before a cap can refuse them."""

LAST_REPLY_SECONDS = 1.0
"""Seconds of a stop's grace that are kept for sending the last replies."""


class Server:
    """Answers framed requests on sockets that are already bound, from start() to stop().

    The server owns `sockets` from start() on, and stop() closes them. `counts` may be read at any time.
    `context` gives the TLS context of each connection; None is plain TCP. `at_once` is asked before `answer`;
    its None leaves the request to `answer`. `no_slot`, which may be set, is told each request whose large
    reply found no slot, and how long it waited (seconds).
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        answer: Answer,
        limits: Limits | None = None,
        context: Callable[[], ssl.SSLContext | None] = lambda: None,
        at_once: AtOnce | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.counts = ServerCounts()
        self._sockets = sockets
        self._replies = Responder(answer, self.counts.replies, at_once or AtOnce())
        self._is_large = methodcaller("startswith", self.limits.large)
        self._large_replies = LargeReplies()
        self.no_slot: Callable[[bytes, float], None] = lambda _payload, _seconds: None
        self._context = context
        self._listeners: list[asyncio.Server] = []
        self._serving: dict[Connection, asyncio.Task[None]] = {}
        self._refusing: dict[Connection, asyncio.Task[None]] = {}
        self._slots: Counter[str] = Counter()
        self._log = ConnectionLog(self.counts)
        self._stopping = False

    async def start(self) -> None:
        """Accept connections from now on."""
        for sock in self._sockets:
            prepare(sock)
            for handle in (sock, *(sock.dup() for _ in range(ACCEPT_SOCKETS - 1))):
                self._listeners.append(
                    await asyncio.start_server(
                        self._connected, sock=handle, limit=READ_SIZE, backlog=ACCEPT_BURST // ACCEPT_SOCKETS
                    )
                )
            # asyncio takes `backlog` for its own bursts and for the kernel's queue; the queue may be long.
            sock.listen(LISTEN_QUEUE)

    async def stop(self, grace: float | None = None) -> None:
        """End within `grace` seconds (default: limits.stop_grace) and one more; never raises."""
        self._stopping = True
        grace = self.limits.stop_grace if grace is None else grace
        # A silent table may keep us for a read under way, and again for what arrived behind it.
        self._replies.last = asyncio.get_running_loop().time() + grace - min(LAST_REPLY_SECONDS, grace / 2)
        for listener in self._listeners:
            listener.close()  # no new connections; wait_closed() waits for idle clients since 3.12.1
        for _ in range(2):
            await asyncio.sleep(0)  # one turn of the loop reads what has arrived: that counts as asked
        for connection in (*self._serving, *self._refusing):
            connection.last_call()  # idle ones close now, busy ones after their replies
        await self._ended(grace)
        for connection, task in (*self._serving.items(), *self._refusing.items()):
            connection.abort()  # peers that do not read
            task.cancel()  # answers that do not come
        await self._ended(1.0)
        self._log.close()

    async def _ended(self, seconds: float) -> None:
        """Wait until all handlers have ended, within a time limit."""
        tasks = (*self._serving.values(), *self._refusing.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    # A new connection. It takes its slot here and not in its task: bursts are accepted before tasks run.

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if sock := writer.get_extra_info("socket"):
            spread_keepalive(sock)
        self._accept(Connection(reader, writer, self.limits, self._context()))

    def _accept(self, connection: Connection) -> None:
        """Give a connection a slot, or say why there is none; just close it if many are being told."""
        self.counts.accepted += 1
        peer = peer_of(connection.address)
        refusal = self._refusal(peer)
        if refusal is None:
            self.counts.open += 1
            self._slots[peer] += 1
            _run(self._serve(connection), connection, self._serving, self._release_slot)
            return
        self._log.refused(connection, refusal)
        if len(self._refusing) < self.limits.max_refusing and not self._stopping:
            why = BUSY + REFUSALS[refusal].format(self.limits).encode()
            _run(send_away(connection, why), connection, self._refusing)
        else:
            connection.abort()

    def _refusal(self, peer: str) -> str | None:
        full = {
            "stopping": self._stopping,
            "connections": self.counts.open >= self.limits.max_connections,
            "address": 0 < self.limits.max_per_address <= self._slots[peer],
        }
        return next((reason for reason, is_so in full.items() if is_so), None)

    def _release_slot(self, connection: Connection) -> None:
        self.counts.open -= 1
        peer = peer_of(connection.address)
        self._slots[peer] -= 1
        if not self._slots[peer]:
            del self._slots[peer]

    # The life of a connection that has a slot.

    async def _serve(self, connection: Connection) -> None:
        try:
            await connection.handshake()
            await self._converse(connection)
            await connection.finish()
        except (FrameCut, FrameTimeout, HandshakeFailed, OSError) as error:
            self._log.cut(connection, connection.cut or _CUTS.get(type(error), "reset"), error)
        except FrameError as error:
            self._log.cut(connection, "malformed", error)
            await last_word(connection, BAD_REQUEST + str(error).encode())
        except asyncio.CancelledError as error:
            self._log.cut(connection, "stopped", error)
            raise
        finally:
            connection.abort()

    async def _converse(self, connection: Connection) -> None:
        """Answer read after read until the peer ends or says DISCONNECT."""
        is_early, goes_on = connection.answer_early(self._records), True
        while goes_on and (payloads := await connection.frames()):
            is_asked = is_early and len(payloads) <= TURN
            if not is_asked and (frames := self._records(payloads)):
                if len(payloads) > TURN:
                    await asyncio.sleep(0)  # other connections have their turn
                await connection.write(frames)
                continue
            if DISCONNECT in payloads:
                goes_on = False
                del payloads[payloads.index(DISCONNECT) :]
            if payloads:  # a peer that has taken its leave may be gone
                self.counts.requests += len(payloads)
                if any(map(self._is_large, payloads)):
                    await self._answer_apart(connection, payloads)
                else:
                    await connection.write(await self._replies.answer_all(payloads))

    def _records(self, payloads: list[bytes]) -> bytes | None:
        """Return the replies to requests if memory has all their records; else None."""
        frames = self._replies.records(payloads)
        self.counts.requests += 0 if frames is None else len(payloads)
        return frames

    async def _answer_apart(self, connection: Connection, payloads: list[bytes]) -> None:
        """Send the replies; a large one goes alone, in a slot that it keeps until the peer has taken it."""
        for is_large, some in groupby(payloads, self._is_large):
            if not is_large:
                await connection.write(await self._replies.answer_all(list(some)))
                continue
            for payload in some:
                await self._answer_large(connection, payload)

    async def _answer_large(self, connection: Connection, payload: bytes) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            async with self._large_replies.slot():
                await connection.write(await self._replies.answer_all([payload]))
        except Busy as error:
            self.no_slot(payload, clock() - begun)
            reply = BUSY + str(error).encode()
            self.counts.replies[kind(reply)] += 1
            await connection.write(encode(reply))


_CUTS: dict[type[Exception], str] = {FrameCut: "inside_frame", HandshakeFailed: "handshake"}


def _run(
    work: Coroutine[None, None, None],
    connection: Connection,
    running: dict[Connection, asyncio.Task[None]],
    then: Callable[[Connection], None] = lambda _: None,
) -> None:
    """Start a connection's task; it stays in `running` until it ends in any way."""

    def ended(_: asyncio.Task[None]) -> None:
        del running[connection]
        then(connection)

    running[connection] = asyncio.get_running_loop().create_task(work)
    running[connection].add_done_callback(ended)
