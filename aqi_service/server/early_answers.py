"""Passes on what asyncio tells a connection's streams, except requests that are answered as they come.

One rule: bytes that are not answered here go on unchanged to the protocol that serves the connection.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from aqi_service.core.frames import HEADER
from aqi_service.server.replies import TURN

MOST_BYTES = TURN * (HEADER + 20)
"""Most bytes that are answered as they come, the requests of one turn; more is read and answered in parts."""


class EarlyAnswers(asyncio.Protocol):
    """Stands between a transport and its streams; `answered` tells whether it has answered the bytes."""

    def __init__(self, transport: asyncio.Transport, answered: Callable[[bytes], bool]) -> None:
        self._streams = cast("asyncio.StreamReaderProtocol", transport.get_protocol())
        self._answered = answered
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Answer the bytes, or pass them on."""
        if len(data) > MOST_BYTES or not self._answered(data):
            self._streams.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self._streams.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._streams.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._streams.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._streams.resume_writing()
