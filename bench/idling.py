"""Figures 9 and 12: what idle connections take of memory, and what an idle daemon takes of a core.

One rule: a connection that is idle has asked and was answered before, and a daemon that is idle has loaded.
"""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson

from aqi_service.core.frames import encode
from bench.asking import cpu_seconds
from bench.figures import Figure, Goal, Side
from bench.processes import memory
from bench.programs import python, running
from bench.run import Run
from bench.servers import Server, daemon
from bench.standing import standing

WARM = 50
"""Connections that were there before memory is looked at."""

SPARE = 0.7
"""Share of the open files that may be connections."""

NO_GROWTH = 0.1
"""MB that are not called growth: the allocator's own steps."""


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


def idle_daemon(folder: Path, document: Path, seconds: float, settling: float) -> tuple[float, float]:
    """Return percent of a core, and MB of growth, of a daemon that has loaded and waits for the next load."""
    with standing() as standin:
        standin.set(feed=str(document))
        options = ("--feed-url", f"{standin.endpoint}/__feed", "--port", "0", "--http-port", "0")
        with running(python("-m", "aqi_service", "--local", "idle", *options), cwd=folder) as ours:
            ours.line(r'^\{"status":"complete"')
            time.sleep(settling)
            begun, used, held = time.perf_counter(), cpu_seconds(ours.pid), memory("VmRSS", ours.pid)
            time.sleep(seconds)
            used, held = cpu_seconds(ours.pid) - used, memory("VmRSS", ours.pid) - held
            return 100 * used / (time.perf_counter() - begun), held


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    folder = run.folder / "idling"
    folder.mkdir()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    few, feed = run.feed(0.7), run.feed(run.pick(0.7, 25, 25))
    connections = min(run.pick(200, 8000, 8000), int(hard * SPARE))
    taken = [each_connection(folder, few, connections) for _ in range(run.rounds)]
    name = f"9 {connections:,} idle connections, each"
    yield Figure(name, "KiB", Side("ours", taken), goal=Goal(10, at_most=True))
    seconds = run.pick(0.5, 15, 600)
    used, grown = idle_daemon(folder, feed, seconds, run.pick(0, 35, 65))
    name = f"12 the daemon idle for {seconds:g} s"
    yield Figure(f"{name}, of a core", "%", Side("ours", (used,)), goal=Goal(0.5, at_most=True))
    yield Figure(f"{name}, growth", "MB", Side("ours", (grown,)), goal=Goal(NO_GROWTH, at_most=True))
