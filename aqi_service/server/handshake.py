"""TLS over a connection that is already open: the handshake, and the streams above it.

Rule: only public interfaces of the loops are used. StreamWriter.start_tls() has two faults: it loses bytes
that the reader has already taken (gh-142352; uvloop reads on although connection_made tells it to pause), and
leaves the reader's flow control with the transport below (gh-114921).
"""

import asyncio
import contextlib
import ssl
from typing import cast

from aqi_service.errors import HandshakeFailed

_ENDED = "the connection ended before the handshake did"
_PIECE = 64 * 1024


class _Above(asyncio.StreamReaderProtocol):
    """The streams' protocol; asyncio's own learns of TLS too late if a peer ends immediately, and warns."""

    def eof_received(self) -> bool:
        """Note the peer's end, after which TLS cannot stay half open."""
        super().eof_received()
        return False


async def handshake(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Shake hands as the server, within a time limit; return the streams to use from now on.

    Raises HandshakeFailed. The old writer must live as long as the new one: its end closes the socket.
    """
    above = asyncio.StreamReader(limit=_PIECE // 4)
    protocol = _Above(above)
    try:
        transport = await _start_tls(reader, writer, protocol, context, seconds)
    except OSError as error:  # ssl.SSLError is one
        raise HandshakeFailed(str(error) or _ENDED) from error
    if transport is None or transport.get_extra_info("cipher") is None:  # it was closed meanwhile
        raise HandshakeFailed(_ENDED)
    protocol.connection_made(transport)
    return above, asyncio.StreamWriter(transport, protocol, above, asyncio.get_running_loop())


async def _start_tls(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    seconds: float,
) -> asyncio.Transport | None:
    """Let the loop shake hands, beginning with the bytes that were already read."""
    below = cast("asyncio.Transport", writer.transport)
    below.pause_reading()
    early = await _arrived(reader)
    if reader.at_eof() or below.is_closing():
        return None  # the loop would wait for what never comes
    loop = asyncio.get_running_loop()
    shaking = loop.create_task(
        loop.start_tls(below, protocol, context, server_side=True, ssl_handshake_timeout=seconds)
    )
    try:
        await asyncio.sleep(0)  # the loop puts its own protocol in ours' place
        await asyncio.sleep(0)  # and tells it of the transport; nothing is read before the next turn
        _feed(cast("asyncio.BufferedProtocol", below.get_protocol()), early)
        return await shaking
    finally:
        shaking.cancel()  # does nothing to one that is done


async def _arrived(reader: asyncio.StreamReader) -> bytes:
    """Return the bytes that a reader holds, without waiting for more."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            return await reader.read(1024 * 1024)
    return b""


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Give bytes to the protocol as a transport does."""
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        buffer = memoryview(protocol.get_buffer(len(piece)))
        buffer[: len(piece)] = piece
        protocol.buffer_updated(len(piece))
