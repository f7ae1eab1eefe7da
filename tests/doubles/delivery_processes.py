"""Loads beside each other, each as a process of its own, whose every storage call waits for its turn.

One rule: whose turn it is, who is killed and what fails is written down beforehand (`Step`); chance and time
decide nothing, so that what went wrong once goes wrong again.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any, NamedTuple

from hypothesis import strategies as st

from aqi_service.core.report import LoadReport
from aqi_service.core.snapshot_names import snapshot_name
from aqi_service.errors import Unavailable
from aqi_service.load.load import PATIENCE_SECONDS
from aqi_service.snapshots.sources import FetchOptions, OpenSnapshot, Source, archived_source
from aqi_service.storage.ports import PutResult, SnapshotInfo
from tests.doubles.delivery_reference import Snapshot
from tests.doubles.delivery_snapshots import LIVE, REPLAYED
from tests.doubles.wire_fixtures import HandDrivenLoop, advance, turns

LONG = PATIENCE_SECONDS + 1
"""Seconds after which a load that is held back by the table waits no longer."""


class StandingLoop(HandDrivenLoop):
    """An event loop whose clock stands still but for `advance`."""

    def time(self) -> float:
        return self.ahead


class Then(Enum):
    """What becomes of a call whose turn it is, or of who made it."""

    GOES_ON = auto()
    KILLED_BEFORE = auto()  # the process ends, and the call was never made
    KILLED_AFTER = auto()  # the call did its work, and the process ends before it knows
    FAILS = auto()
    ANSWER_LOST = auto()  # the call did its work, and ends in an error
    INTERRUPTED = auto()  # the process is told to end, and does so in order
    TIME_PASSES = auto()  # so much that nobody waits for the table any longer


class Step(NamedTuple):
    """`calls` turns for the process number `who` of those that wait; `then` comes with the last of them.

    Of several calls of the process that wait, each turn is for number `which`.
    """

    who: int
    calls: int
    which: int = 0
    then: Then = Then.GOES_ON


FAULTS = tuple(Then)[1:]


def steps(*faults: Then) -> st.SearchStrategy[list[Step]]:
    """Give what happens, until all that is left goes on in the order in which it came."""
    then = st.sampled_from([Then.GOES_ON] * max(1, len(faults)) + list(faults))
    each = st.builds(Step, st.integers(0, 3), st.integers(1, 5), st.integers(0, 3), then)
    return st.lists(each, min_size=10, max_size=40)


class Job(NamedTuple):
    """What a process has to load, and how.

    Attributes:
        snapshot: the document.
        kind: `file`, `url`, `archive` (a snapshot that a dead load left there) or `live`.
        name: what the snapshot is called; the live one's follows from its time.
        chunk: how many bytes come at a time.
        deadline: seconds for all of it, or None.
    """

    snapshot: Snapshot
    kind: str
    name: str
    chunk: int = 1 << 20
    deadline: float | None = None

    def source(self, archive: Any) -> Source:
        if self.kind == "archive":
            return archived_source(archive, self.name, self.snapshot.taken)
        named = None if self.kind == "live" else (self.name, self.snapshot.taken)
        return Source(self.kind, self._open, named, can_wait=self.kind == "file")

    @asynccontextmanager
    async def _open(self, _asking: FetchOptions) -> AsyncIterator[OpenSnapshot]:
        yield OpenSnapshot(self._chunks())

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self.snapshot.body), self.chunk):
            yield self.snapshot.body[start : start + self.chunk]


KINDS = st.sampled_from(["file", "url", "archive"])
CHUNKS = st.sampled_from([400, 1000, 1 << 20])
DEADLINES = st.sampled_from([None, 1e6])


@st.composite
def jobs(draw: st.DrawFn) -> list[Job]:
    """Give replays of some snapshots, of a few more than one, and maybe a load of the live feed."""
    some = draw(st.lists(REPLAYED, min_size=2, max_size=4))
    again = draw(st.lists(st.sampled_from(some), max_size=2))
    found = []
    for number, snapshot in enumerate(draw(st.permutations([*some, *again]))):
        kind, name = draw(KINDS), snapshot_name(snapshot.taken)
        if kind == "archive":
            name = name.replace(".json", f"-{number + 10}.json")  # a name that no other has
        found.append(Job(snapshot, kind, name, draw(CHUNKS), draw(DEADLINES)))
    if draw(st.booleans()):
        found.append(Job(draw(LIVE), "live", "", draw(CHUNKS), draw(DEADLINES)))
    return found


@dataclass(eq=False)
class Call:
    """A call that waits for its turn; `landed` is set when it has done its work, or never will.

    `again` tells that a load with a deadline tries it again when it failed.
    """

    again: bool
    granted: asyncio.Future[Then] = field(default_factory=asyncio.Future)
    landed: asyncio.Event = field(default_factory=asyncio.Event)


class Process:
    """One load; `waiting` are its calls, in their order.

    `killed`, it makes no call any more. `harmed`, it may end otherwise than well: it was killed, or told to
    end, or a call of it failed that is not tried again.
    """

    def __init__(self, job: Job, load: Callable[["Process"], Coroutine[Any, Any, LoadReport]]) -> None:
        self.job = job
        self.waiting: list[Call] = []
        self.killed = self.harmed = False
        self.task = asyncio.get_running_loop().create_task(load(self))

    @property
    def done(self) -> bool:
        return self.task.done()

    async def turn(self, work: Callable[[], Awaitable[Any]], *, again: bool = False) -> Any:
        """Wait for the turn of a call, do its work, and go on as is said then."""
        call = Call(again)
        try:
            then = await self._granted(call)
            result = None
            if then not in (Then.KILLED_BEFORE, Then.FAILS):
                result = await work()
        finally:
            call.landed.set()
        if self.killed:
            await asyncio.Event().wait()
        if then in (Then.FAILS, Then.ANSWER_LOST):
            raise Unavailable(f"the call {then.name.lower()}")
        return result

    async def _granted(self, call: Call) -> Then:
        if self.killed:
            await asyncio.Event().wait()
        self.waiting.append(call)
        try:
            return await call.granted
        finally:
            self.waiting.remove(call)

    async def grant(self, which: int, then: Then) -> None:
        """Let a call that waits do its work, and see it done."""
        call = self.waiting[which % len(self.waiting)]
        again = call.again and self.job.deadline is not None
        self.killed = then in (Then.KILLED_BEFORE, Then.KILLED_AFTER)
        self.harmed |= self.killed or then is Then.INTERRUPTED
        self.harmed |= then in (Then.FAILS, Then.ANSWER_LOST) and not again
        if then is Then.TIME_PASSES:
            advance(LONG)
        elif then is Then.INTERRUPTED:
            self.task.cancel()
        else:
            call.granted.set_result(then)
            await call.landed.wait()

    async def bury(self) -> None:
        """End the process for good: nothing of it makes a call any more."""
        self.killed = True
        while not self.done:
            self.task.cancel()
            await turns(1)


@dataclass
class Turned:
    """A port of one process; of its methods, those in `turned` wait for their turn.

    The others change nothing that another process sees. `again` are those that a load with a deadline tries
    again.
    """

    port: Any
    process: Process
    turned: Sequence[str]
    again: Sequence[str] = ()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.port, name)
        if name not in self.turned:
            return method
        again = name in self.again
        return lambda *given, **named: self.process.turn(partial(method, *given, **named), again=again)


class TurnedArchive(Turned):
    """An archive of one process."""

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator[Any]:
        async with self.port.upload(name, info) as upload:
            yield Turned(upload, self.process, ["complete"])


def archive_of(process: Process, archive: Any) -> TurnedArchive:
    """Give a process its way to the archive."""
    return TurnedArchive(archive, process, ["names", "get", "put", "change"])


def store_of(process: Process, store: Any) -> Turned:
    """Give a process its way to the table."""
    return Turned(store, process, ["read", "put"], ["read", "put"])


class OneByOne:
    """A store of which every item is written by a call of its own, as DynamoDB does."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put(self, items: Sequence[Any], **how: Any) -> PutResult:
        puts = [await self._store.put([item], **how) for item in items]
        return PutResult(frozenset().union(*(put.superseded for put in puts)))
