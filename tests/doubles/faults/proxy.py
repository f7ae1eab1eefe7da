"""A TCP proxy with toxics, either way, that can be switched while connections run.

One rule: time is the event loop's, so that a hand-driven loop makes an hour of latency pass at once.
"""

import asyncio
import itertools
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Self

from tests.doubles.faults.toxics import End, Seen, Toxic, Wait
from tests.doubles.listeners import stop_listening

PIECE = 16 * 1024
QUEUED = 64
"""Chunks that wait behind a toxic before the proxy reads no more: about a megabyte each way."""

_RESET = struct.pack("ii", 1, 0)


class Way(StrEnum):
    """Which bytes a toxic is for: what the client sends (UP), or what it gets (DOWN)."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Dose:
    """A toxic in its place: `toxicity` is the part of the connections that it is for."""

    number: int
    toxic: Toxic
    way: Way
    toxicity: float = 1.0

    def hits(self, seed: int, connection: int) -> bool:
        """Tell whether a connection gets it: the same ones for the same seed."""
        return Random(f"{seed}/{self.number}/{connection}").random() < self.toxicity  # noqa: S311  # replayable


class TcpProxy:
    """`async with TcpProxy(host, port) as proxy:` and clients connect to `proxy.host`, `proxy.port`.

    `add`, `remove` and `clear` may be called from any thread; they let go what waits in a toxic.

    Attributes:
        accepted: connections so far.
        bytes: bytes passed on, by way.
    """

    def __init__(self, host: str, port: int, *, seed: int = 0) -> None:
        self.host, self.port = "127.0.0.1", 0
        self.seed = seed
        self.accepted = 0
        self.bytes: Counter[Way] = Counter()
        self.doses: tuple[Dose, ...] = ()
        self._target = (host, port)
        self._numbers = itertools.count(1)
        self._links: set[_Link] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._kept = socket.socket()
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept.bind((self.host, 0))
        self.port = self._kept.getsockname()[1]
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()
        self._kept.close()  # it has never listened, and has kept the port while nobody did

    async def up(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)

    async def down(self) -> None:
        """Refuse connections, and end those that are there."""
        await stop_listening(self._server)
        for link in tuple(self._links):
            link.end()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def add(self, toxic: Toxic, way: Way = Way.DOWN, toxicity: float = 1.0) -> Dose:
        """Add a toxic behind those that are there, for connections that run and those to come."""
        dose = Dose(next(self._numbers), toxic, way, toxicity)
        self._set((*self.doses, dose))
        return dose

    def remove(self, dose: Dose) -> None:
        """Take one toxic away."""
        self._set(tuple(each for each in self.doses if each != dose))

    def clear(self) -> None:
        """Take all toxics away."""
        self._set(())

    def _set(self, doses: tuple[Dose, ...]) -> None:
        self.doses = doses
        self._loop.call_soon_threadsafe(self._changed)

    def _changed(self) -> None:
        for link in tuple(self._links):
            link.refresh()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        self.accepted += 1
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            _end(writer, reset=True)
            await asyncio.sleep(0)
            return
        await self._carry(self.accepted, (reader, back), (there, writer))

    async def _carry(self, number: int, up: "Ends", down: "Ends") -> None:
        writers = (up[1], down[1])
        for writer in writers:
            writer.transport.set_write_buffer_limits(0)  # what drain() has let by is in the kernel
        links = [_Link(self, number, way, ends, writers) for way, ends in ((Way.UP, up), (Way.DOWN, down))]
        self._links.update(links)
        try:
            await asyncio.gather(*(link.run() for link in links))
        finally:
            self._links.difference_update(links)
            for writer in writers:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Ended(Exception):  # noqa: N818  # a toxic's End on its way out
    """The connection is to end."""


class _Link:
    """One way of one connection: a reader that stamps chunks, and a writer that takes the toxics' steps."""

    def __init__(
        self, proxy: TcpProxy, number: int, way: Way, ends: Ends, writers: Sequence[asyncio.StreamWriter]
    ) -> None:
        self._proxy = proxy
        self._number = number
        self._way = way
        self._reader, self._writer = ends
        self._writers = writers
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED)
        self._changed = asyncio.Event()
        self._random = Random(f"{proxy.seed}/{number}/{way}")  # noqa: S311  # must be replayable
        self._passed: Counter[int] = Counter()
        self._timers: dict[Dose, asyncio.TimerHandle | None] = {}

    async def run(self) -> None:
        """Carry bytes until the data or the connection ends."""
        self.refresh()
        reading = asyncio.ensure_future(self._read())
        try:
            await self._write()
        except (OSError, _Ended) as error:  # of an end that has left: not only ConnectionError
            self.end(reset=error.args == (True,))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            for timer in self._timers.values():
                if timer:
                    timer.cancel()

    def refresh(self) -> None:
        """Take over the proxy's toxics, and let go what waits in one."""
        doses = self._doses()
        for dose in [dose for dose in self._timers if dose not in doses]:
            timer = self._timers.pop(dose)
            if timer:
                timer.cancel()
            if dose.toxic.spoils:
                self.end(reset=dose.toxic.resets)
        for dose in [dose for dose in doses if dose not in self._timers]:
            self._timers[dose] = self._timer(dose.toxic)
        self._let_go()

    def end(self, *, reset: bool = False) -> None:
        """End both sides of the connection."""
        for writer in self._writers:
            _end(writer, reset=reset)
        self._let_go()

    def _doses(self) -> tuple[Dose, ...]:
        mine = (dose for dose in self._proxy.doses if dose.way is self._way)
        return tuple(dose for dose in mine if dose.hits(self._proxy.seed, self._number))

    def _timer(self, toxic: Toxic) -> asyncio.TimerHandle | None:
        if toxic.ends_after is None:
            return None
        return self._loop.call_later(toxic.ends_after, lambda: self.end(reset=toxic.resets))

    def _let_go(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(PIECE):
                await self._queue.put((self._loop.time(), data))
        except ConnectionError:
            self.end(reset=True)
        await self._queue.put((self._loop.time(), b""))

    async def _write(self) -> None:
        while True:
            stamp, data = await self._queue.get()
            doses, changed = tuple(self._timers), self._changed
            if not data:
                await self._pause(sum(dose.toxic.lingers for dose in doses), changed)
                if not self._writer.is_closing():
                    self._writer.write_eof()
                return
            await self._feed(data, doses, stamp, changed)

    async def _feed(self, data: bytes, doses: tuple[Dose, ...], stamp: float, changed: asyncio.Event) -> None:
        """Send bytes through the toxics that are left to pass."""
        if self._writer.is_closing():
            raise _Ended
        if not doses:
            self._writer.write(data)
            await self._writer.drain()
            self._proxy.bytes[self._way] += len(data)
            return
        first, *others = doses
        seen = Seen(self._passed[first.number], self._loop.time() - stamp, self._random.random)
        self._passed[first.number] += len(data)
        for step in first.toxic.shape(data, seen):
            if isinstance(step, Wait):
                await self._pause(step.seconds, changed)
            elif isinstance(step, End):
                raise _Ended(step.reset)
            elif step:
                await self._feed(step, tuple(others), stamp, changed)

    async def _pause(self, seconds: float, changed: asyncio.Event) -> None:
        """Wait, unless the toxics change or the connection ends first."""
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await changed.wait()


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """Close a connection at once: what the kernel has is still sent, or with `reset` thrown away."""
    if reset and not writer.is_closing():
        peer = writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
