"""The sensors of one snapshot, with what the checks say of each, and the humidity in its box.

One rule: this is made once, in slices, when the snapshot comes into memory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from aqi_service.core.items import Item
from aqi_service.core.quality import Checks, Readings, check
from aqi_service.core.sensor_index import SensorIndex, build
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.slices import BUILD_SLICE, Slices


@dataclass(frozen=True, slots=True, eq=False)
class Sensors:
    """Sensors by id and place.

    Attributes:
        index: the index of the sensors.
        checks: the check of each, by its position in the index.
        humidity: the 24-hour relative humidity (%) in the box of each, likewise by position; None if it is
            not known.
    """

    index: SensorIndex
    checks: Checks
    humidity: Sequence[str | None]

    def record(self, position: int, item: Item) -> SensorRecord:
        """Return what an answer says of a sensor whose newest record is `item`."""
        return SensorRecord(item, self.checks[position], self.humidity[position])


def _unsaid(_number: int) -> None:
    return None


def sensors_of(
    items: Iterable[Item],
    item: Callable[[int], Item],
    snapshot_time: int,
    humidity: Callable[[int], str | None] = _unsaid,
) -> Slices[Sensors]:
    """Index and check the sensors of a snapshot's items.

    `item` gives an item by its id as a number; `humidity` gives the humidity (%) in its box;
    `snapshot_time` is in epoch seconds.
    """
    index = yield from build(items)
    readings, percents = Readings(), list[str | None]()
    shared: dict[str, str] = {}  # as few of them as there are values
    for count, number in enumerate(index.record_ids):
        if count % BUILD_SLICE == 0:
            yield
        newest = item(number)
        readings.append(newest.measured_at or 0, _number(newest.pm25), _number(newest.pm10))
        percent = humidity(number)
        percents.append(None if percent is None else shared.setdefault(percent, percent))
    checks = yield from check(index, readings, snapshot_time)
    return Sensors(index, checks, percents)


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
