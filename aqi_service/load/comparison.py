"""Compares a group's items with the table's: what must be written, and what the table has in the end.

One rule: if the table has exactly the item after a try to write it, that try wrote it.
"""

from collections.abc import Iterable, Iterator, Mapping

from aqi_service.core.items import Item, Verdict, dated, is_expired, is_same, judge
from aqi_service.storage.ports import PutResult


class Comparison:
    """A group's items compared with what the table has.

    Attributes:
        old: the table's items that are not expired, by id.
        verdicts: the verdict on each item, by id.
    """

    def __init__(self, now: float, ages: float) -> None:
        """`now`, and the time from which ages count, in epoch seconds."""
        self._now, self._ages = now, ages
        self.old: dict[str, Item | None] = {}
        self.verdicts: dict[str, Verdict] = {}

    def judge(self, items: Iterable[Item], there: Mapping[str, Item]) -> list[Item]:
        """Judge these items, maybe again, against the table's; return those that must be written.

        An item that had to be written and is there, exactly, was written by a try whose answer was lost.
        """
        wanted, verdicts, store = [], self.verdicts, Verdict.STORE
        for item in items:
            record_id = item.id
            found = there.get(record_id)
            old = None if found is None or is_expired(found, self._ages) else found
            if not (verdicts.get(record_id) is store and old == item):
                self.old[record_id] = old
                verdicts[record_id] = verdict = self._verdict(item, old)
                if verdict is store:
                    wanted.append(item)
        return wanted

    def _verdict(self, item: Item, old: Item | None) -> Verdict:
        if old is None:
            return Verdict.STORE
        return Verdict.UNCHANGED if is_same(item, old) else judge(item, dated(old, self._now))

    def settle(self, result: PutResult) -> None:
        """Note the result of a write."""
        self.verdicts |= dict.fromkeys(result.superseded, Verdict.SUPERSEDED)
        for record_id in result.refused:
            del self.verdicts[record_id]

    def changes(self) -> Iterator[tuple[str, Item]]:
        """Give the ids of items that replace something, each with the old item."""
        for record_id, old in self.old.items():
            if old is not None and self.verdicts.get(record_id) is Verdict.STORE:
                yield record_id, old

    def differing(self, items: Mapping[str, Item]) -> Iterator[str]:
        """Give the ids for which the table now differs from the items, even if only in the expiry."""
        for record_id, item in items.items():
            verdict, old = self.verdicts.get(record_id), self.old.get(record_id)
            same = verdict is Verdict.UNCHANGED and old is not None and item.expires_at == old.expires_at
            if not (same or verdict is Verdict.STORE):
                yield record_id
