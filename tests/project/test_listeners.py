"""What the doubles do with a connection that comes while they stop listening."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress

import pytest

from tests.doubles.faults.proxy import TcpProxy
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import feed_server
from tests.doubles.http_proxy import http_proxy
from tests.doubles.wire_fixtures import Peer, scripted, turns

NOBODY = 9
"""A port on which nothing listens."""


@asynccontextmanager
async def feed() -> AsyncIterator[int]:
    async with feed_server((b"",)) as feed:
        yield feed.port


@asynccontextmanager
async def shim() -> AsyncIterator[int]:
    async with Shim(f"http://127.0.0.1:{NOBODY}") as shim:
        yield int(shim.endpoint.rpartition(":")[2])


@asynccontextmanager
async def proxy() -> AsyncIterator[int]:
    async with TcpProxy("127.0.0.1", NOBODY) as proxy:
        yield proxy.port


@asynccontextmanager
async def proxy_of_http() -> AsyncIterator[int]:
    async with http_proxy(NOBODY) as proxy:
        yield proxy.port


@asynccontextmanager
async def script() -> AsyncIterator[int]:
    async def talk(peer: Peer) -> None:
        await peer.reader.read()

    async with scripted(talk) as port:
        yield port


@pytest.mark.parametrize("turn", range(6))
@pytest.mark.parametrize(
    "double", [feed, shim, proxy, proxy_of_http, script], ids=lambda double: double.__name__
)
async def test_a_connection_that_is_being_accepted_when_a_double_stops_is_ended_too(
    double: Callable[[], AbstractAsyncContextManager[int]], turn: int
) -> None:
    with ExitStack() as stack:
        async with double() as port:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(3)]
            await turns(turn)
        await turns()
        assert [ended(client) for client in clients] == [True] * 3


def ended(client: socket.socket) -> bool:
    """Tell whether the other side has ended the connection."""
    client.setblocking(False)
    with suppress(ConnectionError):
        try:
            return client.recv(1) == b""
        except BlockingIOError:
            return False
    return True
