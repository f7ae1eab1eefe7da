"""What a cell of the matrix is, and the documents that cells load.

One rule: a cell is a frozen value; whatever it needs done on the way is a function of the ground it runs on.
"""

import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from aqi_service.core.report import LoadReport, Status
from tests.doubles.faults.effects import Effect
from tests.doubles.faults.rules import Rule
from tests.doubles.feed_server import Step
from tests.doubles.load_helpers import NOW

if TYPE_CHECKING:
    from trials.matrix.ground import Ground

EARLIER = NOW - 3600
"""When the snapshot was taken that is there before each cell."""

Act = Callable[["Ground"], Awaitable[None]]
Script = Callable[["Ground", bytes], tuple[Step, ...]]
Check = Callable[["Ground", LoadReport], None]
PATTERNS: dict[str, int | None] = {"once": 1, "twice": 2, "always": None}
"""How often a fault falls."""


def records(ids: Iterable[int], pm10: str = "20.5", hour: int = 17, **more: Any) -> list[dict[str, Any]]:
    """Make one good record of each id, each of its own sensor."""
    return [
        {
            "id": i,
            "timestamp": f"2023-12-20 {hour}:00:00",
            "location": {"country": "DE"},
            "sensor": {"id": i, "sensor_type": {"name": "SDS011"}},
            "sensordatavalues": [
                {"value_type": "P1", "value": pm10},
                {"value_type": "P2", "value": "7.5"},
            ],
            **more,
        }
        for i in ids
    ]


def written(elements: Iterable[object]) -> bytes:
    """Write a document; an element given as bytes stands in it as it is."""
    return b"[" + b",".join(e if isinstance(e, bytes) else json.dumps(e).encode() for e in elements) + b"]"


SEED = written(records(range(1, 31), "12.5", 16))
SMALL = written(records(range(1, 6), "12.5", 16) + records(range(6, 251)))
"""Three groups for the table; the first five records say nothing new."""

SHORT = written(records(range(1, 6), "12.5", 16) + records(range(6, 41)))
TWO_PARTS = written(records(range(1, 91), note="x" * 60_000))


@dataclass(frozen=True)
class Cell:
    """A fault, the call that it falls on, and how the load ends that meets it.

    Attributes:
        code: its number in the list of faults.
        fault, call, pattern: what fails, where, and how often.
        ends: how the load may end.
        rules: what the shim does meanwhile.
        body: what the feed sends, unless `script` says otherwise; `again` is what it sends afterwards.
        like: a document of plain records that comes to the same items as `again`.
        changes: of the load's plan, and `now`.
        before, after: done before the load, and between the load and the next.
        cancel: the operation at which the load is cancelled, once it waits there in vain.
        fates: of the load, as far as they can be told.
        left_to_sweep: the upload cannot be aborted now; the sweep of a start a day later does.
        check: what else is true of the load.
        seeded: False where what the seed put into the table is lost.
    """

    code: str
    fault: str
    call: str = ""
    pattern: str = ""
    ends: tuple[Status, ...] = (Status.COMPLETE,)
    rules: tuple[Rule, ...] = ()
    body: bytes = SMALL
    again: bytes | None = None
    like: bytes | None = None
    script: Script | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    before: Act | None = None
    after: Act | None = None
    cancel: str = ""
    fates: Mapping[str, int] = field(default_factory=dict)
    left_to_sweep: bool = False
    check: Check | None = None
    seeded: bool = True

    @property
    def name(self) -> str:
        """Its id as a test's parameter."""
        return " ".join(filter(None, (self.code, self.fault, self.call, self.pattern)))

    @property
    def kind(self) -> tuple[str, str, str]:
        """What MATRIX=kinds runs one cell of: a fault of the list on a call; S1 is four faults."""
        return (self.code, self.fault if self.code == "S1" else "", self.call)


def on(operation: str, does: Effect, pattern: str, resource: str = "*") -> tuple[Rule, ...]:
    """Make the rule of a fault that falls on an operation once, twice or always."""
    return (Rule(operation, does, resource, times=PATTERNS[pattern]),)


def chosen(cells: Iterable[Cell]) -> list[Cell]:
    """Give the cells to run: all, or with MATRIX=kinds one of each kind, its variants in turn."""
    every = list(cells)
    if os.environ.get("MATRIX", "all") == "all":
        return every
    kinds: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in every:
        kinds.setdefault(cell.kind, []).append(cell)
    return [same[number % len(same)] for number, same in enumerate(kinds.values())]


def each(cells: Iterable[Cell]) -> pytest.MarkDecorator:
    """Run a test on each of the cells that are to be run."""
    run = chosen(cells)
    return pytest.mark.parametrize("cell", run, ids=[cell.name for cell in run])
