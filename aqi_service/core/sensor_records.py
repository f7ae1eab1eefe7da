"""What an answer says of a sensor: its newest record, and how far it can be trusted.

One rule: an index can be computed from the values, so a record can be scored again on another scale.
"""

from typing import NamedTuple

from aqi_service.core.items import Item
from aqi_service.core.quality import Check, Flag
from aqi_service.core.scoring import Scale, score

UNCLEAN = frozenset({Flag.STALE, Flag.HIGH, Flag.LOW})
"""A sensor with one of these flags is not `clean`."""


class SensorRecord(NamedTuple):
    """A sensor's record, and what the checks and the request add to it.

    Attributes:
        item: the record.
        check: what its snapshot's checks say; None for a record that they did not see.
        humidity: its box's 24-hour relative humidity in %.
        metres: how far the sensor is from the requested point.
        hours_seen: in how many of the 24 hours up to the record the table has a record of this sensor; None
            if that was not asked for.
    """

    item: Item
    check: Check | None = None
    humidity: str | None = None
    metres: int | None = None
    hours_seen: int | None = None

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The flags that the checks gave."""
        return self.check.flags if self.check else ()

    @property
    def is_clean(self) -> bool:
        """Tell whether the sensor counts as clean."""
        return UNCLEAN.isdisjoint(self.flags)

    @property
    def kilometres(self) -> str | None:
        """The distance in kilometres, with three decimals."""
        return None if self.metres is None else f"{self.metres // 1_000}.{self.metres % 1_000:03}"


def rescored(item: Item, scale: Scale | None) -> Item:
    """Return the item with its index on another scale; None keeps the scale on which it was scored."""
    if scale is None or item.scale == scale.name:
        return item
    scored = score(scale, item.pm10, item.pm25)
    return item._replace(
        aqi=str(scored.aqi), aqi_range=scored.band, aqi_pollutant=scored.pollutant, scale=scale.name
    )
