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


class Growing:
    """A large piece whose bytes are still coming: `left` counts them.

    They are kept as they come: who asks for something else meanwhile is not to wait for five megabytes.
    """

    def __init__(self, heap: "Heap", at: int, size: int) -> None:
        self.left = size
        self._heap, self._at, self._size = heap, at, size
        self._digest = 0

    def take(self, data: bytes) -> bytes:
        """Keep the bytes that are its own, and return what comes behind them."""
        some, rest = data[: self.left], data[self.left :]
        self._digest = zlib.crc32(some, self._digest)
        self._heap.write(some, self._at + self._size - self.left)
        self.left -= len(some)
        return rest

    def piece(self) -> Piece:
        """Give it, once all has come."""
        return Piece(self._at, self._size, f"{self._digest:08x}", None)


class Heap:
    """The file for what is large; with `keep` off its bytes are dropped, and only digests stay."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open until `close`, or as long as the process is
        self._end = 0
        self.keep = True

    def add(self, body: bytes | Piece) -> Piece:
        """Keep bytes, unless they are kept already."""
        if isinstance(body, Piece):
            return body
        if len(body) <= LARGE:
            return Piece(-1, len(body), f"{zlib.crc32(body):08x}", bytes(body))
        growing = self.growing(len(body))
        growing.take(body)
        return growing.piece()

    def growing(self, size: int) -> Growing:
        """Make room for a large piece that comes bit by bit."""
        at, self._end = self._end, self._end + size
        return Growing(self, at, size)

    def write(self, data: bytes, at: int) -> None:
        """Put bytes into the file, if they are to be kept."""
        if self.keep:
            os.pwrite(self._file.fileno(), data, at)

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
