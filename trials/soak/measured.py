"""The measured process: `python -m trials.soak.measured`, started by world.py.

One rule: a sample is taken when nothing is under way, and when the connections that the pools keep for a
while have had the time to go; that time is jumped over, not waited for.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import re
import selectors
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import aiohttp.connector

from aqi_service.app.config import Config
from aqi_service.app.load_only import holding_lease
from aqi_service.app.loads import LoadKind, Loads
from aqi_service.app.open import open_backend
from aqi_service.app.startup_checks import check
from aqi_service.core.frames import HEADER, decode_header, encode
from aqi_service.core.report import Status
from aqi_service.core.snapshot_names import newest_name, parse_name
from aqi_service.errors import AqiError, Unavailable
from aqi_service.lookup.lookup import Lookup
from aqi_service.server.server import Server
from aqi_service.server.sockets import listen
from aqi_service.snapshots.sources import archived_source, live_feed
from aqi_service.storage.backend import Backend
from tests.doubles.config import config
from trials.chaos.documents import FIRST_ID

IDLE_SECONDS = 60.0
"""Longer than any pool keeps a connection that nobody uses."""

TURNS = 200
GOOD = (Status.COMPLETE, Status.UNCHANGED)
REPLAY_EVERY = 10
CHECKS = 10
FULL = 100
"""Lookups at once that open all that lookups will ever open."""

LATER_OF_A_POOL = re.compile(r"_[1-9]\d*$")
"""The names of a pool's threads but the first: how many it ever needs at once is chance, and bounded."""

ESTABLISHED_OR_CLOSING = frozenset(f"{state:02X}" for state in range(1, 13)) - {"0A"}  # all but LISTEN


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock runs `speed` times as fast as the real one, and can be moved on."""

    def __init__(self, speed: float) -> None:
        self.ahead = 0.0
        self._speed = speed
        super().__init__(_Selector(speed))

    def time(self) -> float:
        return super().time() * self._speed + self.ahead


class _Selector(selectors.DefaultSelector):
    """Waits in real time for what the loop takes for `speed` times as long."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout and timeout / self._speed)


def main() -> None:
    """Do the loads, and print a sample as a line of JSON after every so many."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loads", type=int, required=True)
    parser.add_argument("--every", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--bucket", default="bucket")
    parser.add_argument("--table", default="table")
    parser.add_argument("--local", type=Path)
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster its clock runs")
    parser.add_argument("--deadline", type=float, required=True, help="seconds by it that a load may take")
    parser.add_argument("--leak", action="store_true", help="keep a socket and a task of each load")
    asked = parser.parse_args()
    logging.getLogger("aqi_service").setLevel(logging.CRITICAL)
    with asyncio.Runner(loop_factory=partial(FastLoop, asked.speed)) as runner:
        loop = runner.get_loop()
        aiohttp.connector.monotonic = loop.time  # type: ignore[attr-defined]  # how old idle connections are
        runner.run(_soak(asked))


async def _soak(asked: argparse.Namespace) -> None:
    settings = config(
        feed_url=asked.url,
        bucket=asked.bucket,
        table=asked.table,
        local=asked.local,
        load_deadline=asked.deadline,
    )
    chance = Random(asked.seed)  # noqa: S311  # must be replayable
    async with open_backend(settings) as found:
        await _checked(settings, found)
        sockets = listen("127.0.0.1", 0)
        server = Server(sockets, Lookup(found.storage.store, time.time).answer)
        await server.start()
        port, good, kept = sockets[0].getsockname()[1], 0, []
        await _look_up(port, ["0"] * FULL)
        for number in range(1, asked.loads + 1):
            good += await _load(settings, found, replays=number % REPLAY_EVERY == 0)
            await _look_up(port, [str(FIRST_ID + chance.randrange(1, 200)) for _ in range(5)])
            if asked.leak:
                kept.append((listen("127.0.0.1", 0), asyncio.create_task(asyncio.Event().wait())))
            if number % asked.every == 0:
                await _settle()
                print(json.dumps({"loads": number, "good": good, **_sample()}), flush=True)
        await server.stop()


async def _checked(settings: Config, found: Backend) -> None:
    """See that storage can be used, in as many tries as a busy machine needs."""
    for _ in range(CHECKS - 1):
        with suppress(Unavailable):
            return await check(settings, found)
    return await check(settings, found)


async def _load(settings: Config, found: Backend, *, replays: bool) -> bool:
    """Load the feed under the lease, and at times the newest snapshot again; tell whether it went well."""
    try:
        async with holding_lease(settings, found):
            report = await Loads(settings, found).load(live_feed(settings.feed_url), LoadKind.LIVE)
        newest = newest_name(await found.storage.archive.names()) if replays else None
        if newest and (named := parse_name(newest)):
            source = archived_source(found.storage.archive, *named)
            await Loads(settings, found).load(source, LoadKind.REPLAY)
    except AqiError:
        return False
    return report.status in GOOD


async def _look_up(port: int, ids: list[str]) -> None:
    """Ask for some ids on a connection of its own; each must have an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"".join(encode(record_id.encode()) for record_id in ids))
        for _ in ids:
            reply = await reader.readexactly(decode_header(await reader.readexactly(HEADER)))
            assert reply.startswith((b"id,", b"Item not found", b"Unavailable: ")), reply
    finally:
        writer.close()
        await writer.wait_closed()


async def _settle() -> None:
    """Let what is idle go."""
    loop: Any = asyncio.get_running_loop()
    loop.ahead += IDLE_SECONDS
    for _ in range(TURNS):
        await asyncio.sleep(0)
    gc.collect()


def _sample() -> dict[str, int]:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    sockets = set(_sockets())
    return {
        "memory": int(status.partition("VmRSS:")[2].split()[0]),
        "objects": len(gc.get_objects()),
        "tasks": len(asyncio.all_tasks()),
        "descriptors": len(os.listdir("/proc/self/fd")) - 1,  # noqa: PTH208  # the one that lists them
        "connections": sum(inode in sockets for inode in _connected()),
        "threads": sum(not LATER_OF_A_POOL.search(thread.name) for thread in threading.enumerate()),
    }


def _sockets() -> Iterator[str]:
    """Give the inodes of the sockets that this process has open."""
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:  # the one that listed them
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]


def _connected() -> Iterator[str]:
    """Give the inodes of the machine's TCP connections, those that listen left out."""
    for name in ("tcp", "tcp6"):
        for row in Path(f"/proc/self/net/{name}").read_text(encoding="ascii").splitlines()[1:]:
            fields = row.split()
            if fields[3] in ESTABLISHED_OR_CLOSING:
                yield fields[9]


if __name__ == "__main__":
    main()
    sys.exit(0)
