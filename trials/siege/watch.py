"""What the daemon takes and counts, read from outside: /proc, its metrics, and what its spy says.

One rule: the highest of each phase counts, looked at several times a second.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.doubles.patience import PATIENCE
from tests.doubles.program import Running
from trials.siege.besieged import SPY

T = TypeVar("T")

EVERY = 0.2


Alive = dict[str, int]
"""What lives in the daemon: `tasks`, `connections`, `descriptors`."""


@dataclass
class Peak:
    """The most of a phase."""

    memory: int = 0
    descriptors: int = 0


@dataclass
class Watch:
    """Looks at a running daemon."""

    program: Running
    phase: str = ""
    peaks: dict[str, Peak] = field(default_factory=dict)
    _asked: int = 0

    @property
    def peak(self) -> Peak:
        """The most of the phase so far."""
        return self.peaks.setdefault(self.phase, Peak())

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look beside what happens inside."""
        task = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def _look_on(self) -> None:
        while self.program.process.returncode is None:
            self.peak.memory = max(self.peak.memory, self.memory())
            self.peak.descriptors = max(self.peak.descriptors, self.descriptors())
            await asyncio.sleep(EVERY)

    def memory(self) -> int:
        """Return the bytes of the daemon that are in memory."""
        status = (self._proc / "status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def descriptors(self) -> int:
        """Count what it has open."""
        return len(os.listdir(self._proc / "fd"))  # noqa: PTH208 - thousands, several times a second

    async def counts(self, start: str = "aqi_tcp_") -> dict[str, int]:
        """Return its metrics that begin so: {"dropped reset": 3, "accepted": 7, ...}."""
        _, page = await self.program.page("/metrics")
        found = re.findall(rf'^{start}(\w+?)(?:_total)?(?:{{\w+="(\w+)"}})? ([\d.e+]+)$', page, re.MULTILINE)
        return {f"{name} {label}".strip(): int(float(value)) for name, label, value in found}

    async def until(self, name: str, value: int) -> None:
        """Wait until a metric is this."""
        seen = await self._settled(self.counts, lambda counts: counts[name] == value)
        assert seen[name] == value, f"{name} is {seen[name]} and not {value}"

    async def left_over(self, number: int) -> int:
        """Return by how many descriptors it has more open than this, once it has closed what it closes."""

        async def more() -> int:
            return self.descriptors() - number

        return await self._settled(more, lambda count: count <= 0)

    async def _settled(self, look: Callable[[], Awaitable[T]], is_there: Callable[[T], bool]) -> T:
        """Look until what is seen is as it should be, or has had its time."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not is_there(seen := await look()):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(EVERY)
        return seen

    async def alive(self) -> Alive:
        """Ask the spy."""
        self._asked += 1
        self.program.tell(SPY)
        line = await self.program.line(r'^\{"tasks".*', self._asked)
        alive: Alive = json.loads(line[0])
        return alive | {"descriptors": self.descriptors()}

    async def settled(self, tasks: int) -> Alive:
        """Ask the spy until there are no more tasks than this, or they have had their time to end."""
        return await self._settled(self.alive, lambda alive: alive["tasks"] <= tasks)

    @property
    def _proc(self) -> Path:
        return Path(f"/proc/{self.program.process.pid}")
