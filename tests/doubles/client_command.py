"""The command `aqi-client` as a process of its own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.doubles import forked
from tests.doubles.wire_fixtures import serving, table

CLIENT = "aqi_service.client"


def files(folder: Path) -> dict[str, bytes]:
    """Give a folder's files by name."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@dataclass
class Ran:
    code: int
    out: bytes
    err: str


async def command(
    *arguments: str,
    cwd: Path,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    out: int = subprocess.PIPE,
    preexec: Callable[[], None] | None = None,
) -> Ran:
    """Run `python -m aqi_service.client` with a clean environment, in a fork where it has plain streams."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AQI_")}
    settings = {**clean, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    process: asyncio.subprocess.Process | forked.ForkedProcess
    if preexec is None and out == subprocess.PIPE and forked.can_fork(CLIENT, settings):
        process = await forked.start(CLIENT, *arguments, cwd=cwd, env=settings)
    else:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", CLIENT, *arguments, cwd=cwd, env=settings, preexec_fn=preexec,
            stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE,
        )  # fmt: skip
    printed, complained = await process.communicate(stdin)
    assert b"Traceback" not in complained
    return Ran(process.returncode or 0, printed or b"", complained.decode())


@asynccontextmanager
async def at_table() -> AsyncIterator[Sequence[str]]:
    """Serve the table; give the options that lead a command there."""
    async with serving(table) as served:
        yield ("--port", str(served.port))
