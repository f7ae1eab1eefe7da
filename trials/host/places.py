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
from typing import Any

from bench.lib.feed import feed

FEED = "data.24h.json"

Json = dict[str, Any]


def snapshot(folder: Path, size: int) -> Path:
    """Write a snapshot of about `size` bytes in the feed's form; half of its records are particulate."""
    path = folder / FEED
    with path.open("wb") as file:
        file.writelines(feed(size))
    return path


def scattered(folder: Path, records: int, seed: int = 1, name: str = "scattered.json") -> Path:
    """Write a snapshot in which no two ids, of records, of sensors or of places, lie close together."""
    chance, path = Random(seed), folder / name  # noqa: S311 - must be replayable
    with path.open("w", encoding="ascii") as file:
        for number in range(records):
            file.write(("," if number else "[") + json.dumps(_scattered(chance)))
        file.write("]")
    return path


def _scattered(chance: Random) -> Json:
    latitude, longitude = f"{chance.uniform(-90, 90):.4f}", f"{chance.uniform(-180, 180):.4f}"
    pm10, pm25 = chance.uniform(0, 300), chance.uniform(0, 200)
    return {
        "id": chance.getrandbits(63),
        "timestamp": f"2026-11-23 14:{chance.randrange(60):02}:{chance.randrange(60):02}",
        "location": {
            "id": chance.getrandbits(62),
            "latitude": latitude,
            "longitude": longitude,
            "altitude": "",
            "country": "DE",
        },
        "sensor": {"id": chance.getrandbits(62), "sensor_type": {"name": "SDS011"}},
        "sensordatavalues": [
            {"value_type": "P1", "value": f"{pm10:.2f}"},
            {"value_type": "P2", "value": f"{pm25:.2f}"},
        ],
    }


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
