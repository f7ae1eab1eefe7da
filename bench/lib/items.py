"""The items of a document, for whoever checks what arrived.

One rule: they are built from the file by the core, and never asked of what is measured.
"""

from collections.abc import Iterator
from pathlib import Path

from aqi_service.core.items import Item
from aqi_service.core.parse.measurements import MeasurementBuilder, ScoringRules
from aqi_service.core.parse.splitter import RecordSplitter
from aqi_service.core.scales import DAQI
from bench.lib.feed import NEWEST

CHUNK = 64 * 1024


def items_of(document: str) -> Iterator[Item]:
    """Build the items of a document."""
    assembler, splitter = MeasurementBuilder(ScoringRules(DAQI, int(NEWEST.timestamp()))), RecordSplitter()
    with Path(document).open("rb") as file:
        while chunk := file.read(CHUNK):
            for batch in splitter.feed(chunk):
                yield from (item for item in assembler.add(batch) if isinstance(item, Item))
    for batch in splitter.close():
        yield from (item for item in assembler.add(batch) if isinstance(item, Item))
