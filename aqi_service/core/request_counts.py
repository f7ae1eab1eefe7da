"""Counts requests on the wire and over HTTP: how many of each kind ended how, and how long they took.

One rule: only the kinds and outcomes of the tables here are counted, whatever peers send.
"""

from collections.abc import Callable, Mapping
from itertools import product
from types import MappingProxyType

from aqi_service.core.frames import KINDS as ERROR_KINDS
from aqi_service.core.histogram import Histogram
from aqi_service.core.request_words import KINDS as WORDS
from aqi_service.errors import BadRequest, Busy, NoAnswer, NotFound

RECORD, OTHER, FOUND, FAILED = "record", "other", "found", "failed"

KINDS = (RECORD, *WORDS, "latest", "snapshot", "rejects", "scales", "metrics", OTHER)
"""Kinds of requests: those of the wire, those that only HTTP has, and anything else."""

OUTCOMES = (FOUND, *ERROR_KINDS.values(), FAILED)
"""How a request ends, named like the replies on the wire; `failed` is a fault of our own."""

EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The edges, in seconds, by which requests are counted."""

_OUTCOMES: Mapping[type[BaseException], str] = MappingProxyType(
    {BadRequest: "bad_request", NotFound: "not_found", NoAnswer: "unavailable", Busy: "busy"}
)

Done = Callable[[str], None]
"""A function that is called with the outcome when there is an answer."""


class RequestCounts:
    """Counts since the process began; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.ended = dict.fromkeys(product(KINDS, OUTCOMES), 0)
        self.seconds = {kind: Histogram(EDGES) for kind in KINDS}

    def note(self, kind: str, outcome: str, seconds: float = 0.0) -> None:
        """Count a request; without `seconds` it took no time."""
        self.ended[kind, outcome] += 1
        self.seconds[kind].note(seconds)

    def counting(self, kind: str) -> "Counting":
        """Return a block that answers a request of this kind."""
        return Counting(self, kind, self._clock)


class Counting:
    """A block that answers a request: it is counted when `done` is told its outcome, or by what it raises.

    One that is cancelled before that has no outcome, and is not counted.
    """

    __slots__ = ("_begun", "_clock", "_counts", "_kind", "_open")

    def __init__(self, counts: RequestCounts, kind: str, clock: Callable[[], float]) -> None:
        self._counts, self._kind, self._clock = counts, kind, clock
        self._begun, self._open = 0.0, True

    def __enter__(self) -> Done:
        """Begin, and return the function that is told the outcome."""
        self._begun = self._clock()
        return self._done

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Count what was raised."""
        if isinstance(error, Exception):
            self._done(_OUTCOMES.get(type(error), FAILED))

    def _done(self, outcome: str) -> None:
        if self._open:
            self._open = False
            self._counts.note(self._kind, outcome, self._clock() - self._begun)
