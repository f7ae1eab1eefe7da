"""Where the stand-in's S3 keeps bytes: each part with its digest.

One rule: what is small stays in memory, what is large goes into one file without a name, or nowhere at all.
"""

import os
import tempfile
import zlib
from typing import NamedTuple

LARGE = 256 * 1024


class Piece(NamedTuple):
    """Bytes that were kept: where, how many, their digest. `text` holds them if they are few."""

    at: int
    size: int
    digest: str
    text: bytes | None


class Heap:
    """The file for what is large; with `keep` off its bytes are dropped, and only digests stay."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open until `close`, or as long as the process is
        self._end = 0
        self.keep = True

    def add(self, body: bytes) -> Piece:
        """Keep bytes."""
        digest = f"{zlib.crc32(body):08x}"
        if len(body) <= LARGE:
            return Piece(-1, len(body), digest, bytes(body))
        at, self._end = self._end, self._end + len(body)
        if self.keep:
            os.pwrite(self._file.fileno(), body, at)
        return Piece(at, len(body), digest, None)

    def read(self, at: int, size: int) -> bytes:
        """Give bytes of the file back."""
        return os.pread(self._file.fileno(), size, at)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def clear(self) -> None:
        """Forget everything."""
        self._file.truncate(0)
        self._end = 0
