"""Lookups that go to the table: those that wait at the same time become one request.

One rule: a lookup waits for no other longer than PATIENCE, and a failure costs only lookups of the same id,
or those in one request that the table did not answer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aqi_service.core.items import Item
from aqi_service.errors import AqiError, Unavailable
from aqi_service.storage.ports import READ_LIMIT, Store
from aqi_service.storage.turns import going_first

MOST_CONCURRENT = 8
"""Requests under way at the same time. The first goes out immediately; lookups that come meanwhile go out
together when it returns, or beside it after PATIENCE."""

PATIENCE = 0.05
"""Seconds that lookups wait for earlier requests: longer than DynamoDB usually takes, so a stuck request
holds nobody up."""

Waiters = dict[str, list["asyncio.Future[Item | None]"]]


@dataclass(slots=True)
class LookupCounts:
    """How many lookups memory answered, how many went to the table, and in how many requests."""

    memory: int = 0
    table: int = 0
    requests: int = 0


class LookupBatcher:
    """Looks records up in a store, several in one request; both are given up after `deadline` seconds."""

    def __init__(self, store: Store, counts: LookupCounts, deadline: float) -> None:
        self._store = store
        self._counts = counts
        self._deadline = deadline
        self._waiting: Waiters = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._due: asyncio.TimerHandle | None = None

    async def get(self, record_id: str) -> Item | None:
        """Look one record up; raises the store's error, or TimeoutError.

        Its cancellation disturbs no other lookup.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Item | None] = loop.create_future()
        self._counts.table += 1
        self._waiting.setdefault(record_id, []).append(waiter)
        if len(self._waiting) >= READ_LIMIT:
            self._ask()
        elif self._due is None:  # 0 is the next turn of the loop: what has arrived by then goes along
            self._due = loop.call_later(PATIENCE if self._asking else 0, self._ask)
        late = loop.call_later(self._deadline, _give_up, waiter)  # a fourth of what asyncio.timeout takes
        try:
            with going_first():
                return await waiter
        finally:
            late.cancel()

    async def close(self) -> None:
        """Give up all requests and lookups; tasks that wait for them are cancelled."""
        waiting, self._waiting = self._waiting, {}
        for waiter in _open(waiting):
            waiter.cancel()
        requests = set(self._asking)
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    def _ask(self) -> None:
        """Send out waiting lookups while there are free requests."""
        if self._due:
            self._due.cancel()
            self._due = None
        while self._waiting and len(self._asking) < MOST_CONCURRENT:
            if batch := self._gathered():
                task = asyncio.get_running_loop().create_task(self._request(batch))
                self._asking.add(task)
                task.add_done_callback(self._answered)

    def _gathered(self) -> Waiters:
        """Take the next waiting ids; leave out ids for which nobody waits any more."""
        some = [(each, self._waiting.pop(each)) for each in list(self._waiting)[:READ_LIMIT]]
        return {each: waiters for each, waiters in some if not all(waiter.done() for waiter in waiters)}

    def _answered(self, task: "asyncio.Task[None]") -> None:
        self._asking.discard(task)
        self._ask()

    async def _request(self, batch: Waiters) -> None:
        """Make one request, and give each lookup its answer or error."""
        self._counts.requests += 1
        try:
            async with asyncio.timeout(self._deadline):
                found = await self._found(list(batch))
        except Exception as error:
            if len(batch) > 1 and isinstance(error, AqiError) and not isinstance(error, Unavailable):
                await asyncio.gather(*(self._request({each: waiters}) for each, waiters in batch.items()))
            _tell(batch, {}, error)
        else:
            _tell(batch, found, Unavailable("the table did not get to it in time"))
        finally:
            for waiter in _open(batch):  # only if this was cancelled
                waiter.cancel()

    async def _found(self, ids: list[str]) -> Mapping[str, Item | None]:
        if len(ids) == 1:
            return {ids[0]: await self._store.get(ids[0])}
        return await self._store.get_many(ids)


def _give_up(waiter: "asyncio.Future[Item | None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


def _tell(batch: Waiters, found: Mapping[str, Item | None], error: Exception) -> None:
    """Give each lookup that still waits the result, or the error."""
    for record_id, waiters in batch.items():
        for waiter in _open({record_id: waiters}):
            if record_id in found:
                waiter.set_result(found[record_id])
            else:
                waiter.set_exception(error)


def _open(batch: Waiters) -> list["asyncio.Future[Item | None]"]:
    return [waiter for waiters in batch.values() for waiter in waiters if not waiter.done()]
