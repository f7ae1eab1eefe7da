"""Figure 12: what an idle daemon takes of a core, and how much its memory grows.

One rule: a daemon that is idle has loaded before.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from bench.lib.background import python, running
from bench.lib.figures import Figure, Goal, Side
from bench.lib.processes import cpu_seconds, memory
from bench.lib.run import Run
from bench.lib.standin.client import running_standin

NO_GROWTH = 0.1
"""MB that are not called growth: the allocator's own steps."""


def idle_daemon(folder: Path, document: Path, seconds: float, settling: float) -> tuple[float, float]:
    """Return percent of a core, and MB of growth, of a daemon that has loaded and waits for the next load."""
    with running_standin() as standin:
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
    folder = run.folder / "idle-daemon"
    folder.mkdir()
    feed, seconds = run.feed(run.pick(0.7, 25)), run.pick(0.5, 15, 60)
    used, grown = idle_daemon(folder, feed, seconds, run.pick(0, 35))
    name = f"12 the daemon idle for {seconds:g} s"
    yield Figure(f"{name}, of a core", "%", Side("ours", (used,)), goal=Goal(0.5, at_most=True))
    yield Figure(f"{name}, growth", "MB", Side("ours", (grown,)), goal=Goal(NO_GROWTH, at_most=True))
