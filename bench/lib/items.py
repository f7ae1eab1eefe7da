"""The items of a document, for whoever checks what arrived, and the index of them.

One rule: they are built from the file by the core, and never asked of what is measured.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.items import Item
from aqi_service.core.packed_item import unpack
from aqi_service.core.parse.document import DocumentReader
from aqi_service.core.parse.measurements import MeasurementBuilder
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.parse.splitter import RecordSplitter
from aqi_service.core.scales import DAQI
from aqi_service.core.sensors import sensors_of
from aqi_service.core.slices import run_through
from aqi_service.core.snapshot_index import IndexBuilder, SnapshotIndex
from aqi_service.core.snapshot_version import SnapshotVersion
from bench.lib.feed import NEWEST

CHUNK = 64 * 1024


def items_of(document: str) -> Iterator[Item]:
    """Build the items of a document."""
    builder, splitter = MeasurementBuilder(ScoringRules(DAQI, int(NEWEST.timestamp()))), RecordSplitter()
    with Path(document).open("rb") as file:
        while chunk := file.read(CHUNK):
            for batch in splitter.feed(chunk):
                yield from (item for item in builder.add(batch) if isinstance(item, Item))
    for batch in splitter.close():
        yield from (item for item in builder.add(batch) if isinstance(item, Item))


def index_of(document: str) -> SnapshotIndex:
    """Build what memory has of a document: its records, and its sensors with their flags and humidity."""
    taken, builder = int(NEWEST.timestamp()), IndexBuilder()
    reader = DocumentReader(ScoringRules(DAQI, taken), boxes=(boxes := BoxHumidity(taken)))
    with Path(document).open("rb") as file:
        while chunk := file.read(CHUNK):
            for batch in reader.feed(chunk):
                builder.add(batch.items)
    for batch in reader.close():
        builder.add(batch.items)
    packed = builder.done(SnapshotVersion("data.json", taken, "daqi", 0, taken, ""), taken)
    records = packed.packed
    sensors = run_through(
        sensors_of(map(unpack, records.values()), lambda number: unpack(records[number]), taken, boxes.of)
    )
    return replace(packed, version=packed.version._replace(records=len(packed)), sensors=sensors)
