"""Cuts a snapshot's bytes, as they arrive, into the records of its JSON array.

One rule: the records found do not depend on where the chunks end.

Most of a snapshot is taken in bulk: the buffer is cut at a comma that is probably a top-level one. If the
bytes before the cut decode as an array, it was. If they do not decode, the exact scanner finds the elements
one by one, so a bad record costs only itself.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache
from typing import Any, NamedTuple

from aqi_service.core.parse.borders import Border, likely_border
from aqi_service.core.parse.decoding import CarefulDecoder, Decoder, Unreadable, pieces_of
from aqi_service.core.parse.scanner import MAX_DEPTH, ElementScanner
from aqi_service.errors import CutShort, SnapshotRejected

__all__ = ["KEPT_TEXT", "MAX_RECORD", "WINDOW", "Batch", "RecordSplitter", "Unreadable"]

MAX_RECORD = 64 * 1024
"""Largest record in bytes; a longer one is rejected and passed over without being kept."""

KEPT_TEXT = 4 * 1024
"""So many bytes of an overlong record's text are kept, for the list of rejects."""

WINDOW = 16 * 1024
"""This many bytes are collected before they are cut; a bulk of at most MAX_RECORD holds no longer record. One
window is processed in one turn of the event loop, under 1 ms; four times as much took no less time in all,
and made lookups wait."""

_BLANK = re.compile(rb"[ \t\n\r]*+")
_BETWEEN = re.compile(rb"[ \t\n\r,]*+")
_BOM = b"\xef\xbb\xbf"


class Batch(NamedTuple):
    """Neighbouring elements of the array.

    Attributes:
        offset: the byte of the document at which `text` begins.
        text: the elements' bytes and those between them; only the beginning of an overlong one.
        values: the elements in order, decoded, or Unreadable.
    """

    offset: int
    text: bytes
    values: list[Any]

    def locate(self, index: int) -> tuple[int, bytes]:
        """Return the byte offset in the document and the text of element `index`."""
        start, end = _spans(self.text)[index] if len(self.values) > 1 else (0, len(self.text))
        return self.offset + start, self.text[start:end]


class _Expect(Enum):
    """What the next byte that is not blank may be."""

    ARRAY = auto()
    FIRST = auto()
    ELEMENT = auto()
    SEPARATOR = auto()
    END = auto()


_SEPARATORS = {
    (_Expect.FIRST, b"]"): _Expect.END,
    (_Expect.SEPARATOR, b","): _Expect.ELEMENT,
    (_Expect.SEPARATOR, b"]"): _Expect.END,
}


class RecordSplitter:
    """Splits one document: `feed` every chunk, then `close`.

    `start` is the byte at which the first chunk begins: 0, or where an element of the array does. `window` is
    how many bytes are collected before they are cut (tests use smaller ones). It, MAX_RECORD and the chunk
    bound the memory, whatever the document holds. `decoder` decides the form of the values.
    """

    def __init__(self, window: int = WINDOW, *, start: int = 0, decoder: Decoder | None = None) -> None:
        self._window = window
        self._decoder = decoder or CarefulDecoder()
        self._border: Border | None = None  # what the last one looked like
        self._buffer = bytearray()
        self._offset = start  # of the buffer's first byte in the document
        self._expect = _Expect.ELEMENT if start else _Expect.ARRAY
        self._scanner: ElementScanner | None = None
        self._scanned = 0  # bytes of the buffer that the scanner has seen
        self._dropped: Batch | None = None  # what is given out of an overlong element

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """Take the next bytes of the document and yield the batches that are complete.

        Raises SnapshotRejected as soon as the bytes cannot be a snapshot; batches yielded before stay valid.
        """
        for start in range(0, len(chunk), self._window):
            self._buffer += chunk[start : start + self._window]
            if self._expect is _Expect.ARRAY:
                self._open()
            if self._expect is not _Expect.ARRAY and len(self._buffer) >= self._window:
                yield from self._cut()

    def close(self) -> Iterator[Batch]:
        """Yield the last batches; raise CutShort unless the array is closed."""
        if self._expect is _Expect.ARRAY:
            self._open()
        if self._expect is _Expect.ARRAY:
            raise SnapshotRejected("the document is empty", self._offset)
        yield from self._exact(len(self._buffer) + 1)
        if self._expect is not _Expect.END:
            end = self._offset + len(self._buffer)
            raise CutShort(f"the document is cut short: after {end} bytes its JSON array is not closed")

    def _cut(self) -> Iterator[Batch]:
        while len(self._buffer) >= self._window and (self._scanner or self._at_element()):
            if self._scanner is None and (batch := self._bulk()):
                yield batch
            else:
                yield from self._exact(self._window)
                if self._scanner:
                    return

    def _open(self) -> None:
        """Pass over byte-order mark and blanks to the opening bracket."""
        if not self._offset:
            if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
                return
            if self._buffer.startswith(_BOM):
                self._drop(len(_BOM))
        self._drop_blank()
        if self._buffer:
            if self._buffer[0] != ord("["):
                raise SnapshotRejected(
                    f"the document is no JSON array: it begins with {self._shown()}", self._offset
                )
            self._drop(1)
            self._expect = _Expect.FIRST

    def _at_element(self) -> bool:
        """Pass over the bytes between elements; True if the buffer then begins with an element."""
        while self._buffer:
            byte = bytes(self._buffer[:1])
            if byte in b" \t\n\r":
                self._drop_blank()
                continue
            if self._expect in (_Expect.FIRST, _Expect.ELEMENT) and ElementScanner.begins(byte):
                return True
            following = _SEPARATORS.get((self._expect, byte))
            if following is None:
                place = "behind" if self._expect is _Expect.END else "in"
                raise SnapshotRejected(
                    f"byte {self._offset}, {place} the JSON array, should not be there: {self._shown()}",
                    self._offset,
                )
            self._expect = following
            self._drop(1)
        return False

    def _bulk(self) -> Batch | None:
        """Take the elements up to a likely border, if they decode; None if it takes the scanner."""
        window = bytes(self._buffer[:MAX_RECORD])
        end = self._border.last_in(window) if self._border else 0
        values = self._decoder.bulk(window[:end]) if end else None
        if not values:
            end = likely_border(window)
            values = self._decoder.bulk(window[:end])
        if not values:
            return None
        self._border = Border.at(window, end)
        batch = Batch(self._offset, window[:end], values)
        self._drop(end + 1)
        self._expect = _Expect.ELEMENT
        return batch

    def _exact(self, budget: int) -> Iterator[Batch]:
        """Yield elements one by one until `budget` bytes, or the buffer, are done."""
        stop = self._offset + budget
        while self._scanner or (self._offset < stop and self._at_element()):
            batch = self._element()
            if batch is None:
                return
            yield batch

    def _element(self) -> Batch | None:
        """Scan on in the current element; None if its end is not in the buffer."""
        scanner = self._scanner = self._scanner or ElementScanner()
        end = scanner.advance(self._buffer, self._scanned)
        size = len(self._buffer) if end < 0 else end
        if self._dropped is None and size > MAX_RECORD:
            text = bytes(self._buffer[:KEPT_TEXT])
            self._dropped = Batch(self._offset, text, [Unreadable("too_long")])
        if end < 0:
            self._scanned = size
            if self._dropped is not None:
                self._drop(size)
                self._scanned = 0
            return None
        batch = self._finish(scanner, end)
        self._drop(end)
        self._scanner, self._scanned, self._dropped = None, 0, None
        self._expect = _Expect.SEPARATOR
        return batch

    def _finish(self, scanner: ElementScanner, end: int) -> Batch:
        if self._dropped is not None:
            return self._dropped
        text = bytes(self._buffer[:end])
        if scanner.deepest > MAX_DEPTH:
            return Batch(self._offset, text, [Unreadable("too_deep")])
        return Batch(self._offset, text, [self._decoder.one(text)])

    def _drop_blank(self) -> None:
        self._drop(_BLANK.match(self._buffer).end())  # type: ignore[union-attr]  # it matches the empty text

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._offset += count

    def _shown(self) -> str:
        return repr(bytes(self._buffer[:20]))[1:]


@lru_cache(maxsize=2)
def _spans(text: bytes) -> list[tuple[int, int]]:
    """Return begin and end of each element in a text that the splitter took in bulk."""
    spans, end, pieces = [], 0, iter(pieces_of(text) or ())
    while (start := _BETWEEN.match(text, end).end()) < len(text):  # type: ignore[union-attr]  # matches empty
        piece = next(pieces, None)
        end = ElementScanner().advance(text, start) if piece is None else start + len(bytes(piece))
        spans.append((start, end))
    return spans
