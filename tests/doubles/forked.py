"""The program in a fork of a process that has imported it: no test need wait a second for each start.

One rule: a fork begins as `python -m` does (streams, arguments, folder, environment) and ends as
an interpreter ends; where the start itself is tested, or what is there before it, `doubles/program` starts it
as users do.

The process of tests hands the streams to the process that forks; a guard waits for the program and tells how
it has ended. When the process of tests is gone, the program is killed.
"""

import asyncio
import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, NoReturn, cast

from tests.doubles.models import import_all

MODULES = ("aqi_service", "aqi_service.client", "tests.doubles.default_port", "tests.doubles.hand_clocked")
KNOWN = {"PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS", "PYTHONPATH"}
"""What a fork has of that which an interpreter reads at its start."""

LINE = 2**20
"""Longest line of its output."""


@cache
def place() -> str:
    """Start the process that forks, once in a process of tests; it ends with it. Give where it listens."""
    folder = Path(tempfile.mkdtemp(prefix="forked-"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.doubles.forked", str(folder / "s")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        cwd=Path(__file__).parents[2], env=os.environ | FLAGS,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == b"listening\n"
    atexit.register(_end, process)
    return str(folder / "s")


FLAGS = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "always::ResourceWarning"}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it end, and see that it has."""
    process.communicate()


def can_fork(module: str, environment: Mapping[str, str]) -> bool:
    """Tell whether a fork is as good as a new interpreter."""
    settings = {name for name in environment if name.startswith("PYTHON")}
    return module in MODULES and settings <= KNOWN and hasattr(os, "pidfd_open")


class ForkedProcess:
    """The program as `asyncio.subprocess.Process` has one, as far as tests use that."""

    def __init__(self, pid: int, end: "asyncio.Task[int]", streams: "_Streams") -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = streams.stdin, streams.stdout, streams.stderr
        self._end = end

    @property
    def returncode(self) -> int | None:
        """How it has ended; negative is by a signal."""
        return self._end.result() if self._end.done() else None

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def wait(self) -> int:
        """Wait for its end."""
        return await asyncio.shield(self._end)

    async def communicate(self, data: bytes) -> tuple[bytes, bytes]:
        """Give it its input, and return what it printed and complained of, once it has ended."""
        assert self.stderr
        with suppress(ConnectionError):
            self.stdin.write(data)
            await self.stdin.drain()
        self.stdin.close()
        out, err = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        return out, err


async def start(
    module: str, *options: str, cwd: Path, env: Mapping[str, str], stderr: int | None = None
) -> ForkedProcess:
    """Start a module's program; `stderr` is a pipe of the caller's."""
    streams = _Streams()
    theirs = streams.open(stderr)
    try:
        asked = json.dumps([[module, *options], str(cwd), dict(env)]).encode()
        there = socket.socket(socket.AF_UNIX)
        there.connect(place())
        socket.send_fds(there, [len(asked).to_bytes(4, "big")], theirs)
        there.sendall(asked)
    finally:
        for stream in theirs:
            if stream != stderr:
                os.close(stream)
    there.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=there)
    await streams.connect()
    pid = int(await reader.readline())

    async def end() -> int:
        code = int(await reader.readline())
        writer.close()
        return code

    return ForkedProcess(pid, asyncio.create_task(end()), streams)


class _Streams:
    """Our ends of a program's streams."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader | None = None

    def open(self, stderr: int | None) -> list[int]:
        """Make the pipes; return the program's ends."""
        (their_in, self._in), (self._out, their_out) = os.pipe(), os.pipe()
        self._err: int | None = None
        if stderr is None:
            self._err, stderr = os.pipe()
        return [their_in, their_out, stderr]

    async def connect(self) -> None:
        """Read and write them by the event loop."""
        loop = asyncio.get_running_loop()
        flow = asyncio.StreamReaderProtocol(asyncio.StreamReader())
        transport, _ = await loop.connect_write_pipe(lambda: flow, _file(self._in, "wb"))
        self.stdin = asyncio.StreamWriter(transport, flow, None, loop)
        self.stdout = await _reading(self._out)
        self.stderr = None if self._err is None else await _reading(self._err)


def _file(pipe: int, mode: str) -> IO[bytes]:
    return cast("IO[bytes]", open(pipe, mode, buffering=0))  # a transport closes it


async def _reading(pipe: int) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    await loop.connect_read_pipe(lambda: protocol, _file(pipe, "rb"))
    return reader


def _serve(listener: socket.socket) -> list[str]:
    """Fork a guard for each test until stdin ends; only a program returns: its module and arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            os.unlink(listener.getsockname())  # noqa: PTH108  # a name, no path of ours
            os.rmdir(os.path.dirname(listener.getsockname()))  # noqa: PTH106, PTH120  # likewise
            os._exit(0)
        test, _ = listener.accept()
        if os.fork():
            test.close()
            continue
        listener.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return _begun(test)


def _begun(test: socket.socket) -> list[str]:
    """Be the guard of a program, or return in the program."""
    size, streams, _, _ = socket.recv_fds(test, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += test.recv(2**16)
    arguments, folder, environment = json.loads(asked)
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        _guard(test, child)
    os.setsid()
    test.sendall(b"%d\n" % os.getpid())
    test.close()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115  # to the end
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115  # likewise
    return list(arguments)


def _guard(test: socket.socket, child: int) -> NoReturn:
    """Wait for a program, and tell its end; kill it when nobody waits any more."""
    watched = os.pidfd_open(child)
    if test.fileno() in select.select([test.fileno(), watched], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    try:
        test.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    finally:
        os._exit(0)


def main() -> None:
    """Import the program, listen, and become it in each fork."""
    import_all()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(64)
    print("listening", flush=True)
    gc.collect()
    gc.freeze()  # what is shared stays shared
    module, *options = _serve(listener)
    sys.path[0] = str(Path.cwd())
    sys.argv = [module, *options]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        _leave(ended.code)


def _leave(code: object) -> None:
    """End with a code as an interpreter does, but for taking the shared modules apart."""
    if not isinstance(code, int):
        raise SystemExit(code)
    atexit._run_exitfuncs()
    gc.collect()  # what was not closed is told
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
