"""stdout and stderr while the program runs: a thread writes them, out of a queue with an end.

One rule: whoever writes never waits for whoever reads. What does not fit is dropped and counted; who cannot
do without a line says that it must fit, and waits to be told that it is out.
"""

import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TextIO

MOST_QUEUED = 2**20
"""Characters that wait for a reader: some 8,000 lines of the log, far more than any pipe holds (64 KiB)."""

LAST_SECONDS = 2.0
"""How long the end of the process waits for the last lines to be read: with a stop's 6 s, under 10."""

STREAMS = ("stdout", "stderr")

OnWritten = Callable[[OSError | None], object]
"""Told that a text was written, or why it could not be; called on the thread that writes."""


class _Text(NamedTuple):
    """A text on its way to a stream."""

    stream: TextIO
    text: str
    on_written: OnWritten | None = None


class OutputQueue:
    """Texts for one file, in order, and the thread that writes them.

    Attributes:
        dropped: lines for which there was no room.
        lock: guards all of it; a thread may take it again, as a destructor that logs may run anywhere.
    """

    def __init__(self, most: int = MOST_QUEUED) -> None:
        self.dropped = 0
        self.lock = threading.RLock()
        self._news = threading.Condition(self.lock)
        self._most = most
        self._texts: deque[_Text] = deque()
        self._size = 0  # with what is being written
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    @property
    def is_behind(self) -> bool:
        """True while a text waits, or is being written."""
        return self._size > 0

    @property
    def is_half_empty(self) -> bool:
        """True while there is ample room."""
        return self._size * 2 < self._most

    def put(self, text: _Text, *, must_fit: bool = False) -> bool:
        """Take a text if there is room for it, or if it must fit; tell whether it was taken."""
        with self.lock:
            if self._size and self._size + len(text.text) > self._most and not must_fit:
                self.dropped += max(1, text.text.count("\n"))
                return False
            self._texts.append(text)
            self._size += len(text.text)
            self._news.notify_all()
            return True

    def stop(self, until: float) -> bool:
        """End the thread once all is written, if that is before `until` (monotonic); tell whether it was."""
        with self.lock:
            self._ends = True
            self._news.notify_all()
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while text := self._next():
            error = _written(text)
            with self.lock:
                self._size -= len(text.text)
                self._news.notify_all()
            if text.on_written:
                text.on_written(error)

    def _next(self) -> _Text | None:
        with self.lock:
            self._news.wait_for(lambda: self._texts or self._ends)
            return self._texts.popleft() if self._texts else None


def _written(text: _Text) -> OSError | None:
    """Write a text, for as long as that takes; return what kept it from being written."""
    try:
        _write(text.stream, text.text)
    except OSError as error:
        return error
    except ValueError as error:  # the stream is closed
        return OSError(0, str(error))
    return None


def _write(stream: TextIO, text: str) -> None:
    """Write past the stream's own buffer, whose lock would hold up the interpreter's end."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # it has none: a test's
        stream.write(text)
        stream.flush()
        return
    rest = memoryview(text.encode(stream.encoding or "utf-8", "backslashreplace"))
    while rest:
        try:
            rest = rest[os.write(number, rest) :]
        except BlockingIOError:  # whoever started the program has made it so
            room = select.poll()
            room.register(number, select.POLLOUT)
            room.poll()


class QueuedStream(io.TextIOBase):
    """Stands in for a stream: takes texts for it, and never waits."""

    def __init__(self, inner: TextIO, queue: OutputQueue) -> None:
        self.inner = inner
        self.queue = queue
        self._begun = ""

    def write(self, text: str) -> int:
        """Take a text; a line that it begins waits for its end, or for `flush`."""
        with self.queue.lock:
            lines, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                self.queue.put(_Text(self.inner, lines + newline))
        return len(text)

    def flush(self) -> None:
        """Take what was begun as it is."""
        with self.queue.lock:
            begun, self._begun = self._begun, ""
            if begun:
                self.queue.put(_Text(self.inner, begun))

    def send(self, text: str, on_written: OnWritten, *, must_fit: bool) -> None:
        """Take a text, and tell what became of it unless it is dropped."""
        self.queue.put(_Text(self.inner, text, on_written), must_fit=must_fit)

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return self.inner.isatty()

    def fileno(self) -> int:
        """Return the descriptor that is written to."""
        return self.inner.fileno()


_queues: list[OutputQueue] = []


def begin() -> None:
    """Have threads write what goes to stdout and stderr: one for both where they are one file, for the order.

    Each begun stream is ended by `end`.
    """
    streams: list[TextIO] = [getattr(sys, name) for name in STREAMS]
    queues = [OutputQueue()] * 2 if _are_one_file(*streams) else [OutputQueue(), OutputQueue()]
    for name, stream, queue in zip(STREAMS, streams, queues, strict=True):
        stream.flush()
        setattr(sys, name, QueuedStream(stream, queue))
    _queues[:] = dict.fromkeys(queues)
    for queue in _queues:
        queue.start()


def _are_one_file(one: TextIO, other: TextIO) -> bool:
    try:
        return os.path.sameopenfile(one.fileno(), other.fileno())
    except (OSError, ValueError):
        return False


def end(seconds: float = LAST_SECONDS) -> None:
    """Wait, not for long, until the last lines are out; what nobody reads then is lost with the process."""
    until = time.monotonic() + seconds
    streams = {name: stream for name in STREAMS if isinstance(stream := getattr(sys, name), QueuedStream)}
    for stream in streams.values():
        stream.flush()
    for name, stream in streams.items():
        if stream.queue.stop(until):
            setattr(sys, name, stream.inner)


def dropped() -> int:
    """Return how many lines were dropped."""
    return sum(queue.dropped for queue in _queues)


def is_behind(stream: TextIO) -> bool:
    """Tell whether what was written to a stream is not all out."""
    return isinstance(stream, QueuedStream) and stream.queue.is_behind


def has_room(stream: TextIO) -> bool:
    """Tell whether there is ample room for more."""
    return not isinstance(stream, QueuedStream) or stream.queue.is_half_empty


def put(text: str, on_written: OnWritten, *, must_fit: bool = False, to: str = "stdout") -> None:
    """Print without waiting, if there is room or it must fit; tell what became of it if it was printed."""
    stream: TextIO = getattr(sys, to)
    if isinstance(stream, QueuedStream):
        stream.send(text, on_written, must_fit=must_fit)
    else:
        on_written(_written(_Text(stream, text)))
