"""Brings one group into the table: reads what is there, decides, writes, counts.

One rule: if the table fails, nothing of the group is counted; it may be written again.
"""

import asyncio
from collections.abc import Callable, Mapping

from aqi_service.core.clocks import ages_from
from aqi_service.core.fates import FateCounter, refusal_of_all, refusal_of_load
from aqi_service.core.items import Verdict
from aqi_service.core.moved_ids import LoadIds
from aqi_service.core.rescoring import IndexChanges
from aqi_service.errors import TableRefused
from aqi_service.load.comparison import Comparison
from aqi_service.load.group import Group, Put
from aqi_service.storage.ports import Judged, Store


class GroupWriter:
    """Writes the groups of one load into one store; `put` writes items as `Store.put` does.

    Attributes:
        watch: is told which records change in the table.
        counts: counts of what became of the items.
        changes: counts of how indices changed.
        data_time: the time of the table's data, epoch seconds; ages count from it.
    """

    def __init__(
        self, store: Store, put: Put, *, now: Callable[[], float], watch: LoadIds | None = None
    ) -> None:
        self._store, self._put = store, put
        self.now = now
        self.watch = LoadIds() if watch is None else watch
        self._fates = FateCounter()
        self.counts = self._fates.counts
        self.changes = IndexChanges()
        self.data_time: int | None = None

    async def write(self, group: Group) -> None:
        """Write a group, and count what became of its items; raises AqiError if the table failed."""
        now = self.now()
        comparison = Comparison(now, ages_from(now, self.data_time))
        refused = await self._compare_and_write(group, comparison)
        self._fates.refuse(refused)
        self._fates.count(comparison.verdicts)
        self._fates.note_example((group.items[i], group.numbers[i]) for i in comparison.verdicts)
        for record_id, old in comparison.changes():
            self.changes.note(group.items[record_id], old)
        self.watch.differs(comparison.differing(group.items))

    async def settle(self) -> None:
        """Return when everything written survives a power cut; raises AqiError."""
        await self._store.settle()

    def take_back_refusal(self) -> TableRefused | None:
        """Return the error if the table refused all that it had to write (even one item), or most of it.

        Then those items are pending again.
        """
        refused, stored = self.counts.refused, self.counts.stored
        if (words := refusal_of_load(refused, stored)) is None:
            return None
        error = TableRefused(words, stored, len(refused))
        self._fates.take_back_refused()
        return error

    async def _compare_and_write(self, group: Group, comparison: Comparison) -> Mapping[str, str]:
        """Read what the table has, write what is new; return the refused items, id -> why."""
        asked_at = asyncio.get_running_loop().time()
        there = await self._store.read(list(group.items))
        wanted = comparison.judge(group.items.values(), there)
        if not wanted:
            return {}
        self.watch.writes(item.id for item in wanted)
        try:
            result = await self._put(wanted, judged=Judged(asked_at, comparison.judge, comparison.old))
        finally:
            self.counts.items_per_second = self._store.items_per_second
        comparison.settle(result)
        written = sum(comparison.verdicts.get(item.id) is Verdict.STORE for item in wanted)
        if words := refusal_of_all(result.refused, written + len(result.refused)):
            raise TableRefused(words)
        return result.refused
