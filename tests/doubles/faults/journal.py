"""What went through the shim: one record a request, for a test to assert on.

One rule: the shim writes it, everybody else only reads it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations

from tests.doubles.faults.calls import Call
from tests.doubles.faults.effects import Effect


@dataclass(slots=True)
class Record:
    """One request and what became of it.

    Attributes:
        call: what it asked for.
        begun: its place among all begins and ends; the same for `ended`, which is None while it runs.
        effects: what the rules did to it.
        applied: AWS did the work (of a batch: of what was not left).
        answered: all of an answer was sent.
        status: the answer's status, or None.
        code: the error's code where the shim itself refused.
        left: entries of a batch that came back unprocessed.
        keys: the DynamoDB keys it reads or writes, as (table, JSON).
        sums: the algorithms of an S3 body's checksums that were verified, `trailing` those behind it.
        waiting: nothing is done about it until time has passed: it is delayed, or never answered.
    """

    call: Call
    begun: int
    ended: int | None = None
    effects: tuple[Effect, ...] = ()
    applied: bool = False
    answered: bool = False
    status: int | None = None
    code: str = ""
    left: int = 0
    keys: frozenset[tuple[str, str]] = frozenset()
    sums: frozenset[str] = frozenset()
    trailing: frozenset[str] = frozenset()
    waiting: bool = False

    def overlaps(self, other: "Record") -> bool:
        """Tell whether the two were under way at the same time."""
        return (other.ended is None or self.begun < other.ended) and (
            self.ended is None or other.begun < self.ended
        )


class Journal:
    """All records, in the order in which requests came."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._ticks = 0
        self._open: list[Record] = []

    def begin(self, call: Call) -> Record:
        """Write down that a request has come."""
        record = Record(call, self._tick())
        self.records.append(record)
        self._open.append(record)
        return record

    def end(self, record: Record) -> None:
        """Write down that it is over."""
        record.ended = self._tick()
        self._open = [each for each in self._open if each is not record]

    def of(self, operation: str, resource: str = "*", sender: str = "*") -> list[Record]:
        """Return the records of an operation, or of a pattern of operations."""
        return [
            record
            for record in tuple(self.records)
            if fnmatchcase(record.call.operation, operation)
            and fnmatchcase(record.call.resource, resource)
            and fnmatchcase(record.call.sender, sender)
        ]

    def count(self, operation: str = "*") -> int:
        """Count the requests of an operation."""
        return len(self.of(operation))

    def applied(self, operation: str = "*") -> int:
        """Count those that AWS did."""
        return sum(record.applied for record in self.of(operation))

    def operations(self) -> Counter[str]:
        """Count the requests by operation."""
        return Counter(record.call.operation for record in tuple(self.records))

    @property
    def now(self) -> int:
        """Give the place of the last begin or end, to tell what comes before and after."""
        return self._ticks

    @property
    def at_work(self) -> bool:
        """Tell whether something is being done about a request."""
        return any(not record.waiting for record in self._open)

    def peak(self, operation: str = "*") -> int:
        """Return how many were under way at once, at most."""
        turns = sorted(
            turn
            for record in self.of(operation)
            for turn in ((record.begun, 1), *(((record.ended, -1),) if record.ended is not None else ()))
        )
        most = now = 0
        for _, step in turns:
            now += step
            most = max(most, now)
        return most

    def collisions(self, operation: str = "*") -> Iterator[tuple[Record, Record]]:
        """Yield the pairs that had a key in common while both were under way."""
        for one, other in combinations(self.of(operation), 2):
            if one.keys & other.keys and one.overlaps(other):
                yield one, other

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks
