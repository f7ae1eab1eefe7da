"""Ctrl-C and SIGTERM at the moments that are a command's own: while it is imported, and at its end.

The moments are hit by an import hook in the started process: it sends the signal when a module is asked for.
"""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aqi_service.client.interrupt import EXIT_CODE, leave_at_signals, raise_at_interrupt, run_and_leave
from tests import ROOT
from tests.doubles.client_command import at_table, files
from tests.doubles.patience import PATIENCE, patience
from tests.doubles.program import CAPTURE, Ran, environment, ran, running
from tests.doubles.unread import full_pipe
from tests.doubles.wire_fixtures import FOUND

HOOK = """
import atexit, importlib.abc, os, signal, sys

def interrupt():
    os.kill(os.getpid(), int(os.environ["SIGNAL"]))

class AtImport(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == os.environ["AT"]:
            interrupt()

if os.environ["AT"] == "the end":
    atexit.register(interrupt)
sys.meta_path.insert(0, AtImport())
"""

CLIENT, SERVICE = "aqi_service.client", "aqi_service"
LOAD = ("--load-only", "--dry-run", "--from", str(CAPTURE))


async def interrupted(
    at: str, module: str, *options: str, cwd: Path, ignored: bool = False, number: int = signal.SIGINT
) -> Ran:
    """Run a command that gets a signal at a moment; the hook is its sitecustomize."""
    (cwd / "sitecustomize.py").write_text(HOOK)
    env = {"AT": at, "PYTHONPATH": f"{cwd}:{ROOT}", "SIGNAL": str(int(number))}
    how = signal.SIG_IGN if ignored else signal.SIG_DFL
    return await ran(*options, module=module, cwd=cwd, env=env, preexec=lambda: _begin_with(number, how))


def _begin_with(number: int, how: signal.Handlers) -> None:
    signal.signal(number, how)


MOMENTS = [
    *((CLIENT, at) for at in ("aqi_service.client.cli", "argparse", "aqi_service.client.output", "asyncio")),
    *((SERVICE, at) for at in ("aqi_service.cli", "click", "aqi_service.app.config", "aiohttp", "uvloop")),
]


@pytest.mark.parametrize(("module", "at"), MOMENTS)
async def test_sigterm_while_a_command_is_imported_ends_it_as_that_signal_does_without_a_word(
    module: str, at: str, tmp_path: Path
) -> None:
    options = ("1",) if module == CLIENT else LOAD
    done = await interrupted(at, module, *options, cwd=tmp_path, number=signal.SIGTERM)
    assert done == Ran(-signal.SIGTERM, "", "")


def first_of_all(*command: str) -> list[str]:
    """Give what runs a command as the first process of a PID namespace, as a container does."""
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    tried = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    if tried.returncode:  # a sandbox may forbid them; the tests above hold the handler itself everywhere
        pytest.skip("this machine allows no PID namespace")
    return [*unshare, *command]


@pytest.mark.parametrize(("module", "at"), MOMENTS)
def test_the_first_process_of_a_container_ends_by_sigterm_while_it_is_imported(
    module: str, at: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    options = ("1",) if module == CLIENT else LOAD
    done = subprocess.run(
        first_of_all(sys.executable, "-m", module, *options),
        env=environment(AT=at, PYTHONPATH=f"{tmp_path}:{ROOT}", SIGNAL=str(int(signal.SIGTERM))),
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


@pytest.mark.parametrize(("module", "at"), MOMENTS)
async def test_an_interrupt_while_a_command_is_imported_is_exit_code_130_without_a_word(
    module: str, at: str, tmp_path: Path
) -> None:
    options = ("1",) if module == CLIENT else LOAD
    assert await interrupted(at, module, *options, cwd=tmp_path) == Ran(130, "", "")


@pytest.mark.parametrize("module", [CLIENT, SERVICE])
async def test_an_interrupt_while_the_interpreter_ends_is_no_traceback_and_costs_no_output(
    module: str, tmp_path: Path
) -> None:
    done = await interrupted("the end", module, "--help", cwd=tmp_path)
    assert (done.code, done.err) == (130, "")
    assert "--port" in done.out


async def test_an_interrupt_after_a_load_leaves_its_report(tmp_path: Path) -> None:
    done = await interrupted("the end", SERVICE, *LOAD, cwd=tmp_path)
    assert [report["records"] for report in done.reports] == [6874]
    assert done.code in (0, 130)  # as the event loop that is over leaves the signal: unheard, or to Python


@pytest.mark.parametrize("module", [CLIENT, SERVICE])
async def test_who_was_started_with_interrupts_ignored_goes_on_ignoring_them(
    module: str, tmp_path: Path
) -> None:
    done = await interrupted(
        "argparse" if module == CLIENT else "click", module, "--help", cwd=tmp_path, ignored=True
    )
    assert (done.code, done.err) == (0, "")


DAEMON = ("--local", "kept", "--port", "0", "--no-http", "--feed-url", "http://127.0.0.1:1/")


@pytest.mark.parametrize("at", ["aqi_service.cli", "aqi_service.app.daemon", "uvloop"])
async def test_a_hangup_while_a_daemon_is_imported_waits_until_it_reads_its_files_again(
    at: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    (tmp_path / "list").write_text("12\n")
    env = {"AT": at, "PYTHONPATH": f"{tmp_path}:{ROOT}", "SIGNAL": str(int(signal.SIGHUP))}
    async with running(*DAEMON, "--exclude-sensors", "list", cwd=tmp_path, env=env, fresh=True) as program:
        await program.line(" exclusions_reloaded sensors=1 ")
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0


@pytest.mark.parametrize("at", ["aqi_service.cli", "aqi_service.app.load_only"])
async def test_a_hangup_while_a_load_is_imported_ends_it_as_that_signal_does(at: str, tmp_path: Path) -> None:
    assert await interrupted(at, SERVICE, *LOAD, cwd=tmp_path, number=signal.SIGHUP) == Ran(-1, "", "")


STALLED = """
import io, os, signal, sys

class Stalled(io.RawIOBase):
    # The first write hears Ctrl-C, and then waits for a reader that never comes; a later one is the system's.
    def __init__(self, number):
        self.number, self.is_first = number, True

    def writable(self):
        return True

    def fileno(self):
        return self.number

    def write(self, data):
        if self.is_first:
            self.is_first = False
            os.kill(os.getpid(), signal.SIGINT)
            os.read(os.pipe()[0], 1)
        return os.write(self.number, data)

stream = io.TextIOWrapper(io.BufferedWriter(Stalled(int(os.environ["NUMBER"]))), line_buffering=True)
setattr(sys, {1: "stdout", 2: "stderr"}[stream.fileno()], stream)
"""


@pytest.mark.parametrize(("number", "record_id"), [(1, FOUND), (2, "1")])
async def test_an_interrupt_ends_a_client_whose_output_nobody_reads(
    number: int, record_id: str, tmp_path: Path
) -> None:
    """A row waits for a reader of stdout, or `not found` for one of stderr."""
    (tmp_path / "sitecustomize.py").write_text(STALLED)
    ours, full = full_pipe()
    async with at_table() as there:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", CLIENT, *there, record_id, cwd=tmp_path,
            env=environment(NUMBER=str(number), PYTHONPATH=f"{tmp_path}:{ROOT}"),
            preexec_fn=lambda: _begin_with(signal.SIGINT, signal.SIG_DFL),
            stdin=subprocess.DEVNULL,
            stdout=full if number == 1 else subprocess.DEVNULL,
            stderr=full if number == 2 else subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with patience():
                assert await process.wait() == EXIT_CODE
        finally:
            if process.returncode is None:
                process.kill()
            os.close(full)
            os.close(ours)
    assert [name for name in files(tmp_path) if name.startswith(".")] == []


def test_work_that_raises_at_an_interrupt_ends_with_130_and_other_handlers_stay() -> None:
    seen: list[object] = []

    def work() -> int:
        seen.append(signal.getsignal(signal.SIGINT))
        raise_at_interrupt()
        signal.raise_signal(signal.SIGINT)
        return 0

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    other = signal.getsignal(signal.SIGTERM)
    try:
        leave_at_signals()
        assert run_and_leave(work) == EXIT_CODE == 130
        assert seen != [signal.default_int_handler]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert run_and_leave(lambda: 7) == 7
        raise_at_interrupt()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, other)
