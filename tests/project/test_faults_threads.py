"""A shim and a proxy in a thread of their own, for tests without an event loop."""

import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

from tests.doubles.faults import effects
from tests.doubles.faults.proxy import TcpProxy
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.faults.threads import in_thread
from tests.doubles.faults.toxics import LimitData


def test_a_shim_in_a_thread_serves_another_process_and_is_gone_afterwards(moto_endpoint: str) -> None:
    with in_thread(Shim(moto_endpoint, [Rule("ListBuckets", effects.SLOW_DOWN, times=1)])) as shim:
        ask = f"import urllib.request; print(urllib.request.urlopen({shim.it.endpoint!r}).status)"
        results = [
            subprocess.run([sys.executable, "-c", ask], check=False, capture_output=True) for _ in "12"
        ]
        endpoint = shim.it.endpoint
    assert [result.returncode for result in results] == [1, 0]
    assert b"503" in results[0].stderr
    assert [record.status for record in shim.it.journal.of("ListBuckets")] == [503, 200]
    assert "faults" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(endpoint)  # noqa: S310  # http, and nobody there


def test_a_proxy_in_a_thread_is_switched_from_the_test() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with server, in_thread(TcpProxy("127.0.0.1", server.getsockname()[1])) as proxy:
        address = (proxy.it.host, proxy.it.port)
        with socket.create_connection(address, timeout=10) as client, server.accept()[0] as peer:
            proxy.it.add(LimitData(2))
            peer.sendall(b"four")
            assert [client.recv(9), client.recv(9)] == [b"fo", b""]
        proxy.run(proxy.it.down())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=10)
