"""The program in a fork of a process that has imported it: `ran` need not wait a second for each start.

One rule: a fork begins as `python -m` does (streams, arguments, folder, environment) and ends as
an interpreter ends; what is killed, limited or told by signals, `doubles/program` starts as users do.

A relay is the process that a test sees. It hands its streams to the process that forks, waits, and ends
as the program has ended; when the relay is killed, the program is.
"""

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
from functools import cache
from pathlib import Path
from typing import NoReturn

from tests.doubles.models import import_all

MODULES = ("aqi_service", "aqi_service.client")
RELAY = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as there:
    there.connect(sys.argv[1])
    asked = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(there, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    there.sendall(asked)
    for stream in (0, 1, 2):
        os.close(stream)
    code = int(there.recv(16) or b"99")
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(code)
"""


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


def command(module: str, options: tuple[str, ...]) -> list[str]:
    """Give the command of a relay that runs a module."""
    return [sys.executable, "-I", "-S", "-c", RELAY, place(), module, *options]


def _serve(listener: socket.socket) -> list[str]:
    """Fork a guard for each relay until stdin ends; only a program returns: its module and arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            os.unlink(listener.getsockname())  # noqa: PTH108  # a name, no path of ours
            os.rmdir(os.path.dirname(listener.getsockname()))  # noqa: PTH106, PTH120  # likewise
            os._exit(0)
        relay, _ = listener.accept()
        if os.fork():
            relay.close()
            continue
        listener.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        return _begun(relay)


def _begun(relay: socket.socket) -> list[str]:
    """Be the guard of a program, or return in the program."""
    size, streams, _, _ = socket.recv_fds(relay, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += relay.recv(2**16)
    arguments, folder, environment = json.loads(asked)
    if child := os.fork():
        for stream in streams:
            os.close(stream)
        _guard(relay, child)
    relay.close()
    os.setsid()
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


def _guard(relay: socket.socket, child: int) -> NoReturn:
    """Wait for a program, and tell its end; kill it when nobody waits any more."""
    watched = os.pidfd_open(child)
    if relay.fileno() in select.select([relay.fileno(), watched], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    try:
        relay.sendall(str(os.waitstatus_to_exitcode(status)).encode())
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
