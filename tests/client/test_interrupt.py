"""Ctrl-C at the moments that are a command's own: while it is imported, and while the interpreter ends.

The moments are hit by an import hook in the started process: it sends the signal when a module is asked for.
"""

import signal
from pathlib import Path

import pytest

from aqi_service.client.interrupt import EXIT_CODE, leave_at_interrupt, raise_at_interrupt, run_and_leave
from tests import ROOT
from tests.doubles.program import CAPTURE, Ran, ran

HOOK = """
import atexit, importlib.abc, os, signal, sys

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

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


async def interrupted(at: str, module: str, *options: str, cwd: Path, ignored: bool = False) -> Ran:
    """Run a command that gets SIGINT at a moment; the hook is its sitecustomize."""
    (cwd / "sitecustomize.py").write_text(HOOK)
    env = {"AT": at, "PYTHONPATH": f"{cwd}:{ROOT}"}
    how = signal.SIG_IGN if ignored else signal.SIG_DFL
    return await ran(*options, module=module, cwd=cwd, env=env, preexec=lambda: _begin_with(how))


def _begin_with(how: signal.Handlers) -> None:
    signal.signal(signal.SIGINT, how)


@pytest.mark.parametrize(
    ("module", "at"),
    [
        *(
            (CLIENT, at)
            for at in ("aqi_service.client.cli", "argparse", "aqi_service.client.output", "asyncio")
        ),
        *(
            (SERVICE, at)
            for at in ("aqi_service.cli", "click", "aqi_service.app.config", "aiohttp", "uvloop")
        ),
    ],
)
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


def test_work_that_raises_at_an_interrupt_ends_with_130_and_other_handlers_stay() -> None:
    seen: list[object] = []

    def work() -> int:
        seen.append(signal.getsignal(signal.SIGINT))
        raise_at_interrupt()
        signal.raise_signal(signal.SIGINT)
        return 0

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        leave_at_interrupt()
        assert run_and_leave(work) == EXIT_CODE == 130
        assert seen != [signal.default_int_handler]
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert run_and_leave(lambda: 7) == 7
        raise_at_interrupt()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
