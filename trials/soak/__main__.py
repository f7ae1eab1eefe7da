"""`python -m trials.soak`: a table of what loads and lookups leave behind; exit 1 if anything grows."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.doubles.moto_server import moto_endpoint
from trials.soak.samples import Sample, grown, table
from trials.soak.world import Soak


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak a table behind the shim, then a folder."""
    parser = argparse.ArgumentParser(prog="python -m trials.soak", description=__doc__)
    parser.add_argument("--loads", type=int, default=500, help="on each kind of place")
    parser.add_argument("--every", type=int, default=100, help="loads between two samples")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    asked = parser.parse_args(arguments)
    if asked.every < 1 or asked.loads < 2 * asked.every:
        parser.error("two samples are compared: --loads must be at least twice --every")
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    soak = Soak(asked.loads, asked.every, asked.seed)
    failed = asyncio.run(_shown("a table and a bucket behind the shim", soak.on_aws(moto_endpoint())))
    with tempfile.TemporaryDirectory() as folder:
        failed |= asyncio.run(_shown("a folder", soak.in_a_folder(Path(folder) / "place")))
    return int(failed)


async def _shown(what: str, samples: AsyncIterator[Sample]) -> bool:
    """Print the samples as they come; tell whether anything grew."""
    print(f"{what}:", flush=True)
    seen: list[Sample] = []
    begun = time.monotonic()
    async for sample in samples:
        seen.append(sample)
        print(*table(seen)[0 if len(seen) == 1 else -1 :], sep="\n", flush=True)
    more = grown(seen)
    verdict = ", ".join(f"{name} grew by {count}" for name, count in more.items()) or "nothing grew"
    faults = f", {seen[-1]['faults']} faults of AWS" if "faults" in seen[-1] else ""
    print(f"{verdict}; {time.monotonic() - begun:.0f} s{faults}\n", flush=True)
    return bool(more)


if __name__ == "__main__":
    sys.exit(main())
