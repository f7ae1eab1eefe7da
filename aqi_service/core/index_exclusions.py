"""What memory has of a snapshot without the sensors that are left out.

One rule: it takes away and adds nothing; a sensor that is no longer left out comes with the next snapshot.
"""

from dataclasses import replace

from aqi_service.core.exclusions import sensor_number
from aqi_service.core.packed_item import unpack
from aqi_service.core.slices import BUILD_SLICE, Slices
from aqi_service.core.snapshot_index import SnapshotIndex


def without_sensors(index: SnapshotIndex, excluded: frozenset[int]) -> Slices[SnapshotIndex]:
    """Return an index without the records of these sensors.

    They keep their positions in `sensors`: who asks there passes over them by their ids, until the snapshot
    has been read again.
    """
    kept = dict[int, bytes]()
    for count, (number, packed) in enumerate(index.packed.items()):
        if count % BUILD_SLICE == 0:
            yield
        if sensor_number(unpack(packed).sensor_id) not in excluded:
            kept[number] = packed
    return replace(index, packed=kept, excluded=excluded, is_cut=True)
