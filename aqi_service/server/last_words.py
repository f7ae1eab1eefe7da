"""The last reply to a peer that is sent away or breaks the protocol."""

import contextlib

from aqi_service.core.frames import encode
from aqi_service.errors import FrameError
from aqi_service.server.connection import Connection


async def send_away(connection: Connection, why: bytes) -> None:
    """Tell a peer why it has no slot, and close."""
    try:
        await last_word(connection, why)
    finally:
        connection.abort()


async def last_word(connection: Connection, reply: bytes) -> None:
    """Send a reply and close; errors of a peer that is sent away are ignored."""
    with contextlib.suppress(FrameError, OSError):
        await connection.handshake()
        await connection.write(encode(reply))
        await connection.finish()
