"""Starts what a siege needs: the daemon on the bundled capture, and the attackers.

One rule: nothing here outlives its block.
"""

import asyncio
import gzip
import json
import resource
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson

from tests import ROOT
from tests.doubles.program import CAPTURE, RECORD, environment, ran, running
from trials.siege.assault import Assault
from trials.siege.honest import Honest, connected
from trials.siege.sizes import Bounds, Size
from trials.siege.watch import Watch

ROW = f"{RECORD},49.869,8.668,,DE,2017-08-10T11:23:41,2017-08-10,6.4,7.57,1,Low\r\n".encode()
STORED = 3565
"""Records of the capture that a lookup finds (README)."""

MASS = {"P1", "P2"}
MADE = 2_000_000_000
"""The first id of a record, and of a sensor, that the capture does not have."""

CONCURRENT = 100


@asynccontextmanager
async def besieged(
    size: Size, bounds: Bounds, seed: int, folder: Path, *, loop: str, told: Callable[..., None]
) -> AsyncIterator[Assault]:
    """Start the daemon, learn its answers while nothing disturbs, and start the attackers.

    The capture is loaded into `folder` if it has not been.
    """
    if not (folder / "d").exists():
        loaded = await ran("--load-only", "--local", "d", "--from", str(_document(folder, size)), cwd=folder)
        assert loaded.code == 0, loaded.err
    options = ("--serve-only", "--local", "d", "--port", "0", "--http-port", "0", *size.options)
    env = {
        "FRAME_SECONDS": str(size.frame),
        "WRITE_SECONDS": str(size.write),
        "GRACE_SECONDS": str(size.grace),
        "LOOP": loop,
        "PYTHONPATH": str(ROOT),
    }
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limited = partial(_limit, size.descriptors or hard)
    async with running(
        *options, cwd=folder, env=env, module="trials.siege.besieged", preexec=limited, unread=True
    ) as program:
        port, http = await program.port("tcp"), await program.port("http")
        await program.line(r" memory_replaced ")
        program.stop_reading()
        truth = await _truth(port)
        asked = {"port": port, "http": http, "ids": list(truth), "tick": size.tick}
        async with _attackers(asked) as attackers:
            honest = Honest(port, program.process.pid, truth)
            yield Assault(size, bounds, seed, program, attackers, honest, Watch(program), told)


def _document(folder: Path, size: Size) -> Path:
    """Give the bundled capture, with more sensors behind it where that many are to be in the largest box."""
    records = orjson.loads(gzip.decompress(CAPTURE.read_bytes()))
    plain = [each for each in records if {value["value_type"] for value in each["sensordatavalues"]} >= MASS]
    missing = size.sensors - len({each["sensor"]["id"] for each in plain})
    if missing <= 0:
        return CAPTURE
    made = folder / CAPTURE.name.removesuffix(".gz")
    for number, record in zip(range(missing), cycle(plain)):
        records.append(record | {"id": MADE + number, "sensor": record["sensor"] | {"id": MADE + number}})
    made.write_bytes(orjson.dumps(records))
    return made


def _limit(descriptors: int) -> None:
    """Set the limit of open files of the process that is being started."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))


async def _truth(port: int) -> dict[str, bytes]:
    ids = [str(record["id"]) for record in orjson.loads(gzip.decompress(CAPTURE.read_bytes()))]
    async with connected(port) as peer:
        replies = [reply for some in _some(ids) for reply in await peer.ask(*some)]
    truth = {
        record_id: reply for record_id, reply in zip(ids, replies, strict=True) if reply.startswith(b"id,")
    }
    assert len(truth) == STORED
    assert truth[RECORD].endswith(ROW)
    return truth


def _some(ids: list[str]) -> Iterator[list[bytes]]:
    for start in range(0, len(ids), CONCURRENT):
        yield [each.encode() for each in ids[start : start + CONCURRENT]]


@asynccontextmanager
async def _attackers(asked: dict[str, Any]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trials.siege.attackers", cwd=ROOT, env=environment(),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20,
        preexec_fn=partial(_limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
    )  # fmt: skip
    assert process.stdin
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    try:
        yield process
    finally:
        process.kill()
        process.stdin.close()
        await process.wait()
