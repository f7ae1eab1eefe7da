"""The program as its users start it: a process of its own, in a clean environment, with real streams.

One rule: nothing sleeps; a test waits for a line or for the end, with the patience of all tests.
"""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aqi_service.app.commands import Start
from aqi_service.core.frames import HEADER, decode_header, encode
from tests import ROOT
from tests.doubles import forked
from tests.doubles.patience import PATIENCE, patience
from tests.doubles.unread import UnreadPipe

Process = asyncio.subprocess.Process | forked.ForkedProcess

CAPTURE = ROOT / "aqi_service" / "data" / "data_10_08_17_11_23.json.gz"
RECORD = "250452007"
"""A record of the capture, its newest."""


def environment(**changes: str) -> dict[str, str]:
    """Give this process's environment, which conftest has cleaned, with changes."""
    return os.environ | forked.FLAGS | changes


def typed(name: str, cwd: Path) -> str:
    """Give what a hint calls `aqi-service` or `aqi-client` in the program as `ran` starts it."""
    return Start("__main__.py", sys.executable, cwd, environment()["PATH"]).command(name)


@dataclass
class Ran:
    """How a process ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def reports(self) -> list[dict[str, Any]]:
        """The reports: stdout holds nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def last(self) -> str:
        """The last line of stderr: the sentence, where there is one."""
        return self.err.splitlines()[-1] if self.err else ""


async def ran(
    *options: str,
    cwd: Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    module: str = "aqi_service",
    preexec: Callable[[], None] | None = None,
) -> Ran:
    """Run `python -m aqi_service` to its end, in a fork where its start is not what is tested."""
    process = await _start(module, options, cwd, env, preexec=preexec)
    try:
        async with patience():
            out, err = await process.communicate(stdin)
    finally:
        _kill(process)
    _assert_quiet(err.decode())
    return Ran(process.returncode or 0, out.decode(), err.decode())


async def _start(
    module: str,
    options: tuple[str, ...],
    cwd: Path,
    env: Mapping[str, str] | None,
    *,
    preexec: Callable[[], None] | None = None,
    stderr: int | None = None,
    fresh: bool = False,
) -> Process:
    """Start a program: in a fork, or `fresh`, by an interpreter of its own; `stderr` is a pipe's end."""
    settings = environment(**(env or {}))
    if preexec is None and not fresh and forked.can_fork(module, settings):
        return await forked.start(module, *options, cwd=cwd, env=settings, stderr=stderr)
    command = (sys.executable, "-m", module, *options)
    return await _spawn(command, cwd, settings, preexec=preexec, stderr=stderr)


async def _spawn(
    command: tuple[str, ...],
    cwd: Path,
    env: Mapping[str, str],
    *,
    preexec: Callable[[], None] | None = None,
    stderr: int | None = None,
) -> Process:
    return await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if stderr is None else stderr,
        limit=forked.LINE, start_new_session=True, preexec_fn=preexec,
    )  # fmt: skip


@dataclass
class Running:
    """A process under way: the lines of its streams as they come."""

    process: Process
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    pipe: UnreadPipe | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def line(self, pattern: str, number: int = 1, within: float = PATIENCE) -> re.Match[str]:
        """Wait for the line of that number, of stdout or stderr, in which the pattern is found."""
        found: list[re.Match[str]] = []

        def is_there() -> bool:
            found[:] = [match for line in (*self.out, *self.err) if (match := re.search(pattern, line))]
            return len(found) >= number

        async with self._news:
            try:
                async with asyncio.timeout(within):
                    await self._news.wait_for(is_there)
            except TimeoutError:
                raise AssertionError(f"no line {number} with {pattern!r} in {self.out} {self.err}") from None
        return found[number - 1]

    async def port(self, kind: str) -> int:
        """Wait until it listens; give the port."""
        return int((await self.line(rf'(?:^|"message": ")listening on \S+:(\d+) \({kind}\)(?:$|")'))[1])

    async def report(self, number: int = 1, within: float = PATIENCE) -> dict[str, Any]:
        """Wait for a load's report."""
        report: dict[str, Any] = json.loads((await self.line(r'^\{"status".*', number, within))[0])
        return report

    def tell(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def stop_reading(self) -> None:
        """Read no more of its stderr, which is full from now on (`unread`)."""
        assert self.pipe
        self.pipe.stop_reading(self.process.pid)

    def read_on(self) -> None:
        """Read its stderr again."""
        assert self.pipe
        self.pipe.read_on()

    async def ended(self) -> int:
        """Wait for the end; give the exit code."""
        async with patience():
            return await self.process.wait()

    async def closed(self) -> bool:
        """Wait until nobody, of its children neither, has its stdout open any more."""
        async with patience():
            return await self._ended.wait()

    async def ask(self, *payloads: bytes) -> list[bytes]:
        """Look up on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", await self.port("tcp"))
        try:
            async with patience():
                writer.write(b"".join(map(encode, payloads)))
                return [
                    await reader.readexactly(decode_header(await reader.readexactly(HEADER)))
                    for _ in payloads
                ]
        finally:
            writer.close()

    async def page(self, path: str) -> tuple[int, str]:
        """GET a page of the HTTP port; give status and text."""
        reader, writer = await asyncio.open_connection("127.0.0.1", await self.port("http"))
        try:
            async with patience():
                writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        finally:
            writer.close()
        return int(head.split()[1]), body

    async def collect(self, stream: asyncio.StreamReader | None, into: list[str]) -> None:
        """Keep a stream's lines to its end."""
        while stream is not None and (line := await stream.readline()):
            async with self._news:
                into.append(line.decode().rstrip("\n"))
                self._news.notify_all()
        if into is self.out:
            self._ended.set()


def running(
    *options: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    module: str = "aqi_service",
    preexec: Callable[[], None] | None = None,
    unread: bool = False,
    fresh: bool = False,
) -> AbstractAsyncContextManager[Running]:
    """Run the program beside a test; at the end it is killed, and must not have complained of itself.

    `unread` has its stderr be a pipe that need not be read; `fresh` is for an interpreter of its own.
    """
    return _beside(partial(_start, module, options, cwd, env, preexec=preexec, fresh=fresh), unread)


def started(
    *command: str,
    cwd: Path,
    env: Mapping[str, str],
    preexec: Callable[[], None] | None = None,
    unread: bool = False,
) -> AbstractAsyncContextManager[Running]:
    """Run the program as `running` does, by a command and an environment that are given whole."""
    return _beside(partial(_spawn, command, cwd, env, preexec=preexec), unread)


@asynccontextmanager
async def _beside(start: Callable[..., Awaitable[Process]], unread: bool) -> AsyncIterator[Running]:
    pipe = UnreadPipe() if unread else None
    process = await start(stderr=pipe.theirs if pipe else None)
    program = Running(process, pipe=pipe)
    if pipe:
        os.close(pipe.theirs)
        pipe.read_on()
    async with asyncio.TaskGroup() as group:
        group.create_task(program.collect(process.stdout, program.out))
        group.create_task(program.collect(pipe.stream if pipe else process.stderr, program.err))
        try:
            yield program
        finally:
            _kill(process)
            await process.wait()
            if process.stdin is not None:
                process.stdin.close()
            if pipe:
                pipe.read_on()
    if pipe:
        pipe.close()
    _assert_quiet("\n".join(program.err))


def _assert_quiet(err: str) -> None:
    for word in ("Traceback", "ResourceWarning", "never retrieved", "never awaited"):
        assert word not in err, err


def _kill(process: Process) -> None:
    """Kill it, and what it has started and left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
