"""Daemons and replays in one event loop, each with clients, a lease and a name of its own: ended, or killed.

One rule: what is run is the program's Loader, Server and `--load-only`; only where it asks the machine (what
time it is, who it is, which processes live, which clients there are) does it get the campaign's answer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from aqi_service.app import load_only, loads, scheduler
from aqi_service.app.config import Config
from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.preparation import Preparation
from aqi_service.app.scheduler import Scheduler, Serving, supervise
from aqi_service.core.report import LoadReport
from aqi_service.load import load
from aqi_service.load.plan import LoadPlan
from aqi_service.load.report_builder import ReportBuilder, builder_of
from aqi_service.lookup.lookup import Lookup
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.refresh import MemoryRefresher
from aqi_service.server.limits import ServerCounts
from aqi_service.server.server import Server
from aqi_service.server.sockets import listen
from aqi_service.shutdown import Stop
from aqi_service.snapshots.sources import FetchOptions, Source
from aqi_service.storage.aws.clients import Clients, open_clients
from aqi_service.storage.aws.dynamodb_lease import DynamoLease, Means
from aqi_service.storage.aws.dynamodb_store import DynamoStore
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.backend import SnapshotLocations
from aqi_service.storage.ports import Storage
from tests.doubles.backend import GivenBackend
from tests.doubles.config import config
from tests.doubles.faults.effects import RESET_BEFORE
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim

PROCESS: ContextVar[str] = ContextVar("PROCESS", default="nobody")
"""Whose work the running task does."""

Spoil = Callable[[Storage], Storage]
"""Makes of a process's storage one with a defect, to see that a campaign notices."""


class Ended(NamedTuple):
    """A load that ended: whose, whether of the live feed, and its report."""

    process: str
    live: bool
    report: LoadReport


@dataclass
class Machine:
    """What processes ask the machine, and what they did.

    Attributes:
        dead: processes that have ended, as far as others can know.
        taken: for each process, the time of the snapshot that it began last.
        loads: the loads that ended, in order.
    """

    shim: Shim
    environment: dict[str, str]
    bucket: str
    table: str
    wall: Callable[[], float]
    spoil: Spoil
    dead: set[str] = field(default_factory=set)
    taken: dict[str, int] = field(default_factory=dict)
    loads: list[Ended] = field(default_factory=list)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Have the program ask this machine inside."""
        clock = SimpleNamespace(time=self.wall, monotonic=time.monotonic)
        with pytest.MonkeyPatch.context() as patch:
            for module in (loads, scheduler, load_only):
                patch.setattr(module, "time", clock)
            patch.setattr(load_only, "open_backend", self.opened)
            patch.setattr(loads, "load", self._load)
            patch.setattr(load, "builder_of", self._builder)
            yield

    async def _load(self, source: Source, storage: Storage, plan: LoadPlan, **how: Any) -> LoadReport:
        report = await load.load(source, storage, plan, **how)
        self.loads.append(Ended(PROCESS.get(), plan.live, report))
        return report

    def _builder(self, *facts: Any) -> ReportBuilder:
        builder = builder_of(*facts)
        self.taken[PROCESS.get()] = builder.snapshot_time
        return builder

    @asynccontextmanager
    async def opened(self, settings: Config) -> AsyncIterator[GivenBackend]:
        """Open what a Config names for the running process, as `open_backend` does."""
        del settings
        name = PROCESS.get()
        async with AsyncExitStack() as stack:
            clients = await self.clients(stack, name)
            store = DynamoStore(clients.writes, clients.lookups, self.table)
            means = Means(self.dead.__contains__, asyncio.get_running_loop().time, asyncio.sleep)
            lease = DynamoLease(clients.writes, self.table, store.keyed, name, means)
            storage = self.spoil(Storage(S3Archive(clients.s3, self.bucket), store))
            yield GivenBackend(
                storage, name, lease=lease, snapshot_locations=SnapshotLocations(storage.archive, self.bucket)
            )

    async def clients(self, stack: AsyncExitStack, name: str) -> Clients:
        """Open clients that sign as this process."""
        async with self._opening:  # the environment is everybody's
            with pytest.MonkeyPatch.context() as patch:
                for variable, value in (self.environment | {"AWS_ACCESS_KEY_ID": name}).items():
                    patch.setenv(variable, value)
                return await stack.enter_async_context(open_clients())

    def cut_off(self, process: str) -> None:
        """Let no request of a process come through any more."""
        self.shim.book.add(Rule("*", RESET_BEFORE, sender=process))


def as_process(name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run something as a process of this name."""
    context = copy_context()
    context.run(PROCESS.set, name)
    return asyncio.get_running_loop().create_task(work, context=context)


@dataclass
class Daemon:
    """A daemon that runs: its loader, and its server at `port`."""

    machine: Machine
    name: str
    status: ServiceStatus
    stop: Stop
    port: int
    server: Server
    stack: AsyncExitStack
    task: asyncio.Task[None]

    async def end(self) -> None:
        """Stop it as SIGTERM does."""
        self.stop.set()
        await asyncio.gather(self.task, self.server.stop(5.0))
        await self.stack.aclose()
        self.machine.dead.add(self.name)

    async def kill(self, *, seen: bool) -> None:
        """End it without a word; `seen` tells whether the others can see that it is dead."""
        self.machine.cut_off(self.name)
        if seen:
            self.machine.dead.add(self.name)
        self.task.cancel()
        await asyncio.gather(self.task, self.server.stop(0.0), return_exceptions=True)
        await self.stack.aclose()


async def begin(machine: Machine, name: str, **settings: Any) -> Daemon:
    """Start a daemon: `settings` are those of its Config."""
    daemon: Daemon = await as_process(name, _begin(machine, name, settings))
    return daemon


async def _begin(machine: Machine, name: str, settings: dict[str, Any]) -> Daemon:
    stack = AsyncExitStack()
    decided = config(contact=name, bucket=machine.bucket, table=machine.table, **settings)
    found = await stack.enter_async_context(machine.opened(decided))
    sockets = listen("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    memory = MemoryIndex(machine.wall)
    lookup = Lookup(found.storage.store, machine.wall, memory=memory)
    stack.push_async_callback(lookup.close)
    server = Server(sockets, lookup.answer)
    await server.start()
    status, stop = ServiceStatus(ServerCounts()), Stop()
    loader = Scheduler(decided, found, status, Serving(port, memory), Preparation(decided, found, status))
    asking = FetchOptions(name, decided.max_bytes)
    refresher = MemoryRefresher(found.storage, machine.table, memory, asking, status.seen)

    async def both() -> None:
        async with asyncio.TaskGroup() as group:  # killed, it has ended when both have
            group.create_task(supervise(lambda: loader.run(stop), status, stop))
            group.create_task(refresher.run(stop))

    task = as_process(name, both())
    return Daemon(machine, name, status, stop, port, server, stack, task)


def replay(machine: Machine, name: str, **settings: Any) -> asyncio.Task[int]:
    """Run `--load-only --from archive`; gives its exit code."""
    decided = config(
        load_only=True, sources=("archive",), bucket=machine.bucket, table=machine.table, **settings
    )
    return as_process(name, load_only.run(decided, Stop()))
