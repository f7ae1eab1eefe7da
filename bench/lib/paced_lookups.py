"""How long lookups take while something else goes on: asked at an even pace, by a process of its own.

One rule: each is timed from the moment at which it was due, so that one long stop cannot hide behind the
thousands that were quick before it; and each reply's bytes are checked.

    python -m bench.lib.paced_lookups PORT FILE    until stdin ends; FILE has the right payload of each id
"""

import json
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import orjson

from aqi_service.core.frames import NOT_FOUND, encode
from bench.lib.processes import ROOT

CONNECTIONS = 4
EVERY = 0.005
"""Seconds between two lookups of all connections together: 200 a second."""

MISSING = encode(NOT_FOUND)
_READ = 65536


class TimedLookup(NamedTuple):
    """A lookup: when it was due, the seconds until its reply was there, and whether that was a record."""

    due: float
    seconds: float
    found: bool


class Paced:
    """A connection, and what it waits for."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._got = b""

    def ask(self, due: float, request: bytes, reply: bytes) -> None:
        """Ask for what was due then."""
        self._waiting.append((due, reply))
        self.sock.sendall(request)

    def take(self, now: float) -> Iterator[TimedLookup]:
        """Read; give what each lookup took that is answered. Raises AssertionError for other bytes."""
        data = self.sock.recv(_READ)
        self._got += data
        while self._waiting and self._got.startswith(self._waiting[0][1]):
            due, reply = self._waiting.popleft()
            self._got = self._got[len(reply) :]
            yield TimedLookup(due, now - due, found=reply != MISSING)
        wanted = self._waiting[0][1] if self._waiting else b""
        if not data or not wanted.startswith(self._got):
            raise AssertionError(f"{self._got!r} came")


def pace(port: int, truth: Mapping[str, bytes], over: int) -> list[TimedLookup]:
    """Ask until the descriptor `over` can be read, but once at least; return what each lookup took."""
    lookups: list[TimedLookup] = []
    asked = cycle([(encode(record_id.encode()), encode(reply)) for record_id, reply in truth.items()])
    with ExitStack() as stack:
        poller = stack.enter_context(select.epoll())
        made = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)
        ]
        for sock in made:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or a late reply holds the next back
        peers = {sock.fileno(): Paced(sock) for sock in made}
        for descriptor in (*peers, over):
            poller.register(descriptor, select.EPOLLIN)
        print("asking", flush=True)
        due, turns, goes_on = time.time(), cycle(peers.values()), True
        while goes_on or not lookups:
            for descriptor, _ in poller.poll(max(0.0, due - time.time())):
                if descriptor == over:
                    goes_on = False
                    poller.unregister(over)
                else:
                    lookups += peers[descriptor].take(time.time())
            while due <= time.time():
                next(turns).ask(due, *next(asked))
                due += EVERY
    return lookups


@contextmanager
def paced_lookups(port: int, truth: Path) -> Iterator[list[TimedLookup]]:
    """Ask while the block runs; what came of it is there after the block."""
    lookups: list[TimedLookup] = []
    command = [sys.executable, "-m", "bench.lib.paced_lookups", str(port), str(truth)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None  # noqa: S101  # for mypy: it is a pipe
            process.stdout.readline()  # it has its connections
            yield lookups
        finally:
            out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("a lookup was answered with other bytes")
    lookups += [TimedLookup(*each) for each in orjson.loads(out)]


def main(port: str, file: str) -> None:
    """Ask until stdin ends, and print what was seen."""
    known = orjson.loads(Path(file).read_bytes())
    truth = {record_id: reply.encode() for record_id, reply in known.items()}
    print(json.dumps(pace(int(port), truth, sys.stdin.fileno())))


if __name__ == "__main__":
    main(*sys.argv[1:])
