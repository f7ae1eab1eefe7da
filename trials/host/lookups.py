"""How long lookups take while something else goes on: each is timed from the moment at which it was due.

One rule: what holds the asked process up is counted in every lookup that was due meanwhile, so that one long
stop cannot hide behind the thousands that were quick before it. How long asker and asked waited for a core
meanwhile is counted beside it: that is the machine's.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import NamedTuple

from aqi_service.core.frames import HEADER, decode_header, encode
from bench.lib.cores import waited_in_both

CONNECTIONS = 4
EVERY_SECONDS = 0.005
"""Between two lookups of all connections together: 200 a second."""


class Asked(NamedTuple):
    """When an id was due to be asked for, when it was, and what both had waited for a core by then."""

    due: float
    at: float
    waited: float


class Lookups:
    """Asks the process `pid` for ids in turn.

    Attributes:
        taken: the seconds of each, in order.
        unhindered: the same, but for those in which this process was late to ask, or others had the cores.
    """

    def __init__(self, port: int, pid: int, ids: Sequence[str]) -> None:
        self._port, self._pid = port, pid
        self._ids = cycle([encode(record_id.encode()) for record_id in ids])
        self.taken: list[float] = []
        self.unhindered: list[float] = []
        self.found = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(self._ask(number * EVERY_SECONDS))

    async def _ask(self, start: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        asked: deque[Asked] = deque()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(writer, asked, start))
                group.create_task(self._receive(reader, asked))
        finally:
            writer.transport.abort()

    async def _send(self, writer: asyncio.StreamWriter, asked: deque[Asked], start: float) -> None:
        clock = asyncio.get_running_loop().time
        due = clock() + start
        while True:
            await asyncio.sleep(due - clock())
            asked.append(Asked(due, clock(), waited_in_both(self._pid)))
            writer.write(next(self._ids))
            due += EVERY_SECONDS * CONNECTIONS

    async def _receive(self, reader: asyncio.StreamReader, asked: deque[Asked]) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            reply = await reader.readexactly(decode_header(await reader.readexactly(HEADER)))
            now, of = clock(), asked.popleft()
            self.taken.append(now - of.due)
            self.unhindered.append(max(0.0, now - of.at - (waited_in_both(self._pid) - of.waited)))
            self.found += reply.startswith(b"id,")


@asynccontextmanager
async def asking(port: int, pid: int, ids: Sequence[str]) -> AsyncIterator[Lookups]:
    """Ask while the block runs."""
    lookups = Lookups(port, pid, ids)
    task = asyncio.create_task(lookups.run())
    try:
        yield lookups
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def percentile(taken: Sequence[float], share: float) -> float:
    """Return the time within which so large a share of the lookups was answered."""
    ordered = sorted(taken)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
