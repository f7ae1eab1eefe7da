"""What the Store port promises of a sensor's records over time: what is asked, a page of them, and how.

One rule: a page is bounded, and says what it cost and where to go on; nobody reads a sensor's records whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from aqi_service.core.items import Item

PAGE_LIMIT = 500
"""Records of a page unless fewer are asked for: some 120 kB of the table, and 15 read units."""

ALWAYS_READ = ("id", "measured_at", "expires_at")
"""The fields that every record of a page has, whatever was asked for."""


@dataclass(frozen=True, slots=True)
class SensorRange:
    """Which records are asked for, and what of them.

    Attributes:
        sensor_id: whose.
        since, until: those of since <= `measured_at` < until (epoch seconds).
        fields: fields of Item beside ALWAYS_READ that are wanted; the others are None.
        newest_first: the order; of records of the same second it is any.
        limit: most records of a page.
    """

    sensor_id: int
    since: int
    until: int
    fields: tuple[str, ...] = Item._fields
    newest_first: bool = False
    limit: int = PAGE_LIMIT

    @property
    def is_empty(self) -> bool:
        """Tell whether no record can be in it."""
        return self.since >= self.until

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the fields that are read, in the order of Item's."""
        return tuple(field for field in Item._fields if field in self.fields or field in ALWAYS_READ)


class SensorPage(NamedTuple):
    """Records in the order that was asked for.

    Attributes:
        items: at most `limit`, without those that have expired: maybe none, though others follow.
        position: what the next page is asked for with; None after the last.
        read_units: what it cost, in DynamoDB's read units; 0 where reading costs nothing.
    """

    items: Sequence[Item]
    position: Any = None
    read_units: float = 0.0


class SensorReads(Protocol):
    """A sensor's records over time, out of a table that has an index for it."""

    async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
        """Read a page, as it was within about the last second; never waits for a load.

        What has expired at `ages` (epoch seconds) is left out. `position` is that of the page before; None
        begins. Raises MissingIndex for a table that has no such index.
        """
