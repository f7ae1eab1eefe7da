"""A load under a limit of memory: in a cgroup of its own where one can be made, else under RLIMIT_DATA.

One rule: what the kernel counted as the process's largest memory is read whatever the limit was, so that a
limit which does not bite is seen.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

GROUPS = Path("/sys/fs/cgroup")
DEADLINE = 3600.0

MEASURE = """
import os, sys
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print("usage", os.waitstatus_to_exitcode(status), usage.ru_maxrss, file=sys.stderr)
"""
"""A program that runs another. It is small: the largest memory of a process counts that of its parent."""


class Took(NamedTuple):
    """How a load ended: its exit code, what it printed, largest memory in MB, and the kind of limit."""

    code: int
    out: str
    err: str
    peak: float
    limit: str

    @property
    def report(self) -> dict[str, Any]:
        """The load's report, if it printed one."""
        report: dict[str, Any] = json.loads(self.out) if self.out else {}
        return report


async def load(options: tuple[str, ...], cwd: Path, limit: int, env: Mapping[str, str] | None = None) -> Took:
    """Run `python -m aqi_service --load-only` within `limit` bytes of memory."""
    return await asyncio.to_thread(_load, options, cwd, limit, env or {})


def _load(options: tuple[str, ...], cwd: Path, limit: int, env: Mapping[str, str]) -> Took:
    command = [
        sys.executable,
        "-S",
        "-c",
        MEASURE,
        sys.executable,
        "-m",
        "aqi_service",
        "--load-only",
        *options,
    ]
    with _group(limit) as group:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
            preexec_fn=_joining(group) if group else _with_data_limit(limit),
        )
    err, _, usage = done.stderr.rpartition("usage ")
    code, peak = map(int, usage.split())
    return Took(code, done.stdout, err, peak / 1024, "cgroup" if group else "RLIMIT_DATA")


@contextmanager
def _group(limit: int) -> Iterator[Path | None]:
    """Make a cgroup below this process's own; None where that is not allowed."""
    made = None
    with suppress(OSError, StopIteration):
        parent, name = _own_group()
        made = parent / f"aqi-host-{os.getpid()}"
        made.mkdir()
        try:
            (made / name).write_text(str(limit))
        except OSError:
            made.rmdir()
            made = None
    try:
        yield made
    finally:
        if made is not None:
            made.rmdir()


def _own_group() -> tuple[Path, str]:
    """Return the folder of this process's memory cgroup, and how its limit is called (version 1, then 2)."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if "memory" in controllers.split(","):
            return GROUPS / "memory" / path.lstrip("/"), "memory.limit_in_bytes"
    path = next(path for _, controllers, path in lines if not controllers)
    return GROUPS / path.lstrip("/"), "memory.max"


def _joining(group: Path) -> Callable[[], None]:
    def join() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    return join


def _with_data_limit(limit: int) -> Callable[[], None]:
    def restrict() -> None:
        resource.setrlimit(resource.RLIMIT_STACK, (1024 * 1024, resource.RLIM_INFINITY))  # of each thread
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    return restrict
