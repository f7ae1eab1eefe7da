"""What the Store port promises for a sensor's records over time: the request, the page, the method.

One rule: a page is bounded, and says its cost and where to go on; nobody reads all of a sensor's records at
once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from aqi_service.core.items import Item

PAGE_LIMIT = 500
"""Records of a page by default: some 120 kB of the table, and 15 read units."""

ALWAYS_READ = ("id", "measured_at", "expires_at")
"""The fields that every record of a page has, whatever was requested."""


@dataclass(frozen=True, slots=True)
class SensorRange:
    """Which records are requested, and which of their fields.

    Attributes:
        sensor_id: the sensor's id.
        since, until: records with since <= `measured_at` < until (epoch seconds).
        fields: wanted fields of Item, beside ALWAYS_READ; the others are None.
        newest_first: the order; records of the same second come in any order.
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
        """Tell whether the range can have no record."""
        return self.since >= self.until

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the fields to read, in the order of Item's."""
        return tuple(field for field in Item._fields if field in self.fields or field in ALWAYS_READ)


class SensorPage(NamedTuple):
    """Records in the requested order.

    Attributes:
        items: at most `limit`, without expired ones: there may be none although others follow.
        position: the argument for the next page; None after the last.
        read_units: its cost in DynamoDB's read units; 0 if reading costs nothing.
    """

    items: Sequence[Item]
    position: Any = None
    read_units: float = 0.0


class SensorReads(Protocol):
    """A sensor's records over time, from a table that has an index for them."""

    async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
        """Read a page, at most about a second old; never wait for a load.

        Records that have expired at `ages` (epoch seconds) are left out. `position` comes from the page
        before; None begins. Raises MissingIndex if the table has no such index.
        """
