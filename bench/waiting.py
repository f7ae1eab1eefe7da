"""How long lookups take while something else goes on: asked at an even pace, by a process of its own.

One rule: each is timed from the moment at which it was due, so that one long stop cannot hide behind the
thousands that were quick before it; and each reply's bytes are checked.

    python -m bench.waiting PORT FILE    until stdin ends; the file has the right payload for each id
"""

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

import orjson

from aqi_service.core.frames import NOT_FOUND, encode
from bench.processes import ROOT

CONNECTIONS = 4
EVERY = 0.005
"""Seconds between two lookups of all connections together: 200 a second."""

_READ = 65536


class Paced:
    """A connection: what it waits for, and what its lookups took, by where the answer was to come from."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._got = b""

    def ask(self, due: float, request: bytes, reply: bytes) -> None:
        """Ask for what was due then."""
        self._waiting.append((due, reply))
        self.sock.sendall(request)

    def take(self, now: float) -> Iterator[tuple[float, bytes]]:
        """Read; give what each lookup took and its reply. Raises AssertionError for other bytes."""
        data = self.sock.recv(_READ)
        self._got += data
        while self._waiting and self._got.startswith(self._waiting[0][1]):
            due, reply = self._waiting.popleft()
            self._got = self._got[len(reply) :]
            yield now - due, reply
        wanted = self._waiting[0][1] if self._waiting else b""
        if not data or not wanted.startswith(self._got):
            raise AssertionError(f"{self._got!r} came")


def pace(port: int, truth: Mapping[str, bytes], over: int) -> dict[str, list[float]]:
    """Ask until the descriptor `over` can be read, but for one of each kind at least.

    Returns the milliseconds of lookups that were found, in memory, and of those that the table was asked for.
    """
    taken: dict[str, list[float]] = {"memory": [], "table": []}
    missing = encode(NOT_FOUND)
    asked = cycle([(encode(record_id.encode()), encode(reply)) for record_id, reply in truth.items()])
    with ExitStack() as stack:
        poller = stack.enter_context(select.epoll())
        made = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(CONNECTIONS)
        ]
        peers = {sock.fileno(): Paced(sock) for sock in made}
        for descriptor in (*peers, over):
            poller.register(descriptor, select.EPOLLIN)
        print("asking", flush=True)
        due, turns, goes_on = time.perf_counter(), cycle(peers.values()), True
        while goes_on or not all(taken.values()):
            for descriptor, _ in poller.poll(max(0.0, due - time.perf_counter())):
                if descriptor == over:
                    goes_on = False
                    poller.unregister(over)
                    continue
                for seconds, reply in peers[descriptor].take(time.perf_counter()):
                    taken["table" if reply == missing else "memory"].append(1000 * seconds)
            while due <= time.perf_counter():
                next(turns).ask(due, *next(asked))
                due += EVERY
    return taken


@contextmanager
def pacing(port: int, truth: Path) -> Iterator[dict[str, list[float]]]:
    """Ask while the block runs; what came of it is there after the block."""
    found: dict[str, list[float]] = {}
    command = [sys.executable, "-m", "bench.waiting", str(port), str(truth)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None  # noqa: S101  # for mypy: it is a pipe
            process.stdout.readline()  # it has its connections
            yield found
        finally:
            out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("a lookup was answered with other bytes")
    found |= orjson.loads(out)


def main(port: str, file: str) -> None:
    """Ask until stdin ends, and print what was seen."""
    known = orjson.loads(Path(file).read_bytes())
    truth = {record_id: reply.encode() for record_id, reply in known.items()}
    print(orjson.dumps(pace(int(port), truth, sys.stdin.fileno())).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
