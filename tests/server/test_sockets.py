"""Listening sockets: one port for all families, errors that say what to do, and the default cap."""

import errno
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from aqi_service.errors import PortInUse
from aqi_service.server import sockets
from aqi_service.server.sockets import default_max_connections, listen, peer_of
from tests import ROOT


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_taken_port_is_an_error_that_says_what_to_do(taken: int) -> None:
    with pytest.raises(PortInUse, match=f"127.0.0.1:{taken}: another program.*choose another port"):
        listen("127.0.0.1", taken)


ACCEPTING = """
from aqi_service.server.sockets import listen
[port] = listen("127.0.0.1", 0)
print(port.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(port.accept())
"""


def outcome(connection: socket.socket, port: int) -> str:
    """Wait until a connection ends, connect at once again, and tell how that ended."""
    with connection, suppress(ConnectionError):
        connection.recv(1)
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "accepted"


@pytest.mark.skipif(sys.platform != "linux", reason="the order in which Linux closes what is open")
def test_of_a_killed_process_the_port_refuses_before_the_first_connection_ends() -> None:
    """Else whoever connects once more may get into the queue of a process that is dying."""
    command = [sys.executable, "-c", ACCEPTING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        with ThreadPoolExecutor(len(connections)) as threads:
            found = [threads.submit(outcome, connection, port) for connection in connections]
            process.kill()
            assert {each.result() for each in found} == {"ECONNREFUSED"}


def test_where_there_is_no_room_for_such_a_descriptor_the_port_has_an_ordinary_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [high] = listen("127.0.0.1", 0)
    monkeypatch.setattr(sockets, "HIGHEST", 2**30)
    monkeypatch.setattr(sockets, "ROOM", -1)
    [low] = listen("127.0.0.1", 0)
    with high, low:
        assert low.fileno() < high.fileno()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.name.invalid", "x" * 300, "a..b"])
def test_a_host_that_is_not_ours_is_an_error_that_says_so(host: str) -> None:
    with pytest.raises(PortInUse, match="no address"):
        listen(host, 0)


def test_all_addresses_get_the_same_free_port() -> None:
    found = listen("", 0)
    try:
        assert len({sock.getsockname()[1] for sock in found}) == 1
        assert len({sock.family for sock in found}) == len(found)
    finally:
        for sock in found:
            sock.close()


def test_a_family_that_is_switched_off_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoIPv6(socket.socket):
        def bind(self, address: object) -> None:
            if self.family == socket.AF_INET6:
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
            super().bind(address)  # type: ignore[arg-type] # whatever listen() gave

    both = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    monkeypatch.setattr(socket, "socket", NoIPv6)
    [sock] = listen("localhost", 0)
    assert sock.family == socket.AF_INET
    sock.close()


@pytest.mark.parametrize(
    ("descriptors", "connections"),
    [(-1, 10_000), (1_048_576, 10_000), (16_384, 10_000), (4096, 2976), (1024, 672), (256, 96), (64, 1)],
)
def test_the_cap_leaves_room_among_the_descriptors(descriptors: int, connections: int) -> None:
    assert default_max_connections(descriptors) == connections


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_a_peer_is_an_address_or_the_network_of_64_bits_that_one_host_may_have(
    address: str, peer: str
) -> None:
    assert peer_of(address) == peer
