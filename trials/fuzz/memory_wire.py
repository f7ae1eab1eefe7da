"""A connection without a socket: streams that are fed by hand, and what was written.

One rule: the program's own code runs on it as on a socket's, and nothing here waits.
"""

import asyncio
import logging
import selectors
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TypeVar, cast

from aqi_service.app.logs import _Text
from aqi_service.server.connection import READ_SIZE

T = TypeVar("T")

PEER = ("192.0.2.1", 40_000)

TURNS = 2
"""Turns of the loop between two pieces, so that each is read alone."""


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that never waits: a timer is due when nothing else is left to do."""

    def __init__(self) -> None:
        self.ahead = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.ahead


class _Selector(selectors.SelectSelector):
    """Asks the system for nothing: all bytes come from the loop's own tasks."""

    def __init__(self, loop: _Loop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits, and for nothing"
        self._loop.ahead += max(0.0, timeout)
        return []


@cache
def _loop() -> _Loop:
    return _Loop()


def finished(work: Coroutine[None, None, T]) -> T:
    """Run something to its end, on the one loop of all fuzzing in this process."""
    return _loop().run_until_complete(work)


def close() -> None:
    """Close that loop."""
    _loop().close()
    _loop.cache_clear()


class Wire(asyncio.Transport):
    """Keeps what is written, takes it all at once, and ends when it is closed."""

    def __init__(self, protocol: asyncio.StreamReaderProtocol, *, keeps: bool) -> None:
        super().__init__(extra={"peername": PEER})
        self.sent = bytearray()
        self._keeps = keeps
        self._protocol: asyncio.Protocol = protocol
        self._closed = False

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast("asyncio.Protocol", protocol)

    def bring(self, data: bytes) -> None:
        """Have bytes come from the peer."""
        self._protocol.data_received(data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._keeps and not self._closed:
            self.sent += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


def opened(*, keeps: bool = True) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Wire]:
    """Give both streams of a connection, and the wire behind them."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=READ_SIZE, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    wire = Wire(protocol, keeps=keeps)
    protocol.connection_made(wire)
    return reader, asyncio.StreamWriter(wire, protocol, reader, loop), wire


async def fed(reader: asyncio.StreamReader, wire: Wire, pieces: Sequence[bytes]) -> None:
    """Bring the pieces, each in turns of its own, and the end; stop when the other side is closed."""
    for piece in pieces:
        if wire.is_closing():
            return
        if piece:
            wire.bring(piece)
            for _ in range(TURNS):
                await asyncio.sleep(0)
    if not wire.is_closing():
        reader.feed_eof()


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines
        self.setFormatter(_Text())

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname}: {self.format(record)}")


@contextmanager
def logged() -> Iterator[list[str]]:
    """Give the lines that the program logs meanwhile, from INFO on, as a person would see them."""
    lines: list[str] = []
    log = logging.getLogger("aqi_service")
    before = log.handlers, log.level, log.propagate
    log.handlers, log.propagate = [_Lines(lines)], False
    log.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        log.handlers, level, log.propagate = before
        log.setLevel(level)
