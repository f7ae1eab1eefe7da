"""How a new scale, or a new version of one, changes the indices of measurements that a table has.

One rule: a change compares the same measurement before and after; a newer measurement under the same id is no
change.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from aqi_service.core.decimals import canonical
from aqi_service.core.items import Item

COMMONEST = 10
"""How many kinds of changes a report lists."""


class IndexChanges:
    """Counts of changes by kind, such as `2 -> 3`."""

    def __init__(self, counts: Iterable[tuple[tuple[str, str], int]] = ()) -> None:
        self._counts = Counter(dict(counts))

    def note(self, new: Item, old: Item | None) -> None:
        """Count an item that replaces another, if its index differs for the same measurement."""
        if old is None or not _same_measurement(new, old):
            return
        before, after = canonical(old.aqi), canonical(new.aqi)
        if before is not None and after is not None and before != after:
            self._counts[before, after] += 1

    def update(self, other: "IndexChanges") -> None:
        """Add the changes of another load."""
        self._counts.update(other._counts)  # noqa: SLF001  # its own kind

    @property
    def up(self) -> int:
        """How many indices are higher than before."""
        return sum(count for (old, new), count in self._counts.items() if Decimal(new) > Decimal(old))

    @property
    def total(self) -> int:
        """How many indices changed."""
        return self._counts.total()

    @property
    def commonest(self) -> dict[str, int]:
        """The commonest changes, such as `2 → 3`, and their counts; at equal counts lower indices first."""
        ordered = sorted(self._counts.items(), key=lambda each: (-each[1], *map(Decimal, each[0])))
        return {f"{old} → {new}": count for (old, new), count in ordered[:COMMONEST]}

    def as_json(self) -> dict[str, Any]:
        """Return the changes in a report's form."""
        up = self.up
        return {"changed": self.total, "up": up, "down": self.total - up, "commonest": self.commonest}

    def sentence(self, *, dry_run: bool) -> str:
        """Describe the changes in a sentence for a person."""
        verb, up = "would change" if dry_run else "changed", self.up
        kinds = ", ".join(f"{kind}: {count:,}" for kind, count in self.commonest.items())
        counted = f"{self.total:,} indices {verb}, {up:,} up and {self.total - up:,} down"
        return f"{counted}; {kinds}" if kinds else counted


def _same_measurement(new: Item, old: Item) -> bool:
    if old.measured_at is None:  # something else wrote it
        return old.timestamp == new.timestamp
    return old.measured_at == new.measured_at
