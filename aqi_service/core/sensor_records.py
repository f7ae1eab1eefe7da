"""What is said of a sensor: its newest record, and how far that is to be trusted.

One rule: an index is a function of the values, so a record may be scored on another scale than it was.
"""

from typing import NamedTuple

from aqi_service.core.items import Item
from aqi_service.core.quality import Check, Flag
from aqi_service.core.scoring import Scale, score

UNCLEAN = frozenset({Flag.STALE, Flag.HIGH, Flag.LOW})
"""Flags by which a sensor is left out of what is `clean`."""


class SensorRecord(NamedTuple):
    """A sensor's record, and what is to be said of it.

    Attributes:
        item: the record.
        check: what its snapshot's checks say; None of a record that they did not see.
        humidity: its box's 24-hour relative humidity in %.
        metres: how far the sensor is from the point that was asked about.
        hours_seen: in how many of the 24 hours up to the record the table has one of this sensor; None where
            that was not asked for.
    """

    item: Item
    check: Check | None = None
    humidity: str | None = None
    metres: int | None = None
    hours_seen: int | None = None

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What the checks say."""
        return self.check.flags if self.check else ()

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing speaks against it."""
        return UNCLEAN.isdisjoint(self.flags)

    @property
    def kilometres(self) -> str | None:
        """How far away it is, with three decimals."""
        return None if self.metres is None else f"{self.metres // 1_000}.{self.metres % 1_000:03}"


def rescored(item: Item, scale: Scale | None) -> Item:
    """Return the item with its index on another scale; None leaves it on the one it was scored on."""
    if scale is None or item.scale == scale.name:
        return item
    scored = score(scale, item.pm10, item.pm25)
    return item._replace(
        aqi=str(scored.aqi), aqi_range=scored.band, aqi_pollutant=scored.pollutant, scale=scale.name
    )
