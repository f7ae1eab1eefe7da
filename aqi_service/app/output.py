"""stdout and stderr while the program runs: a thread writes them from a bounded queue.

One rule: a writer never waits for the reader. Lines that do not fit are dropped and counted; a caller that
needs a line says that it must fit, and waits until it is out.
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
"""Most characters that wait for a reader: some 8,000 log lines, far more than any pipe holds (64 KiB)."""

LAST_SECONDS = 2.0
"""How many seconds the end of the process waits for a reader of the last lines: with a stop's 6 s, under
10."""

STREAMS = ("stdout", "stderr")

OnWritten = Callable[[OSError | None], object]
"""Called with None after a text was written, or with the error; on the thread that writes."""


class _Text(NamedTuple):
    """A text on its way to a stream."""

    stream: TextIO
    text: str
    on_written: OnWritten | None = None


class OutputQueue:
    """Texts for one file, in order, and the thread that writes them.

    Attributes:
        dropped: how many lines had no room.
        lock: guards everything here; a thread may take it again, since a destructor that logs may run
            anywhere.
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
        """True while there is much room."""
        return self._size * 2 < self._most

    def put(self, text: _Text, *, must_fit: bool = False) -> bool:
        """Take a text if there is room, or if it must fit; tell whether it was taken."""
        with self.lock:
            if self._size and self._size + len(text.text) > self._most and not must_fit:
                self.dropped += max(1, text.text.count("\n"))
                return False
            self._texts.append(text)
            self._size += len(text.text)
            self._news.notify_all()
            return True

    def stop(self, until: float) -> bool:
        """End the thread when all is written, if before `until` (monotonic); tell whether all was."""
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
    """Write a text, however long that takes; return the error that stopped it, or None."""
    try:
        _write(text.stream, text.text)
    except OSError as error:
        return error
    except ValueError as error:  # the stream is closed
        return OSError(0, str(error))
    return None


def _write(stream: TextIO, text: str) -> None:
    """Write without the stream's own buffer, whose lock would hold up the interpreter's end."""
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
        except BlockingIOError:  # the process that started us made it so
            room = select.poll()
            room.register(number, select.POLLOUT)
            room.poll()


class QueuedStream(io.TextIOBase):
    """Replaces a stream: takes texts for it, and never waits."""

    def __init__(self, inner: TextIO, queue: OutputQueue) -> None:
        self.inner = inner
        self.queue = queue
        self._begun = ""

    def write(self, text: str) -> int:
        """Take a text; an unfinished line waits for its end, or for `flush`."""
        with self.queue.lock:
            lines, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                self.queue.put(_Text(self.inner, lines + newline))
        return len(text)

    def flush(self) -> None:
        """Take an unfinished line as it is."""
        with self.queue.lock:
            begun, self._begun = self._begun, ""
            if begun:
                self.queue.put(_Text(self.inner, begun))

    def send(self, text: str, on_written: OnWritten, *, must_fit: bool) -> None:
        """Take a text, and report when it is written unless it is dropped."""
        self.queue.put(_Text(self.inner, text, on_written), must_fit=must_fit)

    def isatty(self) -> bool:
        """Tell whether the stream is a terminal."""
        return self.inner.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self.inner.fileno()


_queues: list[OutputQueue] = []


def begin() -> None:
    """Let threads write stdout and stderr; one for both if they are one file, to keep the order.

    `end` ends each begun stream.
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
    """Wait a short time until the last lines are out; lines that nobody reads then are lost."""
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
    """Tell whether a stream still has text that is not out."""
    return isinstance(stream, QueuedStream) and stream.queue.is_behind


def has_room(stream: TextIO) -> bool:
    """Tell whether there is much room."""
    return not isinstance(stream, QueuedStream) or stream.queue.is_half_empty


def put(text: str, on_written: OnWritten, *, must_fit: bool = False, to: str = "stdout") -> None:
    """Print without waiting, if there is room or it must fit; report when it is printed."""
    stream: TextIO = getattr(sys, to)
    if isinstance(stream, QueuedStream):
        stream.send(text, on_written, must_fit=must_fit)
    else:
        on_written(_written(_Text(stream, text)))
