"""The program killed at its n-th step, or at any moment: a process of its own forks one for each run.

One rule: a kill is SIGKILL, or `os._exit` at a step: nothing is flushed, closed or given back.

A step is what changes the world or asks it: a request to AWS; of files a sync, link, rename or removal; a
statement of SQLite. The process dies before the step, whose name stands in stderr; the step before has had
its whole effect. With `power.py` the machine's power is cut then: of the folder only what was
synced is certain.
"""

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, NoReturn

from tests.doubles.models import import_all
from tests.doubles.moto_names import Moto
from tests.doubles.patience import patience
from trials.crash.power import Disk, came_back

KILLED = 86
"""The exit code of a run that died at its step."""

BEFORE = "killed before "

FILES = ("fsync", "link", "replace", "rename", "unlink")


class Run(NamedTuple):
    """How a run ended: exit code, the reports that it printed, stderr."""

    code: int
    reports: list[dict[str, Any]]
    err: str

    @property
    def killed_before(self) -> str:
        """The step at which it died."""
        return self.err.rpartition(BEFORE)[2].strip()


class Crashes:
    """`await crashes.run(options, env, die_at=3)`."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process, self._folder = process, folder

    async def run(self, *options: str, env: Mapping[str, str], **how: float) -> Run:
        """Run the program; with `die_at` it dies before that step (from 0), unless it ends earlier.

        `power` is the seed of a power cut then; `kill_after` the seconds after which SIGKILL comes.
        """
        assert self._process.stdin
        assert self._process.stdout
        out, err = self._folder / "out", self._folder / "err"
        for path in (out, err):
            path.write_bytes(b"")  # a run that is killed at once writes nothing
        asked = {"options": options, "env": dict(env), "out": str(out), "err": str(err), **how}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        async with patience():
            code = int(await self._process.stdout.readline())
        if "--local" in options:
            came_back(Path(options[options.index("--local") + 1]))
        lines = out.read_text("utf-8").splitlines(keepends=True)
        reports = [json.loads(line) for line in lines if line.endswith("\n")]
        return Run(code, reports, err.read_text("utf-8"))


@asynccontextmanager
async def crashing(folder: Path, moto: Moto) -> AsyncIterator[Crashes]:
    """Start the process that forks."""
    await asyncio.to_thread(folder.mkdir)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "trials.crash.crashes",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | moto.environment,
    )
    try:
        yield Crashes(process, folder)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


class _Steps:
    """Counts steps on all threads, and dies before one; `cut` cuts the power then."""

    def __init__(self, die_at: int, cut: Callable[[], None]) -> None:
        self._left = die_at
        self._cut = cut
        self._dying = False
        self._lock = threading.RLock()

    def step(self, name: str) -> None:
        with self._lock:
            if self._left == 0 and not self._dying:
                self._dying = True  # what cuts the power removes files, too
                self._cut()
                os.write(2, f"{BEFORE}{name}\n".encode())
                os._exit(KILLED)
            self._left -= 1

    def before(
        self,
        function: Callable[..., Any],
        name: Callable[..., str],
        after: Callable[..., None] = lambda *_: None,
    ) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            self.step(name(*arguments))
            result = function(*arguments, **named)
            with self._lock:
                after(*arguments)
            return result

        return stepping


def _file_step(what: str) -> Callable[..., str]:
    """Name a step of a file: what, and of which kind of file."""

    def name(target: object, *_: object) -> str:
        path = Path(f"/proc/self/fd/{target}").readlink() if isinstance(target, int) else target
        return f"{what} {_kind(str(path))}"

    return name


def _kind(path: str) -> str:
    """Return a path's last two parts without what differs from run to run."""
    parts = re.sub(r"data_[0-9_]+(-[0-9]+)?", "data", "/".join(path.split("/")[-2:]))
    return re.sub(r"\.[0-9a-f]{8}\.partial", ".partial", parts)


def _call_step(_: object, operation: str, parameters: Mapping[str, Any]) -> str:
    """Name a request to AWS: its operation, and of S3 the kind of object."""
    return f"{operation} {_kind(parameters.get('Key', '')) if 'Bucket' in parameters else ''}".strip()


def _statement_step(_: object, statement: str = "", *__: object) -> str:
    return "SQLite: " + " ".join(statement.split()[:2])


def _count(steps: _Steps, disk: Disk | None) -> None:
    """Have every step counted in this process."""
    from aiobotocore.client import AioBaseClient  # noqa: PLC0415  # only in the process that forks

    def executed(_: object, statement: str, *__: object) -> None:
        if disk:
            disk.executed(statement)

    def synced(descriptor: int) -> None:
        if disk:
            disk.synced(descriptor)

    class Counted(sqlite3.Connection):
        execute = steps.before(sqlite3.Connection.execute, _statement_step, executed)
        executemany = steps.before(sqlite3.Connection.executemany, _statement_step)

    connect: Any = sqlite3.connect
    sqlite3.connect = lambda *arguments, **named: connect(*arguments, factory=Counted, **named)
    client: Any = AioBaseClient  # its stub does not know the method
    client._make_api_call = steps.before(client._make_api_call, _call_step)
    for name in FILES:
        after = synced if name == "fsync" else lambda *_: None
        setattr(os, name, steps.before(getattr(os, name), _file_step(name), after))


def _run(asked: dict[str, Any]) -> NoReturn:
    """Be the program, in a forked process."""
    from aqi_service.cli import main  # noqa: PLC0415  # only in the process that forks

    for number, path in ((1, asked["out"]), (2, asked["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ |= asked["env"]
    if "die_at" in asked:
        disk, seed = None, asked.get("power")
        if seed is not None:
            disk = Disk(Path(asked["options"][asked["options"].index("--local") + 1]))
        _count(_Steps(asked["die_at"], lambda: disk.cut(Random(seed)) if disk else None), disk)  # noqa: S311  # must be replayable
    code = 99
    try:
        code = main(asked["options"])
        sys.stdout.flush()
    finally:
        os._exit(code)


def _serve() -> None:
    """Fork a process for each line of stdin, and print its exit code."""
    import_all()

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for line in sys.stdin:
        asked = json.loads(line)
        if (child := os.fork()) == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            _run(asked)
        if "kill_after" in asked:
            signal.sigtimedwait({signal.SIGCHLD}, asked["kill_after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        signal.sigtimedwait({signal.SIGCHLD}, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _serve()
