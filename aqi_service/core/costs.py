"""What it costs to write to DynamoDB: write units, their price, and how long it takes under a cap on them.

One rule: docs/scaling.md uses the same numbers; a test compares the two.
"""

from typing import NamedTuple

from aqi_service.core.items import Item

ITEM_UNITS = 2
"""Write units of a new item: one in the table, one in its index by sensor (an item is under 1 KB)."""

MOST_ITEM_UNITS = 3
"""Write units of an item that moves in the index: it is removed at one place and added at another."""

PRICE_PER_MILLION = 0.625
"""Dollars for a million write units, on demand, in us-east-1."""

PRICE_SINCE = "1 November 2024"


WINDOW_SECONDS = 10.0
"""The time over which a cap holds."""

MOST_BURST = 25 * ITEM_UNITS
"""Units that a bucket holds at most: a whole BatchWriteItem of new items."""


class Bucket(NamedTuple):
    """A token bucket for a cap: how many units it holds, and how many it gets a second."""

    holds: int
    a_second: float


class Estimate(NamedTuple):
    """What it takes to write a number of items; `hours` is set only if there is a cap."""

    items: int
    units: int
    dollars: float
    hours: float | None


def bucket(per_second: int) -> Bucket:
    """Return the bucket of a cap: what it holds, plus what it gets in WINDOW_SECONDS, is the cap's total."""
    holds = max(MOST_ITEM_UNITS, min(MOST_BURST, per_second))
    return Bucket(holds, per_second - holds / WINDOW_SECONDS)


def estimate(items: int, price_per_million: float, per_second: int | None) -> Estimate:
    """Return what it takes to write items that are new, or stay where they are in the index."""
    units = ITEM_UNITS * items
    hours = None if per_second is None else units / bucket(per_second).a_second / 3600
    return Estimate(items, units, units * price_per_million / 1e6, hours)


def write_units(new: Item, old: Item | None) -> int:
    """Return the write units of an item that replaces what the table has under its id.

    Source: Amazon DynamoDB Developer Guide, "Using Global Secondary Indexes", on write capacity.
    """
    ours, theirs = _place(new), _place(old)
    if ours == theirs:
        return 1 if ours is None else ITEM_UNITS
    return 1 + (ours is not None) + (theirs is not None)


def _place(item: Item | None) -> tuple[str, int] | None:
    """Return where an item stands in the index by sensor; None if it is not in it."""
    if item is None or item.sensor_id is None or item.measured_at is None:
        return None
    return item.sensor_id, item.measured_at
