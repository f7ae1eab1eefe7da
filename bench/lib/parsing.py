"""A document's bytes to items, as a load parses them, and nothing of a load around it.

One rule: a piece of the document at a time, as they come from a source.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aqi_service.core.parse.document import DocumentReader, ParsedBatch
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.scales import DAQI
from bench.lib.feed import NEWEST
from bench.lib.items import CHUNK

TAKEN = int(NEWEST.timestamp())
"""The time of the snapshot that the document is."""


class Parsed(NamedTuple):
    """What came of a document.

    Attributes:
        seconds: of processor time.
        peak: the process's largest memory, MB.
        items: how many there are.
        total: the sum of their index.
    """

    seconds: float
    peak: float
    items: int
    total: int


def parsed(document: str, *, careful: bool = False) -> Iterator[ParsedBatch]:
    """Split, parse, merge, check, score, build; with `careful` every record on the careful way."""
    reader = DocumentReader(ScoringRules(DAQI, TAKEN), careful=careful)
    with Path(document).open("rb") as file:
        while chunk := file.read(CHUNK):
            yield from reader.feed(chunk)
    yield from reader.close()
