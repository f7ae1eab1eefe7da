"""Decodes a snapshot that may be gzip, piece by piece, up to a size.

One rule: gzip is recognised by its first bytes, and is whole only if its own trailer says so.
"""

import zlib
from collections.abc import Iterator

from aqi_service.errors import CutShort, FetchFailed, SnapshotRejected

PIECE = 64 * 1024
"""Most bytes decoded in one step, so that a small input cannot become a large piece."""

_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


class Gunzip:
    """Passes plain bytes on and decodes gzip, also of several members, up to `limit` decoded bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head = b""
        self._plain: bool | None = None
        self._member: zlib._Decompress | None = None
        self.decoded = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the decoded bytes of a chunk.

        Raises FetchFailed for bad bytes after gzip began, SnapshotRejected beyond the limit.
        """
        if self._plain is None:
            self._head += chunk
            if len(self._head) < len(_MAGIC) and _MAGIC.startswith(self._head):
                return
            self._plain = not self._head.startswith(_MAGIC)
            chunk, self._head = self._head, b""
        for piece in (chunk,) if self._plain else self._inflate(chunk):
            self.decoded += len(piece)
            if self.decoded > self._limit:
                raise SnapshotRejected(
                    f"the snapshot is larger than {self._limit} bytes; --max-bytes allows more", self._limit
                )
            if piece:
                yield piece

    def close(self) -> Iterator[bytes]:
        """Yield the bytes that were held back; raise CutShort unless gzip's trailer was read."""
        if self._plain is None and self._head:
            self._plain = True
            yield from self.feed(self._head)
        if self._plain is False and self._member is not None:
            raise CutShort("the gzip stream is cut short: its trailer is missing")

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        """Decode members; `_member` is None between two."""
        while data:
            if self._member is None:
                self._member = zlib.decompressobj(_GZIP)
            try:
                piece = self._member.decompress(data, PIECE)
            except zlib.error as error:
                raise FetchFailed(f"the gzip stream is damaged: {error}") from error
            yield piece
            data = self._member.unconsumed_tail
            if self._member.eof:
                data, self._member = self._member.unused_data, None
