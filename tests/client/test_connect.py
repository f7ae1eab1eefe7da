"""How the client connects: to the first address of a name that takes it, on both event loops."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from aqi_service.client import Client
from aqi_service.client.connect import _families_by_turns, _first_connected, connect
from aqi_service.errors import BadId, ServerGone
from tests.doubles.patience import PATIENCE, patience
from tests.doubles.wire_fixtures import FOUND, by_jumps, on_each_loop, serving, table

DEAD = "127.0.0.2"


@contextmanager
def silent_port(host: str, port: int) -> Iterator[None]:
    """Listen so that nobody gets in: what waits to be accepted is full, and further SYNs are dropped."""
    with ExitStack() as stack:
        listening = stack.enter_context(closing(socket.socket()))
        listening.bind((host, port))
        listening.listen(0)
        while True:
            sock = stack.enter_context(closing(socket.socket()))
            sock.settimeout(0.05)
            try:
                sock.connect((host, port))
            except TimeoutError:
                break
        yield


@on_each_loop
async def test_a_dead_address_costs_a_moment_and_not_the_time_to_connect() -> None:
    async with serving(table) as served:
        with silent_port(DEAD, served.port):
            addresses = [(socket.AF_INET, (host, served.port)) for host in (DEAD, "127.0.0.1")]
            async with patience():  # Linux itself would try for longer
                with closing(await _first_connected(addresses)) as sock:
                    assert sock.getpeername() == ("127.0.0.1", served.port)


async def test_a_name_with_a_dead_first_address_is_looked_up_at_its_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(table) as served:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, served.port)) for host in (DEAD, "127.0.0.1")
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with silent_port(DEAD, served.port):
            async with Client("aqi.example.org", served.port, connect_timeout=PATIENCE) as client:
                assert await client.lookup(FOUND) is not None


@on_each_loop
async def test_an_address_that_refuses_gives_way_at_once_to_the_next() -> None:
    async with serving(table) as served:
        addresses = [(socket.AF_INET6, ("::1", 1)), (socket.AF_INET, ("127.0.0.1", served.port))]
        with closing(await _first_connected(addresses)) as sock:
            assert sock.getpeername() == ("127.0.0.1", served.port)


@on_each_loop
async def test_what_every_address_says_is_told() -> None:
    addresses = [(socket.AF_INET, ("127.0.0.1", 1)), (socket.AF_INET, (DEAD, 1))]
    with pytest.raises(ConnectionRefusedError):
        await _first_connected(addresses)
    with pytest.raises(OSError, match="Connection refused, No such file"):
        await _first_connected([*addresses, (socket.AF_UNIX, "/nowhere")])
    with pytest.raises(OSError, match="no address"):
        await _first_connected([])


async def test_a_name_that_is_none_is_no_connection() -> None:
    with pytest.raises(socket.gaierror):
        await connect("aqi.invalid", 1)
    with pytest.raises(ServerGone, match="no connection to"):
        async with Client("x" * 70 + ".invalid"):
            pass


@pytest.mark.parametrize("beyond", [-65536, 0, 65536])
@on_each_loop
async def test_a_port_that_is_none_leads_to_no_other(beyond: int) -> None:
    async with serving(table) as served:
        number = served.port + beyond if beyond else 0
        with pytest.raises(ServerGone, match="no such port"):
            async with Client("127.0.0.1", number):
                pass


def test_families_take_turns() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    given = [(six, "a"), (six, "b"), (four, "c"), (six, "d")]
    assert _families_by_turns(given) == [(six, "a"), (four, "c"), (six, "b"), (six, "d")]


@by_jumps
async def test_a_connection_that_is_given_up_leaves_no_socket() -> None:
    async with serving(table) as served:
        with silent_port(DEAD, served.port), pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await _first_connected([(socket.AF_INET, (DEAD, served.port))])


@on_each_loop
async def test_an_integer_is_an_id() -> None:
    async with serving(table) as served, Client("127.0.0.1", served.port) as client:
        assert await client.lookup(int(FOUND)) == await client.lookup(FOUND) is not None
        assert [pair[0] async for pair in client.lookup_many([int(FOUND), 3])] == [FOUND, "3"]
        for wrong in (-1, True, 10**20, 10**5000, -(10**5000), 1.0, None):
            with pytest.raises(BadId):
                await client.lookup(wrong)  # type: ignore[arg-type] # what a program may pass all the same
        assert await client.lookup(3) is None
