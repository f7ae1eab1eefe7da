"""One process loads the live feed: the others stand by, and one takes over."""

import asyncio
from typing import Any

from aqi_service.app.metrics import ServiceStatus, metrics
from aqi_service.app.scheduler import Scheduler
from aqi_service.core.report import Status
from aqi_service.errors import AccessDenied, LeaseLost, NameInUse
from aqi_service.server.limits import ServerCounts
from aqi_service.shutdown import Stop
from aqi_service.storage.lease import RENEW_SECONDS
from tests.doubles.backend import opened
from tests.doubles.config import config
from tests.doubles.feed_server import answer, feed_server, head
from tests.doubles.load_helpers import NAME, document, fates, run
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, Stuck, in_memory
from tests.doubles.wire_fixtures import advance, by_hand, task, turns, until

BODY = document(*range(1, 301))


class ToldLease:
    """A lease of which a test says whose it is."""

    def __init__(self) -> None:
        self.holder: str | None = None
        self.held = False
        self.taken = 0

    async def take(self) -> str | None:
        if self.holder is None:
            self.held, self.taken = True, self.taken + 1
        return self.holder

    async def renew(self) -> None:
        self.check()

    async def release(self) -> None:
        self.held = False

    def check(self) -> None:
        if not self.held or self.holder is not None:
            raise LeaseLost("the lease is another's")


async def test_a_load_that_loses_the_lease_writes_no_more_and_is_incomplete_at_once() -> None:
    lease, archive, store = ToldLease(), MemoryArchive(), MemoryStore()
    await lease.take()
    requests = iter(("feed", "write", "write that is too late"))

    def guard() -> None:
        if next(requests, "").endswith("late"):
            lease.holder = "another"
        lease.check()

    async with feed_server((head(), BODY)) as feed:
        storage = in_memory(archive, Guarded(store))
        report = await run(feed.url(), storage, live=True, deadline=900, guard=guard)
    assert (report.status, report.snapshot, report.error) == (
        Status.INCOMPLETE, NAME, "the lease is another's",
    )  # fmt: skip
    assert fates(report) == {"stored": 100, "pending": 200}
    assert len(store.items) == 100


class Guarded:
    """A store that asks the guard before each write, as the real ones do, one write at a time."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put(self, items: Any, *, conditional: bool, guard: Any, judged: Any) -> Any:
        assert not conditional
        guard()
        return await self._store.put(items, conditional=conditional, judged=judged)


@by_hand
async def test_a_loader_that_loses_the_lease_stands_by_and_loads_again_once_it_is_free() -> None:
    lease, stop, status = ToldLease(), Stop(), ServiceStatus(ServerCounts())
    shown = metrics(status)
    async with feed_server((answer(BODY),)) as feed:
        loader = Scheduler(config(feed_url=feed.url()), opened(lease=lease), status)
        work = task(loader.run(stop))
        assert "aqi_loader 0.0" in shown().decode()
        await until(lambda: status.loads["complete"] == 1)
        assert "aqi_loader 1.0" in shown().decode()
        lease.holder = "another"
        assert "aqi_loader 0.0" in shown().decode()
        advance(RENEW_SECONDS + 1)
        status.failures = 2
        await until(lambda: not lease.held)
        advance(7200)  # two loads would be due
        await turns()
        assert (lease.taken, len(feed.requests), status.failures) == (1, 1, 0)
        lease.holder = None
        while status.loads["unchanged"] == 0:
            advance(5)
            await asyncio.sleep(0)
        stop.set()
        await work
    assert (lease.held, lease.taken, len(feed.requests)) == (False, 2, 2)


async def test_a_table_that_refuses_the_lease_is_counted_and_does_not_end_the_loader() -> None:
    lease, stop = ToldLease(), Stop()

    async def refuse() -> str | None:
        raise AccessDenied("denied")

    lease.take = refuse  # type: ignore[method-assign]  # a double's
    status = ServiceStatus(ServerCounts())
    loader = Scheduler(config(feed_url="http://127.0.0.1:9/x"), opened(lease=lease), status)
    work = task(loader.run(stop))
    await until(lambda: status.loads["refused"] == 1)
    assert not work.done()
    stop.set()
    await work


@by_hand
async def test_no_load_begins_once_the_lease_ran_out_although_its_renewal_has_not_ended_yet() -> None:
    lease, stop, status, stuck = ToldLease(), Stop(), ServiceStatus(ServerCounts()), Stuck()
    lease.renew = stuck  # type: ignore[method-assign]  # a double's
    async with feed_server((answer(BODY),)) as feed:
        loader = Scheduler(config(feed_url=feed.url()), opened(lease=lease), status)
        work = task(loader.run(stop))
        await until(lambda: status.loads["complete"] == 1)
        advance(RENEW_SECONDS + 1)
        await stuck.reached.wait()
        lease.holder = "another"  # it ran out meanwhile
        advance(7200)
        await until(lambda: not lease.held)
        assert len(feed.requests) == 1
        stop.set()
        await work


async def test_a_load_whose_name_is_taken_begins_anew_only_while_it_holds_the_lease() -> None:
    lease = ToldLease()
    await lease.take()

    async def taken() -> None:
        lease.holder = "another"
        raise NameInUse("another load's snapshot has the name")

    async with feed_server((answer(BODY),)) as feed:
        storage = in_memory(Before(MemoryArchive(), complete=taken))
        report = await run(feed.url(), storage, live=True, guard=lease.check)
    assert (report.status, len(feed.requests)) == (Status.FAILED, 1)
