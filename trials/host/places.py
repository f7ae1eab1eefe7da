"""Where the measured process loads from and into: a large snapshot, its feed, and AWS that keeps it.

One rule: each is a process of its own, so that neither its memory nor its work is taken for the program's.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from bench.lib.feed import feed

FEED = "data.24h.json"


def snapshot(folder: Path, size: int) -> Path:
    """Write a snapshot of about `size` bytes in the feed's form; half of its records are particulate."""
    path = folder / FEED
    with path.open("wb") as file:
        file.writelines(feed(size))
    return path


def scattered(folder: Path, records: int) -> Path:
    """Write a snapshot in which no two ids, of records or of sensors, lie close together."""
    chance, path = Random(1), folder / "scattered.json"  # noqa: S311 - must be replayable
    with path.open("w", encoding="ascii") as file:
        for number in range(records):
            record = {
                "id": chance.getrandbits(63),
                "timestamp": "2026-11-23 14:00:00",
                "location": {"latitude": "52.5", "longitude": "13.4", "altitude": "", "country": "DE"},
                "sensor": {"id": chance.getrandbits(62), "sensor_type": {"name": "SDS011"}},
                "sensordatavalues": [
                    {"value_type": "P1", "value": "12.5"},
                    {"value_type": "P2", "value": "7"},
                ],
            }
            file.write(("," if number else "[") + json.dumps(record))
        file.write("]")
    return path


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[str]:
    """Serve a folder over HTTP; give the address of its snapshot."""
    command = ("-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), "0")
    async with _running(*command) as port:
        yield f"http://127.0.0.1:{port}/{FEED}"


@asynccontextmanager
async def discarding_aws() -> AsyncIterator[dict[str, str]]:
    """Run an S3 and a DynamoDB that take everything at once; give the environment that leads there."""
    async with _running("-u", "-m", "trials.host.discarding") as port:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


@asynccontextmanager
async def _running(*command: str) -> AsyncIterator[int]:
    """Run a server until the block ends; give the port that its first line names."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        line = await process.stdout.readline() if process.stdout else b""
        named = re.search(rb"port (\d+)", line)
        if named is None:
            raise RuntimeError(f"{command} does not start: {line!r}")
        yield int(named[1])
    finally:
        process.kill()
        await process.wait()
