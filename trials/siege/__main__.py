"""`python -m trials.siege`: a table of figures beside their limits; exit 1 if a limit is not kept."""

import argparse
import asyncio
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from trials.siege.figures import Figure, broken, table
from trials.siege.opening import besieged
from trials.siege.sizes import SMALL, SMALL_BOUNDS, WHOLE, Bounds, Size


def main(arguments: Sequence[str] | None = None) -> int:
    """Besiege a daemon."""
    parser = argparse.ArgumentParser(prog="python -m trials.siege", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the attacks")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--small", action="store_true", help="as `make test` does")
    parser.add_argument("--p99", type=float, default=50.0, help="milliseconds; 0 only shows it")
    asked = parser.parse_args(arguments)
    size = SMALL if asked.small else WHOLE
    found = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if found != resource.RLIM_INFINITY and found < size.needs:
        _tell(f"siege: needs {size.needs} open files, the limit is {found}: raise ulimit -Hn")
        return 2
    bounds = SMALL_BOUNDS if asked.small else Bounds(p99=asked.p99 / 1000 or None)
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_figures(asked, size, bounds, Path(folder)))
    over = broken(figures)
    print(*table(figures), "", f"{len(over)} limits are not kept", sep="\n")
    return int(bool(over))


async def _figures(asked: argparse.Namespace, size: Size, bounds: Bounds, folder: Path) -> list[Figure]:
    async with besieged(size, bounds, asked.seed, folder, loop=asked.loop, told=_tell) as siege:
        return await siege.run()


def _tell(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
