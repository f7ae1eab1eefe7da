"""What README and docs show is run as a person would: the commands on PATH, with a port of their own."""

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.patience import patience
from tests.doubles.ports import free_port
from tests.doubles.program import environment
from tools.setup import commands, write_command

README = (ROOT / "README.md").read_text(encoding="utf-8")


def lines(text: str) -> list[str]:
    """Give the lines of a text's blocks of commands."""
    return [line.strip().partition("  #")[0].strip() for line in text.splitlines() if line.startswith("    ")]


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which the commands are installed, with a port of its own for server and client."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    for name, target in commands().items():
        write_command(tmp_path / "bin" / name, target)
    port = str(free_port())
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return environment(PATH=path, PYTHONPATH=str(ROOT), AQI_PORT=port, AQI_SERVER_PORT=port)


async def run(line: str, env: dict[str, str], cwd: Path) -> tuple[int, str, str]:
    """Run a line as a shell does; give exit code, stdout and stderr."""
    pipe = asyncio.subprocess.PIPE
    done = await asyncio.create_subprocess_exec("sh", "-c", line, env=env, cwd=cwd, stdout=pipe, stderr=pipe)
    async with patience():
        out, err = await done.communicate()
    return done.returncode or 0, out.decode(), err.decode()
