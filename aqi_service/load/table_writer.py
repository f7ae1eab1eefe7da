"""Brings a snapshot's items into the table: in groups, a few at the same time, as fast as it takes them.

One rule: every announced item ends in exactly one count; items that the table did not take are pending.

A detached writer gives the table nothing more. Its `first_pending` says from where the document must be read
again; after `resume` it takes from there only items that are not decided yet.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from aqi_service.core.clocks import ages_from
from aqi_service.core.items import Item, Verdict, is_expired, judge
from aqi_service.core.parse.document import Position
from aqi_service.errors import AqiError
from aqi_service.load.group import Group
from aqi_service.load.group_writer import GroupWriter
from aqi_service.storage.ports import READ_LIMIT

log = logging.getLogger("aqi_service")

CONCURRENT_GROUPS = 4
"""Groups of READ_LIMIT items under way at the same time; with the one being filled they bound the memory."""


class TableWriter:
    """Hands one snapshot's items, in groups, to a GroupWriter.

    `patience` is how many seconds, in all, the table may hold back the caller of `add`; None sets no limit.
    When it is used up, or after an error (kept in `error`), the writer is detached. `group_size` is how many
    items are read and written together (tests use smaller groups).
    """

    def __init__(
        self,
        group_writer: GroupWriter,
        *,
        patience: float | None = None,
        group_size: int = READ_LIMIT,
    ) -> None:
        self.group_writer = group_writer
        self.counts = group_writer.counts
        self._patience = patience
        self._group_size = group_size
        self._group: Group | None = None
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(CONCURRENT_GROUPS)
        self._accepted_below = 0  # every item below this number was taken once
        self._to_accept_again: set[int] = set()  # numbers of those that have to be taken again
        self._bug: BaseException | None = None
        self.error: AqiError | None = None
        self.detached = False
        self.first_pending: Position | None = None

    def announce(self, count: int) -> None:
        """Announce `count` items, so that they are pending if the load ends before they come."""
        self.counts.announced += count

    async def add(self, items: Sequence[Item], position: Position) -> None:
        """Take announced items, numbered from `position.number` on; wait while many groups are under way.

        Items that are already decided are passed over, so a document can be read again.
        """
        if self._are_ordinary(items, position):
            await self._accept_all(items, position)
            return
        for number, item in enumerate(items, position.number):
            if self._is_new(number):
                if self.detached:
                    self._note_pending(position)
                    return
                await self._accept(item, number, position)

    async def flush(self) -> None:
        """Write the remaining items, wait for all writes, and make them durable.

        Raises any error that no store should raise: it shows a defect.
        """
        if self._group:
            await self._dispatch()
        if self._under_way:
            await asyncio.wait(set(self._under_way.values()))
        if self._bug:
            raise self._bug
        if not (self.error or self.first_pending):
            self.error = self.group_writer.take_back_refusal()
        if not self.error:
            try:
                await self.group_writer.settle()
            except AqiError as error:
                self.error = error

    def resume(self) -> Position | None:
        """Attach again, without a limit of patience; return where the document must be read again."""
        position, self.first_pending = self.first_pending, None
        self.detached, self.error, self._patience = False, None, None
        return position

    async def stop(self) -> None:
        """Give up groups that are under way; their items stay pending."""
        tasks = set(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_new(self, number: int) -> bool:
        """Tell whether the item with that number must still be taken."""
        return number >= self._accepted_below or number in self._to_accept_again

    def _are_ordinary(self, items: Sequence[Item], position: Position) -> bool:
        """Tell whether all must be taken and no id comes twice, as is nearly always so."""
        ids, groups = {item.id for item in items}, self.group_writer
        ages = ages_from(groups.now(), groups.data_time)
        return (
            not self.detached
            and position.number >= self._accepted_below
            and len(ids) == len(items)
            and self._under_way.keys().isdisjoint(ids)
            and not (self._group and not self._group.items.keys().isdisjoint(ids))
            and not any(is_expired(item, ages) for item in items)
        )

    async def _accept_all(self, items: Sequence[Item], position: Position) -> None:
        """Take ordinary items together, as `_accept` takes a single one."""
        number = position.number
        while items:
            group = self._group = self._group or Group(position)
            items, some = group.fill(items, number, self._group_size), items
            number += len(some) - len(items)
            self._accepted_below = number
            if len(group.items) >= self._group_size:
                await self._dispatch()
                if items and self.detached:
                    self._note_pending(position)
                    return

    async def _accept(self, item: Item, number: int, position: Position) -> None:
        if is_expired(item, ages_from(self.group_writer.now(), self.group_writer.data_time)):
            self.counts.expired += 1
            self._mark_accepted(number)
            return
        if flying := self._under_way.get(item.id):
            async with self._back_pressure():
                await asyncio.wait([flying])
            if self.detached:
                self._note_pending(position)
                return
        self._mark_accepted(number)
        group = self._group = self._group or Group(position)
        if waiting := group.items.get(item.id):
            self.counts.superseded += 1
            if judge(item, waiting) is Verdict.SUPERSEDED:
                return
        group.items[item.id], group.numbers[item.id] = item, number
        if len(group.items) >= self._group_size:
            await self._dispatch()

    def _mark_accepted(self, number: int) -> None:
        self._accepted_below = max(self._accepted_below, number + 1)
        self._to_accept_again.discard(number)

    @asynccontextmanager
    async def _back_pressure(self) -> AsyncIterator[None]:
        """Wait inside the block for the table, until patience is used up; then detach."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            async with asyncio.timeout(self._patience):
                yield
        except TimeoutError:
            self._detach("held back for long enough")
        if self._patience is not None:
            self._patience = max(0.0, self._patience - (clock() - begun))

    def _detach(self, why: str) -> None:
        if not self.detached:
            self.detached = True
            log.warning("table_writes_deferred", extra={"reason": why})
        if self._group:
            self._give_up(self._group)
            self._group = None

    def _give_up(self, group: Group) -> None:
        self._to_accept_again.update(group.numbers.values())
        self._note_pending(group.position)

    def _note_pending(self, position: Position) -> None:
        """Note that an item at or behind `position` is not decided."""
        if self.first_pending is None or position.number < self.first_pending.number:
            self.first_pending = position

    async def _dispatch(self) -> None:
        """Send the group off as soon as there is a slot; if detached meanwhile, give it up."""
        has_slot = False
        async with self._back_pressure():
            has_slot = await self._slots.acquire()
        group, self._group = self._group, None
        if group is None:  # given up in the meantime
            if has_slot:
                self._slots.release()
            return
        task = asyncio.create_task(self._write_group(group))
        self._under_way.update(dict.fromkeys(group.items, task))
        task.add_done_callback(partial(self._group_done, group))

    def _group_done(self, group: Group, task: asyncio.Task[None]) -> None:
        self._slots.release()
        for record_id in group.items:
            del self._under_way[record_id]
        if not task.cancelled():
            self._bug = self._bug or task.exception()

    async def _write_group(self, group: Group) -> None:
        """Write a group; after an error in this or an earlier group, it is pending."""
        if self.error:
            self._give_up(group)
            return
        try:
            await self.group_writer.write(group)
        except AqiError as error:
            self.error = self.error or error
            self._give_up(group)
            self._detach(str(error))
