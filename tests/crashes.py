"""The program killed at its n-th step: a process of its own forks one for each run, so that runs are quick.

One rule: a kill is `os._exit`: nothing is flushed, closed or given back, as with kill -9.

A step is what changes the world or asks it: a request to AWS; of files a sync, link, rename or removal; a
statement of SQLite. The process dies before the step; the step before has had its whole effect.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

KILLED = 86
"""The exit code of a run that died at its step."""

WITHIN = 60.0
"""Seconds after which a run will not end."""

FILES = ("fsync", "link", "replace", "rename", "unlink")


class Run(NamedTuple):
    """How a run ended: exit code, the reports that it printed, stderr."""

    code: int
    reports: list[dict[str, Any]]
    err: str


class Crashes:
    """`await crashes.run(options, env, die_at=3)`."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process, self._folder = process, folder

    async def run(self, *options: str, env: Mapping[str, str], die_at: int | None = None) -> Run:
        """Run the program; with `die_at` it dies before that step (from 0), unless it ends earlier."""
        assert self._process.stdin
        assert self._process.stdout
        out, err = self._folder / "out", self._folder / "err"
        asked = {"options": options, "env": dict(env), "die_at": die_at, "out": str(out), "err": str(err)}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(WITHIN):
            code = int(await self._process.stdout.readline())
        lines = out.read_text("utf-8").splitlines(keepends=True)
        reports = [json.loads(line) for line in lines if line.endswith("\n")]
        return Run(code, reports, err.read_text("utf-8"))


@asynccontextmanager
async def crashing(folder: Path) -> AsyncIterator[Crashes]:
    """Start the process that forks."""
    await asyncio.to_thread(folder.mkdir)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.crashes", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        yield Crashes(process, folder)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


class _Steps:
    """Counts steps on all threads, and dies before one."""

    def __init__(self, die_at: int) -> None:
        self._left = die_at
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            if self._left == 0:
                os._exit(KILLED)
            self._left -= 1

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            self.step()
            return function(*arguments, **named)

        return stepping


def _count(steps: _Steps) -> None:
    """Have every step counted in this process."""
    from aiobotocore.client import AioBaseClient  # noqa: PLC0415  # only in the process that forks

    class Counted(sqlite3.Connection):
        execute = steps.before(sqlite3.Connection.execute)
        executemany = steps.before(sqlite3.Connection.executemany)
        commit = steps.before(sqlite3.Connection.commit)

    connect: Any = sqlite3.connect
    sqlite3.connect = lambda *arguments, **named: connect(*arguments, factory=Counted, **named)
    client: Any = AioBaseClient  # its stub does not know the method
    client._make_api_call = steps.before(client._make_api_call)
    for name in FILES:
        setattr(os, name, steps.before(getattr(os, name)))


def _run(asked: dict[str, Any]) -> NoReturn:
    """Be the program, in a forked process."""
    from aqi_service.cli import main  # noqa: PLC0415  # only in the process that forks

    for number, path in ((1, asked["out"]), (2, asked["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ |= asked["env"]
    if asked["die_at"] is not None:
        _count(_Steps(asked["die_at"]))
    code = 99
    try:
        code = main(asked["options"])
        sys.stdout.flush()
    finally:
        os._exit(code)


def _serve() -> None:
    """Fork a process for each line of stdin, and print its exit code."""
    import aqi_service.daemon  # noqa: PLC0415  # imported once, for all that are forked
    import aqi_service.running  # noqa: PLC0415  # likewise
    import aqi_service.storage.dynamodb  # noqa: PLC0415  # likewise
    import aqi_service.storage.local_store  # noqa: PLC0415  # likewise
    import aqi_service.storage.s3  # noqa: F401, PLC0415  # likewise

    for line in sys.stdin:
        if (child := os.fork()) == 0:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
