"""Makes measurements from the feed's records: two neighbours that are halves of one are merged.

One rule: only what follows a half decides about it, never the place where a chunk, a batch or the bytes end.
"""

from collections.abc import Sequence

from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.items import Item
from aqi_service.core.parse.counts import ParseCounts
from aqi_service.core.parse.fields import ABSENT, identity, pm_values
from aqi_service.core.parse.ordinary import Record, plain
from aqi_service.core.parse.ordinary_items import CAREFUL, Made, OrdinaryItems
from aqi_service.core.parse.record_item import ItemBuilder, ParsedRecord, Rejection, ScoringRules
from aqi_service.core.parse.splitter import Batch, Unreadable
from aqi_service.core.witness import MeasuredTimes


class MeasurementBuilder:
    """Turns batches of records into items and rejections, in order; `counts` counts them.

    Two neighbours with the same id, sensor and timestamp, one with P1 and the other with P2, are one
    measurement, also across batches. Records without PM values, and unreadable elements, do not separate
    them. So only two things decide about a half: the next readable element that has a PM value or is no
    record, or the end of a document that ended well (`close`). If the bytes merely end, or turn bad, even
    behind the closing bracket, the other half may have been next.

    `boxes` is told every record, for the humidity beside the sensors. Ordinary records from an
    OrdinaryDecoder become items directly; `careful` turns that off.
    """

    def __init__(
        self, rules: ScoringRules, boxes: BoxHumidity | None = None, *, careful: bool = False
    ) -> None:
        self._rules, self._boxes = rules, boxes
        self._pending_half: ParsedRecord | None = None
        self.counts = ParseCounts(snapshot_time=rules.snapshot_at, times=MeasuredTimes(rules.snapshot_at))
        self._items = ItemBuilder(rules, self.counts, boxes)
        self._ordinary = None if careful else OrdinaryItems(rules)

    def add(self, batch: Batch) -> list[Item | Rejection]:
        """Take the next batch; a half at its end is pending until its neighbour is known."""
        counts, out = self.counts, list[Item | Rejection]()
        counts.records += len(batch.values)
        if self._ordinary is None or Record not in map(type, batch.values):
            for index, element in enumerate(batch.values):
                self._add_carefully(element, batch, index, out)
            counts.careful += 0 if self._ordinary is None else len(batch.values)
            return out
        made, begin = self._ordinary.make(batch.values), 0
        for _ in range(made.count(CAREFUL)):
            index = made.index(CAREFUL, begin)
            if begin < index:
                self._add_ordinary(batch, made, slice(begin, index), out)
            self._add_carefully(batch.values[index], batch, index, out)
            begin = index + 1
            counts.careful += 1
        self._add_ordinary(batch, made, slice(begin, None), out)
        return out

    def _add_ordinary(
        self, batch: Batch, made: Sequence[Made], where: slice, out: list[Item | Rejection]
    ) -> None:
        """Take the results of ordinary records between two others."""
        some = made[where]
        items = [one for one in some if one is not None and one is not CAREFUL]
        self.counts.without_pm += len(some) - len(items)
        if items:
            out += self.close()
            out += items
            self.counts.count_ordinary(items)
        if self._boxes is not None:
            for record, item in zip(batch.values[where], some, strict=True):
                self._boxes.read_ordinary(record, None if item is None or item is CAREFUL else item.id)

    def _add_carefully(self, element: object, batch: Batch, index: int, out: list[Item | Rejection]) -> None:
        """Take one element, whatever it is."""
        record = plain(element) if type(element) is Record else element
        if type(record) is not dict:
            out += self._reject_element(record, batch, index)
            return
        p1, p2 = pm_values(record)
        if self._boxes is not None and not self._rules.leaves_out(record):
            self._boxes.read(record, has_pm=not (p1 is ABSENT and p2 is ABSENT))
        if p1 is ABSENT and p2 is ABSENT:
            self.counts.without_pm += 1
        elif p1 is ABSENT or p2 is ABSENT or self._pending_half:
            out += self._join(ParsedRecord(record, p1, p2, batch, index))
        else:
            out.append(self._items.build(ParsedRecord(record, p1, p2, batch, index)))

    def _reject_element(self, element: object, batch: Batch, index: int) -> list[Item | Rejection]:
        """Reject an element that is no record. It decides a pending half, unless it may be the other half."""
        if type(element) is Unreadable:
            return [self._items.reject(element.reason, None, batch, index)]
        return [*self.close(), self._items.reject("not_an_object", None, batch, index)]

    def _join(self, half: ParsedRecord) -> list[Item | Rejection]:
        """Merge the record with the pending half, or decide that half; a new half becomes the pending one."""
        if self._pending_half is not None and _are_one(self._pending_half, half):
            first = self._pending_half
            self._wait_for_other(None)
            return [self._items.build(self._merge(first, half))]
        out = self.close()
        if _may_be_half(half):
            self._wait_for_other(half)
        else:
            out.append(self._items.build(half))
        return out

    def close(self) -> list[Item | Rejection]:
        """Decide the pending half, if there is one: no other half follows."""
        half = self._pending_half
        self._wait_for_other(None)
        return [] if half is None else [self._items.build(half)]

    def pending_half(self) -> tuple[Batch, int] | None:
        """Return the pending record: its batch, and its place in it."""
        half = self._pending_half
        return None if half is None else (half.batch, half.position)

    def _wait_for_other(self, half: ParsedRecord | None) -> None:
        self._pending_half, self.counts.pending_half = half, int(half is not None)

    def _merge(self, first: ParsedRecord, second: ParsedRecord) -> ParsedRecord:
        self.counts.merged += 1
        p1, p2 = (second.p1, first.p2) if first.p1 is ABSENT else (first.p1, second.p2)
        return first._replace(p1=p1, p2=p2)


def _may_be_half(half: ParsedRecord) -> bool:
    """Tell whether another record may be the other half of this one's measurement."""
    return (half.p1 is ABSENT or half.p2 is ABSENT) and identity(half.fields)[0] is not None


def _are_one(first: ParsedRecord, second: ParsedRecord) -> bool:
    """Tell whether two neighbours are the two halves of one measurement."""
    if not ((first.p1 is ABSENT and second.p2 is ABSENT) or (first.p2 is ABSENT and second.p1 is ABSENT)):
        return False
    same = identity(first.fields)
    return same[0] is not None and same == identity(second.fields)
