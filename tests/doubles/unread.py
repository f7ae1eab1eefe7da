"""The pipe of a program's stderr that nobody reads: as small as pipes are, and full.

One rule: it is read just as long as a test wants its lines, and again at the end of all.
"""

import asyncio
import fcntl
import os
from contextlib import suppress

PAGE = 4096


class UnreadPipe:
    """A pipe; `stream` gives what is read of it, `theirs` is the end for the program."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        fcntl.fcntl(self._ours, fcntl.F_SETPIPE_SZ, PAGE)
        os.set_blocking(self._ours, False)
        self.stream = asyncio.StreamReader()

    def read_on(self) -> None:
        """Read what comes."""
        asyncio.get_running_loop().add_reader(self._ours, self._read)

    def stop_reading(self, pid: int) -> None:
        """Read no more; fill it, so that the program's next byte finds no room."""
        asyncio.get_running_loop().remove_reader(self._ours)
        full = os.open(f"/proc/{pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)  # a description of its own
        with suppress(BlockingIOError):
            while True:
                os.write(full, b"\n")
        os.close(full)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            if data := os.read(self._ours, PAGE):
                self.stream.feed_data(data)
            else:
                asyncio.get_running_loop().remove_reader(self._ours)
                self.stream.feed_eof()

    def close(self) -> None:
        """Close our end."""
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)


def full_pipe(*, blocking: bool = True) -> tuple[int, int]:
    """Make a pipe that nobody reads, and that is full; give our end and the one for a program."""
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with suppress(BlockingIOError):
        while True:
            os.write(theirs, b"\n" * PAGE)
    os.set_blocking(theirs, blocking)
    return ours, theirs
