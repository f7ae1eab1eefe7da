"""The sensors of one snapshot, and what its checks say of each.

One rule: made once, in slices, when the snapshot comes into memory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from aqi_service.core.items import Item
from aqi_service.core.quality import Check, Reading, check
from aqi_service.core.sensor_index import SensorIndex, build
from aqi_service.core.slices import BUILD_SLICE, Slices


@dataclass(frozen=True, slots=True, eq=False)
class Sensors:
    """Sensors by id and place, and the check of each, by its position in the index."""

    index: SensorIndex
    checks: Sequence[Check]


def sensors_of(items: Iterable[Item], item: Callable[[int], Item], snapshot_time: int) -> Slices[Sensors]:
    """Index and check the sensors of a snapshot's items.

    `item` gives one of them by the number that is its id; `snapshot_time` is in epoch seconds.
    """
    index = yield from build(items)
    readings = []
    for count, number in enumerate(index.record_ids):
        if count % BUILD_SLICE == 0:
            yield
        readings.append(_reading(item(number)))
    checks = yield from check(index, readings, snapshot_time)
    return Sensors(index, checks)


def _reading(item: Item) -> Reading:
    return Reading(item.measured_at or 0, _number(item.pm25), _number(item.pm10))


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
