"""A sensor's records as rows, page by page in the order of time.

One rule: the rows of a history are those of a sensor; what is found out in a snapshot alone (flags, the
humidity of its box) is blank there.
"""

from collections.abc import Iterable

from aqi_service.core.items import Item
from aqi_service.core.requests import MOST_ROWS
from aqi_service.core.scales import Scale
from aqi_service.core.sensor_rows import SENSOR_HEADER, SensorRecord, sensor_row
from aqi_service.errors import BadRequest

_TOO_MANY = (
    f"the sensor has over {MOST_ROWS:,} records between SINCE and UNTIL, which is the most that a reply has: "
    "ask for SINCE and UNTIL that are nearer"
)


class HistoryRows:
    """Makes the reply of records in the order of time; those of the same second come in that of their ids."""

    def __init__(self, scale: Scale | None) -> None:
        self._scale = scale
        self._rows = [SENSOR_HEADER.encode()]
        self._same: list[Item] = []

    def add(self, items: Iterable[Item]) -> None:
        """Take the next records; raise BadRequest when they become more than MOST_ROWS."""
        for item in items:
            if self._same and self._same[0].measured_at != item.measured_at:
                self._write()
            self._same.append(item)
            if len(self._rows) + len(self._same) > MOST_ROWS + 1:
                raise BadRequest(_TOO_MANY)

    def close(self) -> bytes:
        """Return header line and rows."""
        self._write()
        return b"".join(self._rows)

    def _write(self) -> None:
        self._same.sort(key=lambda item: int(item.id))
        self._rows += [sensor_row(SensorRecord(item), self._scale) for item in self._same]
        self._same.clear()


def newest(items: Iterable[Item]) -> Item | None:
    """Return the newest of a sensor's records, of equal time the one with the higher id."""
    return max(items, key=lambda item: (item.measured_at or 0, int(item.id)), default=None)
