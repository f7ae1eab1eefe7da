"""The honest client: it asks one id at a time, on a connection that it keeps and now and then on a new one.

One rule: what is right was learnt before the siege; how long others had the cores is measured beside, and is
no part of what is judged.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from aqi_service.core.frames import NOT_FOUND
from bench.lib.cores import waited_in_both
from tests.doubles.patience import patience
from tests.doubles.wire_fixtures import Peer
from trials.siege.figures import Figure

EVERY = 0.02
NEW_EVERY = 10
"""Questions after which the next one comes on a connection of its own."""

ABSENT = "1"

ENOUGH = 200
"""Questions of a phase from which on their p99 is more than the slowest one."""


@dataclass
class Waits:
    """Seconds that one phase cost the honest client."""

    asked: list[float] = field(default_factory=list)
    unhindered: list[float] = field(default_factory=list)
    """Those of `asked`, but for the time in which daemon or client could have run, and had no core."""
    connected: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    """By how much this process woke later than it wished: what the machine adds to every figure."""

    def figures(self, most: float | None) -> Iterator[Figure]:
        """Give them in milliseconds; `most` is the limit of what the machine has no part in."""
        for name, part in (("p50", 0.5), ("p99", 0.99), ("most", 1)):
            yield _milliseconds(f"honest client waits, {name}", self.asked, part)
        limit = None if most is None or len(self.unhindered) < ENOUGH else most * 1000
        yield _milliseconds("but for waits for a core, p99", self.unhindered, 0.99, limit)
        yield _milliseconds("with a new connection, p99", self.connected, 0.99)
        yield _milliseconds("lateness of its own clock, p99", self.own, 0.99)


def quantile(values: list[float], part: float) -> float:
    """Give the value that this part of all does not exceed; 0 of nothing."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0


def _milliseconds(name: str, seconds: list[float], part: float, limit: float | None = None) -> Figure:
    return Figure(name, quantile(seconds, part) * 1000, "ms", limit)


@dataclass
class Honest:
    """Asks until it is told to end.

    Attributes:
        pid: the daemon's.
        truth: replies by id.
        waits: of each phase, by its name.
        wrong: what was not answered right, in words.
        keeps_to_one: whether it makes no new connections, as there is no place for them.
    """

    port: int
    pid: int
    truth: Mapping[str, bytes]
    phase: str = ""
    waits: dict[str, Waits] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    connects: int = 0
    keeps_to_one: bool = False
    _ends: bool = False
    _ids: list[str] = field(init=False)
    _chance: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - which ids does not matter

    def __post_init__(self) -> None:
        self._ids = [*self.truth, ABSENT]

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Ask beside what happens inside; the last question has its answer too."""
        task = asyncio.create_task(self._ask_on())
        try:
            yield
        finally:
            self._ends = True
            await task

    async def _ask_on(self) -> None:
        """Ask to the end; a connection that breaks is wrong, and replaced."""
        while not self._ends:
            try:
                async with self._connected() as kept:
                    await self._ask_by(kept)
            except (OSError, EOFError) as error:
                self.wrong.append(f"{self.phase}: {error!r}")

    async def _ask_by(self, kept: Peer) -> None:
        number = 0
        while not self._ends:
            number += 1
            waits = self.waits.setdefault(self.phase, Waits())
            begun = time.perf_counter()
            await asyncio.sleep(EVERY)
            waits.own.append(time.perf_counter() - begun - EVERY)
            waited = waited_in_both(self.pid)
            waits.asked.append(took := await self._ask(kept))
            waits.unhindered.append(max(0.0, took - (waited_in_both(self.pid) - waited)))
            if number % NEW_EVERY == 0 and not self.keeps_to_one:
                waits.connected.append(await self._ask_anew())

    async def _ask_anew(self) -> float:
        begun = time.perf_counter()
        async with self._connected() as peer:
            await self._ask(peer)
            return time.perf_counter() - begun

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Peer]:
        self.connects += 1
        async with connected(self.port) as peer:
            yield peer

    async def _ask(self, peer: Peer) -> float:
        record_id = self._chance.choice(self._ids)
        begun = time.perf_counter()
        async with patience():
            [reply] = await peer.ask(record_id.encode())
        took = time.perf_counter() - begun
        if reply != self.truth.get(record_id, NOT_FOUND):
            self.wrong.append(f"{record_id} was answered with {reply[:80]!r}")
        return took


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Peer]:
    """Connect, and at the end close in order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
