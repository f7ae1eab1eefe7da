"""Programs that run while something else is measured: what they print, line by line, and where they run.

One rule: a program ends with its block, and whoever waits for a line waits under a deadline.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO

from bench.lib.processes import ROOT

WITHIN = 120.0
GRACE = 15.0
"""Seconds that a program has to end when it is told to."""


@dataclass(frozen=True, slots=True)
class Program:
    """One that runs: its process, and the lines of it that nobody has waited for yet ("" is its end)."""

    process: "subprocess.Popen[str]"
    _lines: "SimpleQueue[str]"

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def line(self, pattern: str, within: float = WITHIN) -> re.Match[str]:
        """Wait for the next line in which the pattern is found; those before it are gone."""
        until = time.monotonic() + within
        last = ""
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                raise RuntimeError(f"no line with {pattern!r} came within {within:g} s") from None
            if match := re.search(pattern, line):
                return match
            if not line:
                raise RuntimeError(f"{self.process.args!r} ended without {pattern!r}: {last}")
            last = line


def _pass_on(stream: IO[str], lines: "SimpleQueue[str]") -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


@contextmanager
def running(
    arguments: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pin: Callable[[int], None] | None = None,
) -> Iterator[Program]:
    """Run a program until the block ends; then SIGTERM. `pin` keeps it on a core: see `bench.lib.cores`."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {})
    process = subprocess.Popen(
        [*map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables,
        cwd=cwd,
    )  # fmt: skip
    if pin:
        pin(process.pid)
    lines: SimpleQueue[str] = SimpleQueue()
    assert process.stdout is not None  # noqa: S101  # for mypy: it is a pipe
    reading = Thread(target=_pass_on, args=(process.stdout, lines), daemon=True)
    reading.start()
    try:
        yield Program(process, lines)
    finally:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reading.join()
        process.stdout.close()


def python(*arguments: str | Path) -> list[str | Path]:
    """Give the command that runs this interpreter."""
    return [sys.executable, *arguments]
