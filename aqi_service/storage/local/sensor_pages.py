"""A sensor's records over time from the SQLite file: the statement of a page, and its rows.

One rule: a page walks the index by sensor, and reads only rows that it gives or leaves out as expired.
"""

from typing import Any

from aqi_service.core.items import Item
from aqi_service.storage.sensor_reads import SensorRange


def of_sensor(asked: SensorRange, ages: float, position: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the statement, and its values, for the rows after a position (time and id) of a range.

    It walks the index by sensor in the index's order: by time, and rows of the same time by id.
    """
    if asked.newest_first:
        start, beyond, bound, order = (asked.until, -1), "<", "measured_at >= ?", "DESC"
    else:
        start, beyond, bound, order = (asked.since, -1), ">", "measured_at < ?", "ASC"
    values = (
        str(asked.sensor_id),
        *(start if position is None else position),
        asked.since if asked.newest_first else asked.until,
        ages,
        asked.limit,
    )
    statement = (
        f"SELECT {', '.join(asked.wanted)} FROM items WHERE sensor_id = ?"  # noqa: S608
        f" AND (measured_at, id) {beyond} (?, ?) AND {bound} AND (expires_at IS NULL OR expires_at > ?)"
        f" ORDER BY measured_at {order}, id {order} LIMIT ?"
    )
    return statement, values


def from_some(fields: tuple[str, ...], row: tuple[Any, ...]) -> Item:
    """Return a row with these fields, `id` first, as an item."""
    return Item(str(row[0]), **dict(zip(fields[1:], row[1:], strict=True)))
