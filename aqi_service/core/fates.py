"""Counts what became of the items of one load, each once.

One rule: of several records with one id, one counts by its result in the table; the others are superseded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aqi_service.core.idset import IdSet
from aqi_service.core.items import Item, Verdict

MANY = 10
"""This many items refused in the same words are no coincidence, if they are also the majority."""


@dataclass(slots=True)
class FateCounts:
    """What became of the announced items so far.

    Attributes:
        refused: id -> why.
        items_per_second: how many the table takes, known only if it refused some; else None.
        example: the id of the newest of these items that the table has, as an example to look up; None while
            it has none.
    """

    announced: int = 0
    stored: int = 0
    unchanged: int = 0
    superseded: int = 0
    expired: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    items_per_second: float | None = None
    example: str | None = None

    @property
    def pending(self) -> int:
        """Items that are announced but not decided."""
        decided = self.stored + self.unchanged + self.superseded + self.expired + len(self.refused)
        return self.announced - decided


class FateCounter:
    """Counts fates into `counts`; remembers by id what was stored and what was unchanged."""

    def __init__(self) -> None:
        self.counts = FateCounts()
        self._stored_ids = IdSet()
        self._unchanged_ids = IdSet()
        self._example = (-1, 0)  # the example's age and, negative, its number

    def count(self, verdicts: Mapping[str, Verdict]) -> None:
        """Count fates by id: all in one step, if no other record of this load had one of the ids."""
        numbers = [*map(int, verdicts)]
        if not (self._stored_ids.isdisjoint(numbers) and self._unchanged_ids.isdisjoint(numbers)):
            for number, verdict in zip(numbers, verdicts.values(), strict=True):
                self._count_one(number, verdict)
            return
        by_verdict: dict[Verdict, list[int]] = {verdict: [] for verdict in Verdict}
        for number, verdict in zip(numbers, verdicts.values(), strict=True):
            by_verdict[verdict].append(number)
        self.counts.stored += len(by_verdict[Verdict.STORE])
        self.counts.unchanged += len(by_verdict[Verdict.UNCHANGED])
        self.counts.superseded += len(by_verdict[Verdict.SUPERSEDED])
        self._stored_ids.add_all(by_verdict[Verdict.STORE])
        self._unchanged_ids.add_all(by_verdict[Verdict.UNCHANGED])

    def _count_one(self, record_id: int, verdict: Verdict) -> None:
        """Count an item's fate; of two records of this snapshot with the same id, one is superseded."""
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

    def note_example(self, items: Iterable[tuple[Item, int]]) -> None:
        """Keep the newest id of items that the table has, given with their numbers; of equals, the first."""
        ages = ((item.measured_at or 0, -number, item.id) for item, number in items)
        measured, number, record_id = max(ages, default=(-1, 0, ""))
        if (measured, number) > self._example:
            self._example, self.counts.example = (measured, number), record_id

    def refuse(self, refused: Mapping[str, str]) -> None:
        """Count items that the table will never take; of two records with the same id, one is superseded."""
        self.counts.superseded += len(self.counts.refused.keys() & refused.keys())
        self.counts.refused.update(refused)

    def take_back_refused(self) -> None:
        """Make refused items pending again: they were not at fault."""
        self.counts.refused.clear()


def refusal_of_all(refused: Mapping[str, str], asked: int) -> str | None:
    """Return the words in which a table refused all `asked` items of a group; None if it did not.

    If several items are refused in the same words and none is accepted, the fault is the table's. A single
    refused item may itself be at fault, if the table takes others of the load.
    """
    return refusal_of_load(refused) if len(refused) == asked > 1 else None


def refusal_of_load(refused: Mapping[str, str], accepted: int = 0) -> str | None:
    """Return the words in which a table refused a load's items; None if the items are at fault.

    If the table took none, one refused item is enough: nothing shows that it takes any. If it took some, the
    table is at fault if it refused MANY or more, and more than it took: then the difference between them,
    such as an attribute on which the owner has an index, is the table's doing.
    """
    words = set(refused.values())
    is_of_the_table = not accepted or len(refused) >= max(MANY, accepted + 1)
    return words.pop() if len(words) == 1 and is_of_the_table else None
