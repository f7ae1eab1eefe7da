"""Bring a snapshot's items into the table: read, decide, write, in groups, a few at once.

One rule: every item that is announced ends in exactly one count; what the table did not take is pending.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from aqi_service.core.idset import IdSet
from aqi_service.core.items import Item, Verdict, is_expired, judge
from aqi_service.errors import AqiError
from aqi_service.storage import READ_LIMIT, Store

GROUPS_AT_ONCE = 4
"""Groups of READ_LIMIT items on their way at once; with the one being filled they bound the memory."""


@dataclass(slots=True)
class DeliveryCounts:
    """What became of the announced items so far; `refused` is id -> why."""

    announced: int = 0
    stored: int = 0
    unchanged: int = 0
    superseded: int = 0
    expired: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def pending(self) -> int:
        """Items that are announced and not decided."""
        decided = self.stored + self.unchanged + self.superseded + self.expired + len(self.refused)
        return self.announced - decided


class Delivery:
    """Delivers one snapshot's items to one store.

    `conditional` writes each item under the condition that what is there is not newer (replays). The first
    error stops it for good: it stands in `error`, and all that is not decided stays pending. `group_size` is
    how many items are read and written together (smaller only to test it).
    """

    def __init__(
        self, store: Store, *, conditional: bool, now: Callable[[], float], group_size: int = READ_LIMIT
    ) -> None:
        self._store = store
        self._conditional = conditional
        self._now = now
        self._group_size = group_size
        self._group: dict[str, Item] = {}
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(GROUPS_AT_ONCE)
        self._stored_ids = IdSet()
        self._unchanged_ids = IdSet()
        self._bug: BaseException | None = None
        self.counts = DeliveryCounts()
        self.error: AqiError | None = None

    def announce(self, count: int) -> None:
        """Say that `count` items will come, so that an end in between leaves them pending."""
        self.counts.announced += count

    async def add(self, item: Item) -> None:
        """Take one announced item; wait while GROUPS_AT_ONCE groups are on their way."""
        if self.error:
            return
        if is_expired(item, self._now()):
            self.counts.expired += 1
            return
        if flying := self._flying.get(item.id):
            await asyncio.wait([flying])
        if waiting := self._group.get(item.id):
            self.counts.superseded += 1
            if judge(item, waiting) is Verdict.SUPERSEDED:
                return
        self._group[item.id] = item
        if len(self._group) >= self._group_size:
            await self._dispatch()

    async def finish(self) -> None:
        """Deliver what is left, wait for all of it, and make it durable.

        Raises what no store should raise, and what therefore stands for a defect.
        """
        if self._group:
            await self._dispatch()
        if self._flying:
            await asyncio.wait(set(self._flying.values()))
        if self._bug:
            raise self._bug
        if not self.error:
            try:
                await self._store.settle()
            except AqiError as error:
                self.error = error

    async def stop(self) -> None:
        """Give up what is on its way; it stays pending."""
        tasks = set(self._flying.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _dispatch(self) -> None:
        group, self._group = self._group, {}
        await self._slots.acquire()
        task = asyncio.create_task(self._deliver(group))
        self._flying.update(dict.fromkeys(group, task))
        task.add_done_callback(partial(self._landed, group))

    def _landed(self, group: Mapping[str, Item], task: asyncio.Task[None]) -> None:
        self._slots.release()
        for record_id in group:
            del self._flying[record_id]
        if not task.cancelled():
            self._bug = self._bug or task.exception()

    async def _deliver(self, group: Mapping[str, Item]) -> None:
        """Read what the table has of a group, write what is to be written, count."""
        if self.error:
            return
        try:
            there = await self._store.read(list(group))
            now = self._now()
            old = {i: item for i, item in there.items() if not is_expired(item, now)}
            verdicts = {i: judge(item, old.get(i)) for i, item in group.items()}
            wanted = [item for i, item in group.items() if verdicts[i] is Verdict.STORE]
            if wanted:
                result = await self._store.put(wanted, conditional=self._conditional)
                verdicts |= dict.fromkeys(result.superseded, Verdict.SUPERSEDED)
                self._refuse(result.refused)
                for record_id in result.refused:
                    del verdicts[record_id]
        except AqiError as error:
            self.error = self.error or error
        else:
            for record_id, verdict in verdicts.items():
                self._count(int(record_id), verdict)

    def _refuse(self, refused: Mapping[str, str]) -> None:
        """Count items that the table will never take; of two records with one id, one is superseded."""
        self.counts.superseded += len(self.counts.refused.keys() & refused.keys())
        self.counts.refused.update(refused)

    def _count(self, record_id: int, verdict: Verdict) -> None:
        """Count an item's fate; of two records of this snapshot with one id, one is superseded."""
        counts = self.counts
        earlier_stored, earlier_unchanged = record_id in self._stored_ids, record_id in self._unchanged_ids
        if verdict is Verdict.SUPERSEDED or (
            verdict is Verdict.UNCHANGED and (earlier_stored or earlier_unchanged)
        ):
            counts.superseded += 1
        elif verdict is Verdict.UNCHANGED:
            counts.unchanged += 1
            self._unchanged_ids.add(record_id)
        else:
            counts.stored += 1
            counts.superseded += earlier_stored or earlier_unchanged
            counts.stored -= earlier_stored
            counts.unchanged -= self._unchanged_ids.discard(record_id)
            self._stored_ids.add(record_id)
