"""`make demo`: the main job on the bundled real capture, on this machine, without a network.

One rule: it uses the program's own commands as a user would; nothing here is done for show.
"""

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from importlib.resources import as_file, files
from pathlib import Path

from aqi_service.client import Client

CAPTURE = "data_10_08_17_11_23.json.gz"
RECORDS = ("250452007", "250451653", "250451706")
START_SECONDS = 20.0

CAVEAT = """\
These are values of 5 minutes of 10 August 2017, and the DAQI wants 24-hour means: an index on them only
illustrates. The live feed has 24-hour means. They are what citizens' sensors report, uncalibrated: no
regulatory measurement and no health advice. Data: Sensor.Community (ODbL 1.0, contents DbCL 1.0)."""

NEXT = """\
Next: make run        load the real feed every hour into ./data, and serve it
      make map        serve the demo's data until Ctrl-C
      README.md       the same on AWS"""


async def demo(folder: Path, *, serve: bool) -> int:
    """Load the capture into a local store under `folder`, serve it, and look RECORDS up.

    With `serve` it goes on serving until the process is told to stop. Returns the exit code.
    """
    with as_file(files("aqi_service") / "data" / CAPTURE) as capture:
        print(f"1. Load {CAPTURE}, the network's real file of 10 August 2017, into {folder}\n", flush=True)
        loaded = await _program("--load-only", "--local", str(folder), "--from", str(capture))
        if code := await loaded.wait():
            return code
    async with AsyncExitStack() as stack:
        server = await _program(
            "--serve-only", "--local", str(folder), "--port", "0", "--http-port", "0", errors=True
        )
        stack.push_async_callback(_stopped, server)
        ports = await _ports(server)
        print(f"\n2. Serve it on port {ports['tcp']}, and look {len(RECORDS)} records up\n")
        await _look_up(ports["tcp"])
        print(f"\n{CAVEAT}\n\n{NEXT}", flush=True)
        if serve:
            print(f"\nServing until Ctrl-C: python -m aqi_service.client --port {ports['tcp']} {RECORDS[0]}")
            print(f"http://127.0.0.1:{ports['http']}/", flush=True)
            await server.wait()
    return 0


async def _program(*options: str, errors: bool = False) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "aqi_service", *options, stderr=asyncio.subprocess.PIPE if errors else None
    )


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
    return ports


async def _look_up(port: int) -> None:
    async with Client("127.0.0.1", port) as client:
        for number, record_id in enumerate(RECORDS):
            reply = await client.lookup_csv(record_id)
            lines = [] if reply is None else reply.decode().splitlines()
            print("\n".join(lines[1 if number else 0 :]))


async def _stopped(server: asyncio.subprocess.Process) -> None:
    if server.returncode is None:
        server.terminate()
        await server.wait()


def main(argv: list[str] | None = None) -> int:
    """Run the demo in a temporary folder and return its exit code."""
    serve = "--serve" in (sys.argv[1:] if argv is None else argv)
    with tempfile.TemporaryDirectory(prefix="aqi-demo-") as folder:
        try:
            return asyncio.run(demo(Path(folder), serve=serve))
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
