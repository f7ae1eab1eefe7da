"""What memory holds, counted small: figure 13 counts it at 30,000 sensors."""

import tracemalloc
from pathlib import Path

from bench.figure_13_memory_index import MOST_MB
from bench.lib.feed import RECORD_BYTES, write
from bench.lib.items import index_of

SENSORS = 3_000


def test_a_sensor_with_flags_and_humidity_takes_at_most_a_kilobyte_of_memory(tmp_path: Path) -> None:
    document = str(write(tmp_path / "feed.json", (2 * SENSORS + 1) * RECORD_BYTES))
    index_of(document)  # fills the caches of numbers
    tracemalloc.start()
    try:
        index = index_of(document)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    sensors = index.sensors
    assert sensors is not None
    assert len(index) == len(sensors.index) == len(sensors.checks) == SENSORS
    assert None not in sensors.humidity
    assert held / SENSORS <= MOST_MB * 1e6 / 30_000
