"""`make shards`: workers killed beside a daemon, replicas behind one address; exit 1 if a promise broke."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.doubles.moto_server import moto_endpoint
from trials.shards import behind, checks
from trials.shards.plan import WHOLE, plan_of
from trials.shards.shards import sharded

SHOWN = 20
"""Problems that are printed."""

RECORDS, LOOKUPS = 1_000, 3_000
"""Behind one address: records of a snapshot, and lookups between two kills."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both parts; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m trials.shards", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of what there is, and of who is killed when")
    seed = parser.parse_args(arguments).seed
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with tempfile.TemporaryDirectory() as folder:
        return int(asyncio.run(_both(seed, Path(folder))))


async def _both(seed: int, folder: Path) -> bool:
    begun = time.monotonic()
    outcome = await sharded(plan_of(seed, WHOLE), moto_endpoint(), folder)
    failed = _told(checks.summary(outcome), checks.problems(outcome), begun)
    begun = time.monotonic()
    asked = await behind.behind_one_address(seed, moto_endpoint(), folder, RECORDS, LOOKUPS)
    return _told(behind.summary(asked), behind.problems(asked), begun) or failed


def _told(summary: str, problems: Sequence[str], begun: float) -> bool:
    """Print what was seen; tell whether anything is wrong."""
    print(f"{summary} seconds={time.monotonic() - begun:.0f}", *problems[:SHOWN], sep="\n", flush=True)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
