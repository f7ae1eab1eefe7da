"""`make demo`: the main job with the bundled real capture, on this machine, without a network.

One rule: it uses the program's own commands as a user would; nothing here is only for show.
"""

import asyncio
import ctypes
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import as_file, files
from pathlib import Path

from aqi_service.app.commands import client, service
from aqi_service.client import Client

CAPTURE = "data_10_08_17_11_23.json.gz"
RECORDS = ("250452007", "250451653", "250451706")
QUESTIONS = (
    ("--area", "Stuttgart", "--km", "3", "--format", "table"),
    ("--near", "Stuttgart", "-n", "3", "--format", "table"),
)
START_SECONDS = 60.0
HINT = b" records, for instance: "
"""Part of a load's line about looking a record up; it names the default port, which the demo does not use."""

PR_SET_PDEATHSIG = 1
"""An option of prctl(2): the signal that a process gets when its parent is gone."""

CAVEAT = """\
These are values of 5 minutes of 10 August 2017, and the DAQI wants 24-hour means: an index on them only
illustrates. The live feed has 24-hour means. They are what citizens' sensors report, uncalibrated: no
regulatory measurement and no health advice. Data: Sensor.Community (ODbL 1.0, contents DbCL 1.0)."""

IN_TREE = """\
Next: make run        load the real feed every hour into ./data, and serve it
      README.md       how to install it, and the same on AWS

see it on a map: make map"""

INSTALLED = """\
Next: {service} --local ./data --ttl-days 14 --keep-days 14
      loads the real feed every hour into ./data, and serves it

see it on a map: {python} -m aqi_service.demo --serve"""


def what_next(tree: Path) -> str:
    """Say what to type next: to a user with the project's tree, or with only the installed program."""
    if (tree / "Makefile").exists():
        return IN_TREE
    return INSTALLED.format(service=service(), python=shlex.quote(sys.executable))


async def demo(folder: Path, *, serve: bool) -> int:
    """Load the capture into a local store under `folder`, serve it, look RECORDS up, and ask QUESTIONS.

    With `serve` it serves on until the process is told to stop. Returns the exit code.
    """
    with as_file(files("aqi_service") / "data" / CAPTURE) as capture:
        print(f"1. Load {CAPTURE}, the network's real file of 10 August 2017, into {folder}\n", flush=True)
        place = ("--local", str(folder), "--from", str(capture))
        async with _program("--load-only", *place, errors=True) as load:
            await _pass_on(load, but=HINT)
            if code := await load.wait():
                return code
    async with _program(
        "--serve-only", "--local", str(folder), "--port", "0", "--http-port", "0", errors=True
    ) as server:
        ports = await _ports(server)
        print(f"\n2. Serve it on port {ports['tcp']}, and look {len(RECORDS)} records up\n")
        await _look_up(ports["tcp"])
        print("\n3. Ask it by place: how is the air in Stuttgart, and at the sensors nearest to its middle?")
        await _until_in_memory(server)
        await _ask(ports["tcp"])
        next_steps, _, see = what_next(Path(__file__).parent.parent).rpartition("\n")
        print(f"\n{CAVEAT}\n\n{next_steps}")
        if not serve:
            print(see, flush=True)
        else:
            print(f"Serving until Ctrl-C: {client()} --port {ports['tcp']} {RECORDS[0]}")
            print("See it on a map, in a browser on this machine:")
            print(f"http://127.0.0.1:{ports['http']}/", flush=True)
            await _pass_on(server)
            return await server.wait()
    return 0


@asynccontextmanager
async def _program(*options: str, errors: bool = False) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program, without the user's own AQI_ variables, until it or the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aqi_service", *options,
        env={name: value for name, value in os.environ.items() if not name.startswith("AQI_")},
        stderr=asyncio.subprocess.PIPE if errors else None, preexec_fn=_end_with_the_demo,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await _pass_on(process)
        await process.wait()


def _end_with_the_demo() -> None:
    """Ask Linux to end the program if the demo is killed; other systems cannot do that."""
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _pass_on(process: asyncio.subprocess.Process, but: bytes | None = None) -> None:
    """Print the program's stderr to its end, without lines with `but`; unread it would block the program."""
    while process.stderr is not None and (line := await process.stderr.readline()):
        if but is None or but not in line:
            print(line.decode(errors="replace"), end="", file=sys.stderr, flush=True)


async def _ports(server: asyncio.subprocess.Process) -> dict[str, int]:
    """Read the server's own lines until it listens on both ports."""
    ports: dict[str, int] = {}
    if server.stderr is None:
        raise ValueError("the server was started without a pipe")
    async with asyncio.timeout(START_SECONDS):
        while len(ports) < 2:
            line = (await server.stderr.readline()).decode()
            if not line:
                raise RuntimeError("the server ended before it listened")
            if line.startswith("listening on "):
                port, kind = line.rpartition(":")[2].split()
                ports[kind.strip("()")] = int(port)
            elif not line.startswith("aqi_service "):
                print(line, end="", file=sys.stderr)
    return ports


async def _look_up(port: int) -> None:
    async with Client("127.0.0.1", port) as client:
        for number, record_id in enumerate(RECORDS):
            reply = await client.lookup_csv(record_id)
            lines = [] if reply is None else reply.decode().splitlines()
            print("\n".join(lines[1 if number else 0 :]))


async def _ask(port: int) -> None:
    """Ask QUESTIONS as a person does."""
    for question in QUESTIONS:
        print(f"\n    {client()} --port {port} {' '.join(question)}\n", flush=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "aqi_service.client", "--port", str(port), *question,
            env={name: value for name, value in os.environ.items() if not name.startswith("AQI_")},
        )  # fmt: skip
        await process.wait()


async def _until_in_memory(server: asyncio.subprocess.Process) -> None:
    """Read the server's lines until it has the capture in memory, from which it answers by place."""
    async with asyncio.timeout(START_SECONDS):
        while server.stderr is not None and (line := await server.stderr.readline()):
            if b" memory_replaced " in line:
                return
            print(line.decode(errors="replace"), end="", file=sys.stderr)


async def _until_told(*, serve: bool) -> int:
    """Run the demo in a temporary folder; a signal ends it and its programs, and removes the folder."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told.set)
    with tempfile.TemporaryDirectory(prefix="aqi-demo-") as folder:
        running = asyncio.create_task(demo(Path(folder), serve=serve))
        waiting = asyncio.create_task(told.wait())
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        for task in (running, waiting):
            task.cancel()
        await asyncio.wait((running, waiting))
    if running.cancelled():
        return 0 if serve else 130
    return running.result()


def main(argv: list[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    try:
        return asyncio.run(_until_told(serve="--serve" in (sys.argv[1:] if argv is None else argv)))
    except (OSError, RuntimeError) as error:  # no temporary folder, for one; or a TimeoutError
        print(f"demo: {error or 'the server does not listen'}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
