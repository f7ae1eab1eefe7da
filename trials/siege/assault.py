"""The phases of a siege, one after the other, and the figures of each.

One rule: what must hold is a figure with a limit; a phase only brings it about.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aqi_service.server.replies import ANSWER_SECONDS
from tests.doubles.program import Running
from trials.siege.figures import Figure
from trials.siege.honest import Honest, Waits, quantile
from trials.siege.sizes import MIB, Bounds, Crowd, Size
from trials.siege.watch import Alive, Watch

LATE = 1.0
"""Seconds that a busy daemon may take to see that a deadline is over."""

TABLE_FILES = 12
"""Of the table's readers, four with three each, of which some may be opened only when there is much to do."""

UNREAD = "write_timeout"
"""Why who does not read a box is cut."""

NO_DESCRIPTOR = ("Too many open files", "out of system resource")
"""What is logged when there is none for a new connection."""


@dataclass
class Assault:
    """A siege of a running daemon; `figures` are what it brought.

    `told` is called with each figure as it comes, and with what else a person wants to know.
    """

    size: Size
    bounds: Bounds
    seed: int
    program: Running
    attackers: asyncio.subprocess.Process
    honest: Honest
    watch: Watch
    told: Callable[..., None]
    figures: list[Figure] = field(default_factory=list)
    _cut: dict[str, int] = field(default_factory=dict)
    _connects: int = 0
    _idle_memory: int = 0

    async def run(self) -> list[Figure]:
        """Go through all phases, while nobody reads what the daemon says; give the figures."""
        async with self.watch.watching():
            async with self.honest.asking():
                self._phase("alone")
                await asyncio.sleep(self.size.quiet)
                self._waits()
                before = await self.watch.alive()
                await self._idle()
                await self._hostile()
                await self._boxes()
                await self._storm()
                await self._full()
                await self._one_address()
                await self._released(before)
            await self._counted()
            await self.stop()
        return self.figures

    async def _one_address(self) -> None:
        await self._release()
        self._phase("one address")
        await self._crowd(self.size.from_one, "127.0.0.99", there=0)

    async def _idle(self) -> None:
        empty = self.watch.memory()
        await self.order("hold", number=self.size.idle)
        self._phase("idle")
        await asyncio.sleep(self.size.quiet)
        each = (self.watch.memory() - empty) / self.size.idle
        self._note(
            f"memory of one of {self.size.idle} idle", each / 1024, "KiB", _over(self.bounds.idle, 1024)
        )
        self._waits()

    async def _hostile(self) -> None:
        idle = self._idle_memory = self.watch.memory()
        self._phase("hostile")
        seen = await self.order("turn", number=self.size.hostile, seed=self.seed)
        over = self.watch.peak.memory - idle
        self._note(
            f"memory over idle with {self.size.hostile} hostile",
            over / MIB,
            "MiB",
            _over(self.bounds.hostile, MIB),
        )
        bounds = dict.fromkeys(seen["after"], self.bounds.cut)
        if self.bounds.cut is not None:  # its first read is answered before it is waited for
            bounds["never reads"] = self.bounds.cut + ANSWER_SECONDS + LATE
        for kind, seconds in seen["after"].items():
            self._note(f"{kind}: half were cut after", quantile(seconds, 0.5), "s")
            self._note(f"{kind}: all were cut after", max(seconds, default=0.0), "s", bounds[kind])
        self._waits()

    async def _boxes(self) -> None:
        """Have many ask for the largest box, of which there is room for few, and not read it."""
        self._phase("boxes")
        seen = await self.order("boxes", number=self.size.boxes, seed=self.seed)
        made = seen["cut"].get(UNREAD, 0)
        self._note("boxes made that nobody read", made)
        self._note("peers that found no place for theirs", seen["busy"])
        self._note("sieges without a box", int(not made), "", 0)
        over = self.watch.peak.memory - self._idle_memory
        self._note("memory over idle with boxes unread", over / MIB, "MiB", _over(self.bounds.boxes, MIB))
        self._waits()

    async def _storm(self) -> None:
        self._phase("storm")
        begun = time.monotonic()
        size = {"number": self.size.storm, "window": self.size.window, "http": self.size.http}
        seen = await self.order("storm", **size, seed=self.seed)
        self._note(f"seconds of {seen['ends']} attacks", time.monotonic() - begun, "s")
        self._note("attacks on the HTTP port meanwhile", seen["http"])
        over = self.watch.peak.memory - self._idle_memory
        self._note(
            "memory over idle with both ports attacked", over / MIB, "MiB", _over(self.bounds.both, MIB)
        )
        self._waits()

    async def _full(self) -> None:
        """Take all places but the honest client's."""
        self.honest.keeps_to_one = True
        there = self.size.idle - self.size.hostile + 1
        await self.watch.until("connections", there)
        self._phase("full")
        await self._crowd(self.size.from_all, "", there)
        self._waits()

    async def _crowd(self, crowd: Crowd, address: str, there: int) -> None:
        """Make a crowd meet its cap; `there` have places already."""
        places = crowd.cap - there
        seen = await self.order("crowd", number=crowd.number, refused=crowd.number - places, address=address)
        self._note("connections over their cap", max(0, seen["stayed"] - places), "", 0)
        self._note("connections under their cap that were refused", max(0, places - seen["stayed"]), "", 0)
        self._note("told that it is full", seen["told"])
        self._note("closed without a word", seen["silent"])

    async def _released(self, before: Alive) -> None:
        await self._release()
        self._phase("after all")
        after = await self.watch.settled(before["tasks"])  # the HTTP port lets a peer be silent for 10 s
        for name in ("tasks", "connections"):
            self._note(f"{name} left over", after[name] - before[name], "", 0)
        more = await self.watch.left_over(before["descriptors"] + TABLE_FILES)
        self._note("descriptors left over", max(0, more), "", 0)
        self._note("memory in the end", self.watch.memory() / MIB, "MiB")

    async def _release(self) -> None:
        """Have the attackers go; wait until nobody is there but the honest client."""
        seen = await self.order("release")
        self._note("idle connections that were closed", seen["closed"], "", 0)
        await self.watch.until("connections", 1)

    async def _counted(self) -> None:
        """Compare the daemon's counters with what was done to it."""
        counts = await self.watch.counts()
        cuts = {
            name.partition(" ")[2]: number for name, number in counts.items() if name.startswith("dropped ")
        }
        astray = sum(abs(cuts[reason] - self._cut.get(reason, 0)) for reason in cuts)
        self._note("connections cut", sum(cuts.values()))
        self._note("cuts under another reason", astray, "", 0)
        self.told(f"counted {cuts}, meant {self._cut}")
        silent = await self._untold([reason for reason in cuts if cuts[reason]])
        self._note("reasons of cuts without a line in the log", len(silent), "", 0)
        made = self._connects + self.honest.connects + 1  # the one that learnt the truth
        self._note("connections made", made)
        self._note("of them never accepted", made - counts["accepted"], "", 0)
        self._note("honest questions", sum(len(waits.asked) for waits in self.honest.waits.values()))
        self._note("of them not answered right", len(self.honest.wrong), "", 0)
        self._note("replies to attackers that came too late", counts["replies unavailable"])
        self.told(*self.honest.wrong[:5])
        limit = (await self.watch.counts("process_"))["max_fds"]
        peak = max(peak.descriptors for peak in self.watch.peaks.values())
        self._note("descriptors, most at once", peak, "", limit - 1)
        short = sum(any(word in line for word in NO_DESCRIPTOR) for line in self.program.err)
        self._note("times without a descriptor", short, "", 0)

    async def _untold(self, reasons: list[str]) -> list[str]:
        """Read what the daemon has said up to now; give the reasons of cuts of which it does not tell."""
        self.program.read_on()
        untold = []
        for reason in reasons:
            try:
                await self.program.line(rf"connection_cut .* reason={reason} ")
            except AssertionError:
                untold.append(reason)
        return untold

    async def stop(self) -> None:
        """Stop the daemon with SIGTERM, with all kinds of clients there, and nobody to read what it says."""
        self._phase("stop")
        self.program.stop_reading()
        await self.order("hold", number=self.size.stuck * 2 + self.size.busy)
        await self.order("beset", stuck=self.size.stuck, busy=self.size.busy, seed=self.seed)
        begun = time.monotonic()
        self.program.tell()
        code = await self.program.ended()
        self._note("stop with idle, stuck and busy clients", time.monotonic() - begun, "s", self.bounds.stop)
        self._note("its exit code", code, "", 0)
        await self.order("ended")

    def _phase(self, name: str) -> None:
        self.honest.phase = self.watch.phase = name
        self.told(f"{name}:")

    async def order(self, do: str, **how: Any) -> dict[str, Any]:
        """Have the attackers do something; give what they saw."""
        assert self.attackers.stdin
        assert self.attackers.stdout
        self.attackers.stdin.write(json.dumps({"do": do, **how}).encode() + b"\n")
        line = await self.attackers.stdout.readline()
        assert line, "the attackers have ended"
        seen: dict[str, Any] = json.loads(line)
        self._connects = seen["connects"]
        for reason, number in seen.get("cut", {}).items():
            self._cut[reason] = self._cut.get(reason, 0) + number
        if "odd" in seen:
            self._note("attacks that saw what must not be", seen["odd"], "", 0)
            self.told(*seen["shown"])
        return seen

    def _note(self, name: str, value: float, unit: str = "", limit: float | None = None) -> None:
        self.figures.append(Figure(f"{self.watch.phase}: {name}", value, unit, limit))
        self.told(self.figures[-1].line())

    def _waits(self) -> None:
        """Note what the phase cost the honest client."""
        waits = self.honest.waits.get(self.honest.phase, Waits())
        for figure in waits.figures(self.bounds.p99):
            self._note(*figure)


def _over(bound: float | None, unit: float) -> float | None:
    return None if bound is None else bound / unit
