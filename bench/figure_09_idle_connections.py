"""Figure 9: what each idle connection takes of the daemon's memory.

One rule: a connection that is idle has asked and was answered before.
"""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson

from aqi_service.core.frames import encode
from bench.lib.figures import Figure, Goal, Side
from bench.lib.processes import memory
from bench.lib.run import Run
from bench.lib.servers import Server, daemon

WARM = 50
"""Connections that were there before memory is looked at."""

SPARE = 0.7
"""Share of the open files that may be connections."""


def _ask(server: Server, connections: int) -> ExitStack:
    """Open connections, each of which asks once; they stay open as long as what is returned."""
    request, reply = next(iter(orjson.loads(server.truth.read_bytes()).items()))
    asked, wanted = encode(request.encode()), encode(reply.encode())
    with ExitStack() as stack:
        for _ in range(connections):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            sock.sendall(asked)
            if (came := sock.recv(len(wanted), socket.MSG_WAITALL)) != wanted:
                raise AssertionError(f"{came!r} came")
        return stack.pop_all()


def each_connection(folder: Path, document: Path, connections: int) -> float:
    """Return the KiB of the daemon's memory that each of so many idle connections takes."""
    with daemon(folder, document) as server:
        _ask(server, WARM).close()
        before = memory("VmRSS", server.pid)
        with _ask(server, connections):
            return (memory("VmRSS", server.pid) - before) * 1024 / connections


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    folder = run.folder / "idle-connections"
    folder.mkdir()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    document = run.feed(0.7)
    connections = min(run.pick(200, 8000), int(hard * SPARE))
    values = [each_connection(folder, document, connections) for _ in range(run.rounds)]
    name = f"9 {connections:,} idle connections, each"
    yield Figure(name, "KiB", Side("ours", values), goal=Goal(10, at_most=True))
