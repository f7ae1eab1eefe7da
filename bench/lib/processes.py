"""Processes that are measured: a function in a fresh interpreter, or a whole program.

One rule: what counts time or memory starts anew for each run, so that none profits from the one before.

    python -m bench.lib.processes bench.figure_01_bytes_to_items:ours feed.json
"""

import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

ROOT = Path(__file__).resolve().parent.parent.parent

TICK = 1 / os.sysconf("SC_CLK_TCK")
"""The unit in which the system counts processor time."""


class Ended(NamedTuple):
    """A program that has ended.

    Attributes:
        out: what it printed.
        said: what it wrote to stderr.
        seconds: from its start to its end.
        cpu: seconds of processor time.
        peak: its largest memory, MB; not a number where that was less than this process's own.
    """

    out: bytes
    said: str
    seconds: float
    cpu: float
    peak: float


def program(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Ended:
    """Run this interpreter with arguments. Raises RuntimeError with what it said if it ends badly."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {})
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL, stdout=out, stderr=said, env=variables, cwd=cwd,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said.seek(0)
        printed, told = out.read(), said.read().decode()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}: {told[-2000:]}")
    peak = used.ru_maxrss / 1024
    known = peak > memory("VmHWM")  # a process begins with the mark of the one that started it
    return Ended(printed, told, seconds, used.ru_utime + used.ru_stime, peak if known else float("nan"))


def fresh(function: str, *arguments: str | float | Path) -> Any:
    """Call `module:function` with texts in an interpreter of its own; return what it returned."""
    return orjson.loads(program(["-m", "bench.lib.processes", function, *map(str, arguments)]).out)


def memory(mark: str, pid: int | None = None) -> float:
    """Read a process's memory in MB (None: this one's): `VmRSS` is that of now, `VmHWM` the most."""
    status = Path(f"/proc/{pid or 'self'}/status").read_text(encoding="ascii")
    return int(status.partition(f"{mark}:")[2].split()[0]) / 1024


def cpu_seconds(pid: int) -> float:
    """Read how much processor time a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def main(arguments: Sequence[str]) -> None:
    """Call a function and print what it returns."""
    module, _, name = arguments[0].partition(":")
    returned = getattr(importlib.import_module(module), name)(*arguments[1:])
    sys.stdout.buffer.write(orjson.dumps(returned, default=tuple))  # a NamedTuple is none to it


if __name__ == "__main__":
    main(sys.argv[1:])
