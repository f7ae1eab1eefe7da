"""Turns a document's bytes into numbered items and rejections, in the document's order.

One rule: reading can begin again at a Position, and gives the same items with the same numbers from there on.
A document that ends too early gives only items that the whole document would give.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.items import Item
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.measurements import MeasurementBuilder
from aqi_service.core.parse.ordinary import OrdinaryDecoder
from aqi_service.core.parse.record_item import Rejection, ScoringRules
from aqi_service.core.parse.splitter import Batch, RecordSplitter
from aqi_service.errors import SnapshotRejected

MAX_RECORDS = 1_000_000
"""Most records of a snapshot (the default of --max-records): over twenty times as many as the feed has
today."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a document from which it can be read again: record `index` of a batch.

    Attributes:
        number: how many items the document gives before it.
        batch: the batch.
        index: the record in it.
    """

    number: int
    batch: Batch
    index: int = 0

    @property
    def offset(self) -> int:
        """The place in bytes from the start of the document (computed on request: it takes a scan)."""
        return self.batch.locate(self.index)[0] if self.index else self.batch.offset


class ParsedBatch(NamedTuple):
    """The items and rejections of one batch.

    Attributes:
        position: where to begin to get the batch again; its `number` is that of the first item.
        items: in order.
        rejections: in order.
    """

    position: Position
    items: list[Item]
    rejections: list[Rejection]


class DocumentReader:
    """Reads one document, from its start or from a position; `counts` counts what it read.

    A document with more than `max_records` is rejected, since its reader remembers every id. `boxes` is told
    the humidity beside the sensors. With `careful` every record goes the careful way, for a bench, a test,
    and for sensors' days, which do not have the ordinary form; nothing else differs.
    """

    def __init__(
        self,
        rules: ScoringRules,
        position: Position | None = None,
        max_records: int | None = None,
        boxes: BoxHumidity | None = None,
        *,
        careful: bool = False,
    ) -> None:
        self._max_records = max_records
        careful = careful or rules.daily
        self._decoder = None if careful else OrdinaryDecoder()
        self._splitter = RecordSplitter(start=position.offset if position else 0, decoder=self._decoder)
        self._measurements = MeasurementBuilder(rules, boxes, careful=careful)
        self._number = position.number if position else 0

    @property
    def counts(self) -> ParseCounts:
        """The counts so far."""
        return self._measurements.counts

    @property
    def new_key(self) -> str | None:
        """The first key so far that the ordinary form does not have (`location.elevation`)."""
        return None if self._decoder is None else self._decoder.new_key

    def feed(self, chunk: bytes) -> Iterator[ParsedBatch]:
        """Take the next bytes. Raises SnapshotRejected if they cannot be a snapshot."""
        return self._parsed(self._splitter.feed(chunk))

    def close(self) -> Iterator[ParsedBatch]:
        """Give the rest, and the pending half: the document has ended well.

        Raises CutShort if the document is not at its end, SnapshotRejected if text stands behind the array.
        """
        yield from self._parsed(self._splitter.close())
        if half := self._measurements.pending_half():
            yield self._parsed_batch(Position(self._number, *half), self._measurements.close())

    def _parsed(self, batches: Iterable[Batch]) -> Iterator[ParsedBatch]:
        for batch in batches:
            self._check_number(batch)
            half = self._measurements.pending_half()
            position = Position(self._number, *half) if half else Position(self._number, batch)
            yield self._parsed_batch(position, self._measurements.add(batch))

    def _check_number(self, batch: Batch) -> None:
        most = self._max_records
        if most is not None and self.counts.records + len(batch.values) > most:
            raise SnapshotRejected(
                f"the snapshot has more than {most} records; --max-records allows more", batch.offset
            )

    def _parsed_batch(self, position: Position, outcomes: list[Item | Rejection]) -> ParsedBatch:
        items = [outcome for outcome in outcomes if type(outcome) is Item]
        self._number += len(items)
        if len(items) == len(outcomes):
            return ParsedBatch(position, items, [])
        return ParsedBatch(position, items, [outcome for outcome in outcomes if type(outcome) is Rejection])
