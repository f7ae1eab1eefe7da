"""`python -m trials.api`: exit code 1 if schemathesis finds anything, 2 if it is not installed."""

import argparse
import asyncio
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence

from tests import ROOT
from tests.doubles.api_world import capture_served

COMMAND = "from schemathesis.cli import schemathesis; schemathesis()"
MISSING = "api: schemathesis is not installed: make test does that"


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask and compare."""
    parser = argparse.ArgumentParser(prog="python -m trials.api", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="for each operation")
    parser.add_argument("--seed", type=int, default=1, help="of the requests")
    parser.add_argument("more", nargs="*", help="options of schemathesis, behind --")
    asked = parser.parse_args(arguments)
    if importlib.util.find_spec("schemathesis") is None:
        print(MISSING, file=sys.stderr)
        return 2
    options = (f"--max-examples={asked.examples}", f"--seed={asked.seed}", *asked.more)
    return asyncio.run(compare(*options))


async def compare(*options: str) -> int:
    """Serve the capture, and let schemathesis ask for all that its description allows."""
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "trials.api.hooks", "PYTHONPATH": str(ROOT)}
    async with capture_served() as world:
        address = f"http://127.0.0.1:{world.port}/api/v1/openapi.json"
        with tempfile.TemporaryDirectory() as folder:  # it leaves files where it runs
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-c", COMMAND, "run", address, "--no-color", *options,
                cwd=folder, env=environment,
            )  # fmt: skip
            return await program.wait()


if __name__ == "__main__":
    sys.exit(main())
