"""What a document gives, all of it, to be compared with another reading of it.

One rule: whatever a reader tells is in `seen`, so that two readings that are equal there differ in nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.document import DocumentReader, ParsedBatch, Position
from aqi_service.core.parse.record_item import Rejection, ScoringRules
from aqi_service.core.parse.splitter import WINDOW, RecordSplitter
from aqi_service.errors import AqiError, CutShort, SnapshotRejected

if TYPE_CHECKING:
    from aqi_service.core.items import Item


class Read:
    """What a document gives from its start or from a position, and how it ended."""

    def __init__(
        self,
        parts: Sequence[bytes],
        rules: ScoringRules,
        window: int = WINDOW,
        position: Position | None = None,
        *,
        careful: bool = False,
        humidity: bool = True,
    ) -> None:
        self.boxes = BoxHumidity(rules.snapshot_at) if humidity else None
        reader = DocumentReader(rules, position, boxes=self.boxes, careful=careful)
        start = position.offset if position else 0
        reader._splitter = RecordSplitter(window, start=start, decoder=reader._decoder)
        self.positions: list[Position] = []
        self.items: list[Item] = []
        self.rejections: list[Rejection] = []
        self.error: AqiError | None = None
        try:
            for part in parts:
                self._take(reader.feed(part))
            self._take(reader.close())
        except (CutShort, SnapshotRejected) as error:
            self.error = error
        self.counts: ParseCounts = reader.counts
        self.new_key = reader.new_key

    def _take(self, batches: Iterable[ParsedBatch]) -> None:
        for batch in batches:
            self.positions.append(batch.position)
            self.items += batch.items
            self.rejections += batch.rejections

    @property
    def seen(self) -> tuple[object, ...]:
        """All that must not depend on cuts, window, or the way that a record went.

        What an error says shows as much of the bytes as had come.
        """
        end = type(self.error), getattr(self.error, "offset", None)
        found, names = self.counts, [each.name for each in fields(ParseCounts) if each.compare]
        counts = [getattr(found, name) for name in names if name != "sensors"]
        return (
            *(self.items, self.rejections, end, counts, len(found.sensors), found.times.mostly_since()),
            self.boxes and {item.id: self.boxes.of(int(item.id)) for item in self.items},
        )
