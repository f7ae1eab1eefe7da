"""What is stored of a record: its fields, their names and types in a table, and which of two items is newer.

One rule: only this file pairs a field with its attribute name and type in a table.

A decimal is kept as its canonical text (`48.8`, `0.9`, `0`), never as a binary float; a time is an int of
epoch seconds. `None` means that the record did not have the field, or not in a usable form.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from aqi_service.core.clocks import is_ahead

LEASE_IDS = ("lease", "-1")
"""Keys of the lease item in a table with a text key and with a number key; never a record's."""


class Item(NamedTuple):
    """One measurement with its index, as the table holds it.

    Attributes:
        id: the measurement's id, 1 to 19 decimal digits.
        latitude: degrees north, -90 to 90.
        longitude: degrees east, -180 to 180.
        altitude: metres above sea level.
        country: two capital letters.
        timestamp: the end of the 24-hour mean, as the feed wrote it (UTC, unless it names an offset).
        date: its day in UTC, `YYYY-MM-DD`.
        pm25: PM2.5 in µg/m³.
        pm10: PM10 in µg/m³.
        aqi: the index on `scale`.
        aqi_range: the band of that index.
        sensor_id: the sensor's id (one sensor has many records over time).
        sensor_type: the sensor's model, such as `SDS011`.
        indoor: `0` or `1`.
        measured_at: the timestamp in epoch seconds; None in a table that something else filled.
        snapshot_at: epoch seconds of the snapshot that brought it.
        scale: name of the index table, such as `daqi`.
        aqi_pollutant: `P2.5` or `P10`, the one that decided the index.
        expires_at: epoch seconds from which the item counts as absent.
        hours_p25, hours_p10: in how many of the day's 24 hours the sensor gave such a value; only a day from
            daily files has these, and its values are means of hourly means.
    """

    id: str
    latitude: str | None = None
    longitude: str | None = None
    altitude: str | None = None
    country: str | None = None
    timestamp: str | None = None
    date: str | None = None
    pm25: str | None = None
    pm10: str | None = None
    aqi: str | None = None
    aqi_range: str | None = None
    sensor_id: str | None = None
    sensor_type: str | None = None
    indoor: str | None = None
    measured_at: int | None = None
    snapshot_at: int | None = None
    scale: str | None = None
    aqi_pollutant: str | None = None
    expires_at: int | None = None
    hours_p25: str | None = None
    hours_p10: str | None = None


_new: Any = tuple.__new__


def item_of(fields: tuple[Any, ...]) -> Item:
    """Make an item from all its fields in order, in a third of the time of `Item(...)`."""
    item: Item = _new(Item, fields)
    return item


class Attribute(NamedTuple):
    """The name and type of a field in a table: `kind` is `S` (text) or `N` (number)."""

    field: str
    name: str
    kind: str


ATTRIBUTES = (
    Attribute("id", "id", "S"),
    Attribute("latitude", "latitude", "N"),
    Attribute("longitude", "longitude", "N"),
    Attribute("altitude", "altitude", "N"),
    Attribute("country", "country", "S"),
    Attribute("timestamp", "timestamp", "S"),
    Attribute("date", "date", "S"),
    Attribute("pm25", "P2.5", "N"),
    Attribute("pm10", "P10", "N"),
    Attribute("aqi", "AQI", "N"),
    Attribute("aqi_range", "AQI_range", "S"),
    Attribute("sensor_id", "sensor_id", "N"),
    Attribute("sensor_type", "sensor_type", "S"),
    Attribute("indoor", "indoor", "N"),
    Attribute("measured_at", "measured_at", "N"),
    Attribute("snapshot_at", "snapshot_at", "N"),
    Attribute("scale", "scale", "S"),
    Attribute("aqi_pollutant", "AQI_pollutant", "S"),
    Attribute("expires_at", "expires_at", "N"),
    Attribute("hours_p25", "hours_p25", "N"),
    Attribute("hours_p10", "hours_p10", "N"),
)
"""Every attribute of an item, in the order of the fields of Item."""

COLUMNS = ATTRIBUTES[:11]
"""The columns of the reply to a lookup by id, in order."""

OF_DAYS = ("hours_p25", "hours_p10")
"""The fields that only a sensor's day from daily files has; they are the last ones."""

TIMES = frozenset({"measured_at", "snapshot_at", "expires_at"})
"""The fields that are an int rather than canonical text."""


class Verdict(StrEnum):
    """What becomes of a new item beside the one the table holds."""

    STORE = "store"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"


def is_same(new: Item, old: Item) -> bool:
    """Tell whether two items agree in all but `snapshot_at` and `expires_at`."""
    return new[:15] == old[:15] and new[16:18] == old[16:18] and new[19:] == old[19:]


def judge(new: Item, old: Item | None) -> Verdict:
    """Tell whether `new` must replace `old`.

    Items that agree in all but `snapshot_at` and `expires_at` are unchanged. Otherwise the newer wins: by
    `measured_at`, then by `snapshot_at`; if both are equal, `new` (it was loaded later).
    """
    if old is None:
        return Verdict.STORE
    if is_same(new, old):
        return Verdict.UNCHANGED
    return Verdict.STORE if _age_key(new) >= _age_key(old) else Verdict.SUPERSEDED


def is_expired(item: Item, now: float) -> bool:
    """Tell whether the item counts as absent at `now` (epoch seconds)."""
    return item.expires_at is not None and item.expires_at <= now


def dated(item: Item, now: float) -> Item:
    """Return the item as it counts in a comparison: a `snapshot_at` ahead of `now` came from a wrong clock.

    Such an item is older than any other of the same `measured_at`. A store that compares while it writes gets
    `core.clocks.counts_until` for the same rule.
    """
    if item.snapshot_at is None or not is_ahead(item.snapshot_at, now):
        return item
    return item._replace(snapshot_at=None)


def _age_key(item: Item) -> tuple[int, int]:
    measured, taken = item.measured_at, item.snapshot_at
    return (-1 if measured is None else measured, -1 if taken is None else taken)
