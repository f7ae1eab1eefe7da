"""`python -m trials.host`: a table of what the program needs of its machine; exit 1 if a limit is passed."""

import argparse
import asyncio
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from trials.host.figures import Figure
from trials.host.parts import memory, serving
from trials.host.trouble import disk, standing_still

Part = Callable[[Path, argparse.Namespace], AsyncIterator[Figure]]

PARTS: dict[str, Part] = {
    "serving": lambda folder, asked: serving(folder, asked.megabytes * 1_000_000),
    "memory": lambda folder, asked: memory(folder, asked.megabytes * 1_000_000),
    "stopped": lambda folder, asked: standing_still(folder, asked.stopped),
    "disks": lambda folder, _: disk(folder),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that were asked for, each in a folder of its own; return 1 if a limit was passed."""
    parser = argparse.ArgumentParser(prog="python -m trials.host", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500, help="of the snapshot that is loaded")
    parser.add_argument("--stopped", type=float, default=90.0, help="seconds of SIGSTOP")
    parser.add_argument(
        "parts", nargs="*", default=[], help=f"some of {', '.join(PARTS)}; all of them if none"
    )
    asked = parser.parse_args(arguments)
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}", flush=True)
    passed = [asyncio.run(_shown(PARTS[name], asked)) for name in asked.parts or PARTS]
    return int(any(passed))


async def _shown(part: Part, asked: argparse.Namespace) -> bool:
    """Print a part's figures as they come; tell whether a limit was passed."""
    passed = False
    with tempfile.TemporaryDirectory() as folder:
        async for figure in part(Path(folder), asked):
            print(figure.line(), flush=True)
            passed |= not figure.holds
    return passed


if __name__ == "__main__":
    sys.exit(main())
