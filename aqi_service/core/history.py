"""A sensor's records, page by page in the order of time.

One rule: a history's rows have the columns of a sensor's row; values that only a snapshot gives (flags, the
humidity of the box) are blank.
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
"""A page of a history ends with a whole minute, since nobody can ask for a time between two minutes."""

Row = TypeVar("Row")


class HistoryRows(Generic[Row]):
    """Sorts records by time, and records of the same second by id.

    `keep` makes a row of each record; when there are more than `enough` rows, no more are needed.

    Attributes:
        rows: the sorted rows, after `close` was called.
    """

    def __init__(self, keep: Callable[[SensorRecord], Row], enough: int = MOST_ROWS) -> None:
        self._keep, self._enough = keep, enough
        self._same: list[Item] = []
        self.rows: list[Row] = []

    def add(self, items: Iterable[Item]) -> bool:
        """Take the next records; tell whether there are now more than enough.

        Raises BadRequest if there are more than MOST_ROWS.
        """
        for item in items:
            if self._same and self._same[0].measured_at != item.measured_at:
                self._write()
            self._same.append(item)
            if len(self.rows) + len(self._same) > MOST_ROWS:
                raise BadRequest(_TOO_MANY)
        return len(self.rows) > self._enough

    def close(self) -> list[Row]:
        """Return the sorted rows."""
        self._write()
        return self.rows

    def _write(self) -> None:
        self._same.sort(key=lambda item: int(item.id))
        self.rows += [self._keep(SensorRecord(item)) for item in self._same]
        self._same.clear()


class HistoryPage(NamedTuple):
    """Records by time, and the time from which there are more (epoch seconds); None if these are all."""

    records: Sequence[SensorRecord]
    next_since: int | None = None


def page_of(records: Sequence[SensorRecord], most: int) -> HistoryPage:
    """Return as many whole minutes as have at most that many records.

    Raises BadRequest if a single minute has more.
    """
    if len(records) <= most:
        return HistoryPage(records)
    ends = (records[most].item.measured_at or 0) // MINUTE * MINUTE
    page = [record for record in records[:most] if (record.item.measured_at or 0) < ends]
    if not page:
        raise BadRequest(f"the sensor has over {most:,} records in one minute, which is the most of a page")
    return HistoryPage(page, ends)


def newest(items: Iterable[Item]) -> Item | None:
    """Return the newest of a sensor's records; of records of the same time, the one with the higher id."""
    return max(items, key=lambda item: (item.measured_at or 0, int(item.id)), default=None)
