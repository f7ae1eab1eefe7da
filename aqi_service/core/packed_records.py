"""The records of many sensors, which become items only when they are written.

One rule: they are references to bytes that memory has anyway. As items, ten thousand of them needed 12 MB, in
20,000 objects that each full garbage collection visits while others wait.
"""

from collections.abc import Iterator, Sequence

from aqi_service.core.items import Item
from aqi_service.core.packed_item import unpack
from aqi_service.core.sensor_records import SensorRecord
from aqi_service.core.sensors import Sensors


class PackedRecords(Sequence[SensorRecord]):
    """The newest records of the sensors at these positions of `sensors`; `records` are their packed items.

    An item that is too large to be packed is kept as an Item.
    """

    def __init__(self, sensors: Sensors, positions: Sequence[int], records: Sequence[bytes | Item]) -> None:
        self.positions = positions
        self._sensors, self._records = sensors, records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, place: int) -> SensorRecord:  # type: ignore[override]  # no slices are asked for
        record = self._records[place]
        item = unpack(record) if isinstance(record, bytes) else record
        return self._sensors.record(self.positions[place], item)

    def __iter__(self) -> Iterator[SensorRecord]:
        return map(self.__getitem__, range(len(self)))
