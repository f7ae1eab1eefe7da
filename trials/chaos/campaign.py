"""A plan carried out: its events one after the other, then an end without faults, and what is there then.

One rule: time jumps whenever nobody is at work, so that a quarter of an hour passes in seconds.
"""

import asyncio
import gc
import io
import json
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from aqi_service.core.selection import Shard
from aqi_service.core.snapshot_names import manifest_key, parse_name
from aqi_service.errors import AqiError
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.ports import Storage
from tests.doubles.daemons import trespasses
from tests.doubles.faults.clients import World, through
from tests.doubles.faults.clock import JumpingLoop
from tests.doubles.faults.proxy import Dose, TcpProxy
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import feed_server
from trials.chaos.checks import problems
from trials.chaos.faults import NOISE, TOXICS, TROUBLES
from trials.chaos.feed import Feed
from trials.chaos.lookups import Asker, ask
from trials.chaos.outcome import Generation, Outcome, generations, items_of, objects_of, uploads_of
from trials.chaos.plan import Event, Plan, What
from trials.chaos.processes import Daemon, Machine, Spoil, as_process, begin, replay

BEGUN = 1_829_325_665.0
"""2027-12-20T18:01:05Z: what time it is when a campaign begins."""

PATIENCE = 3600.0
"""Simulated seconds in which the daemons finish everything once the faults are over."""

LOOK = 10.0
"""Simulated seconds between two looks whether they have."""


def unspoiled(storage: Storage) -> Storage:
    """Leave a process's storage as it is."""
    return storage


def campaign(plan: Plan, moto_endpoint: str, spoil: Spoil = unspoiled) -> tuple[list[str], Outcome]:
    """Carry a plan out on a loop of its own; give what is wrong, and the outcome."""
    logged: list[Any] = []
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: logged.append(context))
        outcome = runner.run(carry_out(plan, moto_endpoint, spoil))
        gc.collect()  # brings out what was "never retrieved"
    outcome.complaints += [f"the event loop complains of {context}" for context in logged]
    return problems(outcome), outcome


async def carry_out(plan: Plan, moto_endpoint: str, spoil: Spoil = unspoiled) -> Outcome:
    """Carry a plan out on the running JumpingLoop."""
    random.seed(plan.seed)  # the program's jitter
    heard = _Complaints()
    logger = logging.getLogger("aqi_service")
    logger.addHandler(heard)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            async with _scene(plan, moto_endpoint, spoil) as scene:
                outcome = await scene.play()
    finally:
        logger.removeHandler(heard)
    outcome.complaints += heard.lines
    return outcome


class _Complaints(logging.Handler):
    """Keeps what the program logs of its own defects: all that comes with a traceback."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.lines.append(f"logged: {record.getMessage()}: {record.exc_info[1]!r}")


@asynccontextmanager
async def _scene(plan: Plan, moto_endpoint: str, spoil: Spoil) -> AsyncIterator["_Scene"]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    clock, began = loop.time, loop.time()
    async with AsyncExitStack() as stack:
        shim = await stack.enter_async_context(Shim(moto_endpoint))
        loop.busy = lambda: shim.journal.at_work
        port = int(shim.endpoint.rpartition(":")[2])
        proxy = await stack.enter_async_context(TcpProxy("127.0.0.1", port, seed=plan.seed))
        world = (await stack.enter_async_context(through(shim, AWS_ACCESS_KEY_ID="judge"))).fresh()
        await world.make_bucket()
        await world.make_table()
        rules = [
            TROUBLES[window.trouble].rule(str(number), window.sender, clock)
            for number, window in enumerate(plan.windows)
        ]
        shim.renew(*NOISE, *rules, seed=plan.seed)
        environment = {
            "AWS_ENDPOINT_URL": shim.endpoint,
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://{proxy.host}:{proxy.port}",
        }
        machine = Machine(
            shim, environment, world.bucket, world.table, lambda: BEGUN + clock() - began, spoil
        )
        feed = Feed(plan, lambda: clock() - began, machine.taken)
        script: Any = feed  # gives the steps of each answer anew
        feed.server = await stack.enter_async_context(feed_server(script))
        stack.enter_context(machine.asked())
        yield _Scene(plan, world, proxy, machine, feed, began, generations(plan))


@dataclass
class _Scene:
    """Everything of one campaign; `living` are its daemons by name."""

    plan: Plan
    world: World
    proxy: TcpProxy
    machine: Machine
    feed: Feed
    began: float
    generations: Sequence[Generation]
    living: dict[str, Daemon] = field(default_factory=dict)
    replays: dict[str, asyncio.Task[int]] = field(default_factory=dict)
    doses: list[tuple[int, Dose | None]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    born: int = 0
    network_faults: int = 0

    async def play(self) -> Outcome:
        """Let everything happen, and finish, and look."""
        asker = Asker(
            Random(f"{self.plan.seed}/asks"),  # noqa: S311  # must be replayable
            self.generations,
            lambda: [daemon.port for daemon in self.living.values()],
            self.feed.published,
        )
        asking = asyncio.create_task(asker.ask_for_ever(self.plan.size.asks))
        for event in self.plan.events:
            await self._until(event.at)
            await self._happen(event)
        await self._until(self.plan.size.seconds)
        await self._mend()
        await self._finish()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return await self._outcome(asker)

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, self.began + at - asyncio.get_running_loop().time()))

    async def _happen(self, event: Event) -> None:
        if event.what is What.BEGIN:
            await self._begin(event.who)
        elif event.what in (What.END, What.KILL, What.KILL_ELSEWHERE):
            await self._away(event)
        elif event.what is What.REPLAY:
            self._replay(event)
        elif event.what is What.KILL_REPLAY:
            self._kill_replay(event.who)
        elif event.what in (What.TROUBLE, What.TROUBLE_OVER):
            self.machine.shim.book.switch(str(event.number), on=event.what is What.TROUBLE)
        else:
            await self._network(event)

    async def _begin(self, who: str) -> None:
        assert self.feed.server
        self.born += 1
        self.living[who] = await begin(
            self.machine, f"{who}-{self.born}", feed_url=self.feed.server.url(),
            interval=self.plan.interval, load_deadline=self.plan.deadline,
        )  # fmt: skip

    async def _away(self, event: Event) -> None:
        daemon = self.living.pop(event.who)
        if event.what is What.END:
            await self._end(daemon)
        else:
            await daemon.kill(seen=event.what is What.KILL)

    async def _end(self, daemon: Daemon) -> None:
        await daemon.end()
        if daemon.status.loader_restarts:
            self.complaints.append(f"the loader of {daemon.name} died {daemon.status.loader_restarts} times")

    def _replay(self, event: Event) -> None:
        chance = Random(event.number)  # noqa: S311  # must be replayable
        settings: dict[str, Any] = {"force": chance.random() < 0.7}
        if chance.random() < 0.4:
            settings["shard"] = Shard(chance.randrange(2), 2)
        self.replays[event.who] = replay(self.machine, event.who, **settings)

    def _kill_replay(self, who: str) -> None:
        self.machine.cut_off(who)
        self.replays[who].cancel()

    async def _network(self, event: Event) -> None:
        toxic = TOXICS[event.number]
        if event.what is What.NETWORK:
            self.network_faults += 1
            self.doses.append((event.number, self.proxy.add(*toxic) if toxic else None))
            if not toxic:
                await self.proxy.down()
            return
        number, dose = self.doses.pop([number for number, _ in self.doses].index(event.number))
        if dose:
            self.proxy.remove(dose)
        elif number not in [other for other, _ in self.doses]:
            await self.proxy.up()

    async def _mend(self) -> None:
        """End all faults."""
        self.machine.shim.book.clear()
        self.proxy.clear()
        await self.proxy.down()
        await self.proxy.up()
        self.feed.healthy = True

    async def _finish(self) -> None:
        """Let the replays end, and the daemons finish everything."""
        for end in await asyncio.gather(*self.replays.values(), return_exceptions=True):
            if isinstance(end, Exception) and not isinstance(end, AqiError):
                self.complaints.append(f"a replay died of {end!r}")
        if not self.living:
            await self._begin("last")
        clock = asyncio.get_running_loop().time
        late = clock() + PATIENCE
        while unfinished := await self._unfinished():
            if clock() > late:
                self.complaints.append(f"not finished: {unfinished}")
                return
            await asyncio.sleep(LOOK)

    async def _unfinished(self) -> list[str]:
        """Name the snapshots that no manifest calls finished, and the last generation unless it is there."""
        objects = await objects_of(self.world.clients, self.world.bucket)
        snapshots = [name for name in objects if parse_name(name)]
        keys = {name: manifest_key(self.world.table, name) for name in snapshots}
        last = [] if self.plan.published[-1][1] in objects.values() else ["the last generation"]
        return last + [
            name
            for name, key in keys.items()
            if key not in objects or json.loads(objects[key])["status"] != "complete"
        ]

    async def _outcome(self, asker: Asker) -> Outcome:
        """Ask for everything a last time, end the daemons, sweep a day later, and look."""
        ids = sorted({row["id"] for each in self.generations for row in each.reading.rows})
        replies: list[bytes] = []
        port = next(iter(self.living.values())).port
        for start in range(0, len(ids), 50):
            replies += await ask(port, ids[start : start + 50])
        await asyncio.gather(*map(self._end, self.living.values()))
        self.machine.shim.ahead += timedelta(days=1, seconds=2)
        archive = S3Archive(self.world.clients.s3, self.world.bucket)
        with suppress(AqiError):
            await as_process("judge", archive.sweep())
        book, journal = self.machine.shim.book, self.machine.shim.journal
        wrote = [record.call.sender for record in trespasses(journal)]
        return Outcome(
            self.plan, self.generations, self.feed.served, self.machine.loads,
            await objects_of(self.world.clients, self.world.bucket),
            await uploads_of(self.world.clients, self.world.bucket),
            items_of(self.world.table), dict(zip(ids, replies, strict=True)),
            self.complaints + asker.complaints + [f"{who} wrote under another's lease" for who in wrote],
            asker.answers, asker.found, book.fired() + self.feed.faults + self.network_faults,
        )  # fmt: skip
