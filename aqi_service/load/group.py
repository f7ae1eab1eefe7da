"""Items that are read and written together, and the function that writes them.

One rule: the ids of a group are distinct.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aqi_service.core.items import Item
from aqi_service.core.parse.document import Position
from aqi_service.storage.ports import Judged, PutResult


@dataclass(slots=True)
class Group:
    """Items by id, with their numbers in the document, which can be read again from `position`."""

    position: Position
    items: dict[str, Item] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def fill(self, items: Sequence[Item], number: int, size: int) -> Sequence[Item]:
        """Take items with new ids, numbered from `number` on, up to `size`; return the rest."""
        room = size - len(self.items)
        ids = [item.id for item in items[:room]]
        self.items.update(zip(ids, items, strict=False))
        self.numbers.update(zip(ids, range(number, number + len(ids)), strict=True))
        return items[room:]


class Put(Protocol):
    """Writes items, as `Store.put` does."""

    def __call__(self, items: Sequence[Item], *, judged: Judged) -> Awaitable[PutResult]:
        """Write the items; `judged` is the comparison that chose them."""
