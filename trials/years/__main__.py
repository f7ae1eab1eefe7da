"""`make years`: daily files by shards that are killed, and 20,000 out of S3; exit 1 if a promise broke."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.doubles.moto_names import Moto
from tests.doubles.moto_server import moto_endpoint
from trials.years import checks, objects
from trials.years.plan import WHOLE, plan_of
from trials.years.shards import years

SHOWN = 20
"""Problems that are printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both parts; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m trials.years", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the files, and of who is killed when")
    plan, moto = plan_of(parser.parse_args(arguments).seed, WHOLE), Moto(moto_endpoint())
    os.environ |= moto.environment
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(years(plan, Path(folder)))
    failed = _told(checks.summary(outcome), checks.problems(outcome))
    read = objects.read_day(moto, WHOLE.files)
    return int(_told(objects.summary(read), objects.problems(read, WHOLE.files)) or failed)


def _told(summary: str, problems: Sequence[str]) -> bool:
    """Print what was seen; tell whether anything is wrong."""
    print(summary, *problems[:SHOWN], sep="\n", flush=True)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
