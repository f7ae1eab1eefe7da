"""A snapshot's index in memory, without the sensors that are left out.

One rule: records are only removed, never added; a sensor that is no longer left out comes back with the next
snapshot.
"""

from dataclasses import replace

from aqi_service.core.exclusions import sensor_number
from aqi_service.core.packed_item import unpack
from aqi_service.core.slices import BUILD_SLICE, Slices
from aqi_service.core.snapshot_index import SnapshotIndex


def without_sensors(index: SnapshotIndex, excluded: frozenset[int]) -> Slices[SnapshotIndex]:
    """Return an index without the records of these sensors.

    The sensors keep their positions in `sensors`: a search there passes over them by their ids, until the
    snapshot has been read again.
    """
    kept = dict[int, bytes]()
    for count, (number, packed) in enumerate(index.packed.items()):
        if count % BUILD_SLICE == 0:
            yield
        if sensor_number(unpack(packed).sensor_id) not in excluded:
            kept[number] = packed
    return replace(index, packed=kept, excluded=excluded, is_cut=True)
