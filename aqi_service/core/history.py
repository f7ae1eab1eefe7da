"""A sensor's records, page by page in the order of time.

One rule: the rows of a history are those of a sensor; what is found out in a snapshot alone (flags, the
humidity of its box) is blank there.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from aqi_service.core.items import Item
from aqi_service.core.requests import MOST_ROWS
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.errors import BadRequest

_TOO_MANY = (
    f"the sensor has over {MOST_ROWS:,} records between SINCE and UNTIL, which is the most that a reply has: "
    "ask for SINCE and UNTIL that are nearer"
)

MINUTE = 60
"""A page of a history ends with a minute, as no time that may be asked for lies between two."""

Row = TypeVar("Row")


class HistoryRows(Generic[Row]):
    """Puts records in the order of time, those of the same second in that of their ids.

    `keep` makes of each what is kept of it; with more than `enough` there is no need of more.

    Attributes:
        rows: what is there, as soon as `close` was called.
    """

    def __init__(self, keep: Callable[[SensorRecord], Row], enough: int = MOST_ROWS) -> None:
        self._keep, self._enough = keep, enough
        self._same: list[Item] = []
        self.rows: list[Row] = []

    def add(self, items: Iterable[Item]) -> bool:
        """Take the next records; tell whether there are more than enough now.

        Raises BadRequest when they become more than MOST_ROWS.
        """
        for item in items:
            if self._same and self._same[0].measured_at != item.measured_at:
                self._write()
            self._same.append(item)
            if len(self.rows) + len(self._same) > MOST_ROWS:
                raise BadRequest(_TOO_MANY)
        return len(self.rows) > self._enough

    def close(self) -> list[Row]:
        """Return what is there."""
        self._write()
        return self.rows

    def _write(self) -> None:
        self._same.sort(key=lambda item: int(item.id))
        self.rows += [self._keep(SensorRecord(item)) for item in self._same]
        self._same.clear()


class HistoryPage(NamedTuple):
    """Records by time, and from when on (epoch seconds) there are more; None if these are all."""

    records: Sequence[SensorRecord]
    next_since: int | None = None


def page_of(records: Sequence[SensorRecord], most: int) -> HistoryPage:
    """Return as many whole minutes of the records as make at most so many.

    Raises BadRequest where one minute has more.
    """
    if len(records) <= most:
        return HistoryPage(records)
    ends = (records[most].item.measured_at or 0) // MINUTE * MINUTE
    page = [record for record in records[:most] if (record.item.measured_at or 0) < ends]
    if not page:
        raise BadRequest(f"the sensor has over {most:,} records in one minute, which is the most of a page")
    return HistoryPage(page, ends)


def newest(items: Iterable[Item]) -> Item | None:
    """Return the newest of a sensor's records, of equal time the one with the higher id."""
    return max(items, key=lambda item: (item.measured_at or 0, int(item.id)), default=None)
