"""D1 to D6, D8 to D14: what DynamoDB does to a load.

One rule: the snapshot is in the archive whatever the table does; what the table did not take stays pending.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from aqi_service.core.report import LoadReport, Status
from aqi_service.errors import LeaseLost
from tests.doubles.faults.effects import (
    LEAVE_ALL,
    LEAVE_MOST,
    LEAVE_ONE,
    LOST_ANSWER,
    OVER_CAPACITY,
    RESET_AFTER,
    RESET_BEFORE,
    STALL,
    STALL_AFTER,
    THROTTLED,
    TOO_MANY,
    Bucket,
    Cut,
    Delay,
    Effect,
    Refuse,
    Throttle,
)
from tests.doubles.faults.rules import Rule
from tests.doubles.feed_server import Step, head
from tests.doubles.load_helpers import NOW
from trials.matrix.cells import PATTERNS, SHORT, SMALL, Cell, Check, on, records, written
from trials.matrix.ground import Ground

COMPLETE, INCOMPLETE = (Status.COMPLETE,), (Status.INCOMPLETE,)
READ, WRITE, PUT, GET = "BatchGetItem", "BatchWriteItem", "PutItem", "GetItem"
REPLAY = {"live": False}
OF = {READ: (SMALL, {}), WRITE: (SMALL, {}), PUT: (SHORT, REPLAY)}
"""What is loaded, and how, so that the call is made."""

SHARES: dict[str, Effect] = {"leaves one": LEAVE_ONE, "leaves most": LEAVE_MOST, "leaves all": LEAVE_ALL}
BURSTS: dict[str, Effect] = {
    "ThrottlingException": THROTTLED,
    "over capacity": OVER_CAPACITY,
    "429": TOO_MANY,
    "RequestLimitExceeded": Refuse("RequestLimitExceeded"),
}
BROKEN: dict[str, Effect] = {
    "500": Refuse("InternalServerError"),
    "500 after": Refuse("InternalServerError", applied=True),
    "503": Refuse("ServiceUnavailable"),
    "reset": RESET_BEFORE,
    "reset after": RESET_AFTER,
    "answer lost": LOST_ANSWER,
    "answer cut": Cut(1),
    "silent": STALL,
    "silent after": STALL_AFTER,
}


def _on_calls(code: str, faults: dict[str, Effect], calls: tuple[str, ...]) -> Iterator[Cell]:
    for fault, effect in faults.items():
        for call in calls:
            body, changes = OF[call]
            for pattern in PATTERNS:
                ends = INCOMPLETE if pattern == "always" and effect is not LEAVE_MOST else COMPLETE
                rules = on(call, effect, pattern)
                yield Cell(code, fault, call, pattern, ends, rules, body, changes=changes)


def d1() -> Iterator[Cell]:
    yield from _on_calls("D1", SHARES, (READ, WRITE))


def d2() -> Iterator[Cell]:
    yield from _on_calls("D2", BURSTS, (READ, WRITE, PUT))
    for call in (WRITE, PUT):
        body, changes = OF[call]
        yield Cell("D2", "5 units a second", call, body=body, changes=changes, before=throttle, fates=ALL_IN)


ALL_IN = {"pending": 0, "rejected": 0}


async def throttle(found: Ground) -> None:
    """Let the table take 5 items a second."""
    bucket = Bucket(5, clock=found.loop.time)
    for operation in (WRITE, PUT):
        found.world.fail(operation, Throttle(bucket))


APPLIED = {"500 after", "reset after", "answer lost", "answer cut", "silent after"}
"""The table has done what it was asked for, and its answer does not say so."""


def d3() -> Iterator[Cell]:
    """What a batch wrote is read before it is written again, so the load sees that it is there."""
    for cell in _on_calls("D3", BROKEN, (READ, WRITE, PUT)):
        is_there = cell.call == WRITE and cell.fault in APPLIED and cell.pattern == "always"
        yield replace(cell, ends=COMPLETE, fates={"stored": 245, "unchanged": 5}) if is_there else cell


def d4() -> Iterator[Cell]:
    refuse = Refuse("ValidationException")
    for place in (1, 13, 25):
        poison = (Rule(WRITE, refuse, nth=(1,)), Rule(PUT, refuse, nth=(place,)))
        fates = {"rejected": 1, "stored": 244, "unchanged": 0, "pending": 0}
        yield Cell("D4", "one poison item", WRITE, f"number {place}", COMPLETE, poison, POISONED, fates=fates)
    rules = (Rule(PUT, refuse, nth=(7,)),)
    yield Cell("D4", "one poison item", PUT, "", COMPLETE, rules, changes=REPLAY, fates={"rejected": 1})


POISONED = written(records(range(6, 251)))


def d5() -> Iterator[Cell]:
    newer = records((20, 40, 200), "30.5", 18)
    many = records(range(6, 251))
    twice = {
        "neighbours": many[:10] + newer[:1] + many[10:15] + many[14:],
        "in one group": many[:50] + newer + many[50:],
        "in two groups": many + newer,
        "in every group": [each for at in range(0, 245, 49) for each in [*many[at : at + 49], *newer]],
    }
    for fault, elements in twice.items():
        for call in (READ, WRITE, PUT):
            rules = (Rule(call, Delay(3.0)),)
            changes = REPLAY if call == PUT else {}
            body = written(elements)
            yield Cell("D5", fault, call, rules=rules, body=body, changes=changes, check=apart)


def apart(found: Ground, _report: LoadReport) -> None:
    """See that no two requests with a key in common were under way at once."""
    for operation in (WRITE, PUT):
        assert list(found.journal.collisions(operation)) == []


def d6() -> Iterator[Cell]:
    plain = records(range(6, 51))
    odd = {
        "39 digits": {"latitude": "1" * 39},
        "45 digits behind the point": {"latitude": "4." + "8" * 45},
        "under 1E-130": {"latitude": "0." + "0" * 131 + "1"},
        "over 1E126": {"altitude": "9" * 130},
    }
    for fault, location in odd.items():
        whole = [*plain, *records((60,), location={"country": "DE"} | location)]
        like = written([*plain, *records((60,))])
        yield Cell(
            "D6", fault, WRITE, body=written(whole), like=like, check=_understood, fates={"rejected": 0}
        )
    for fault, record_id in {"key over 2,048 bytes": "7" * 2049, "id over 63 bits": str(2**63)}.items():
        whole = [*plain, *records((60,)), *[each | {"id": record_id} for each in records((61,))]]
        like = written([*plain, *records((60,))])
        yield Cell(
            "D6", fault, WRITE, body=written(whole), like=like, check=_understood, fates={"rejected": 1}
        )
    large = records((60,), country_of="x" * 500_000)
    like = written(plain)
    yield Cell(
        *("D6", "an item over 400 KB", WRITE), body=written(plain + large), like=like, check=_understood,
        fates={"rejected": 1},
    )  # fmt: skip


def _understood(found: Ground, _report: LoadReport) -> None:
    """See that the table found nothing invalid."""
    assert {record.status for record in found.journal.of("*Item")} == {200}


def d8() -> Iterator[Cell]:
    for code in ("ExpiredTokenException", "UnrecognizedClientException", "AccessDeniedException"):
        for call in (READ, WRITE, PUT):
            body, changes = OF[call]
            yield Cell(
                "D8", code, call, "once", INCOMPLETE, on(call, Refuse(code), "once"), body, changes=changes
            )


def d9() -> Iterator[Cell]:
    older = written(records(range(1, 31), "40.5", 15) + records(range(31, 41), "40.5", 15))
    fates = {"superseded": 30, "stored": 10}
    for fault, live in (("older by its records", True), ("older by its records, replayed", False)):
        changes = {"live": live, "now": NOW - 7200}
        yield Cell("D9", fault, WRITE if live else PUT, body=older, changes=changes, fates=fates)
    same_hour = written(records(range(1, 31), "40.5", 16))
    yield Cell(
        "D9",
        "older by its time",
        PUT,
        body=same_hour,
        changes=REPLAY | {"now": NOW - 7200},
        fates={"superseded": 30},
    )


@dataclass
class Guard:
    """Lets so many requests go, then says that the lease is lost."""

    left: int

    def __call__(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise LeaseLost("the lease is another's")


def d10() -> Iterator[Cell]:
    for code, fault in (("D10", "another took the lease"), ("D11", "paused past the lease")):
        for call in (WRITE, PUT):
            body, changes = OF[call]
            for after in (1, 4, 6):
                ends = (Status.INCOMPLETE, Status.FAILED)
                guarded = {**changes, "guard": Guard(after)}
                pattern = f"after {after} requests"
                yield Cell(
                    code, fault, call, pattern, ends, (), body, changes=guarded, check=_wrote_at_most(after)
                )


def _wrote_at_most(after: int) -> Check:
    def check(found: Ground, _report: LoadReport) -> None:
        assert len(found.journal.of(WRITE)) + len(found.journal.of(PUT)) <= after

    return check


def d12() -> Iterator[Cell]:
    for call in (WRITE, PUT):
        body, changes = OF[call]
        yield Cell(
            "D12", "throttled writes", call, body=body, changes=changes, before=throttle, check=looked_up
        )


def looked_up(found: Ground, _report: LoadReport) -> None:
    """See that lookups of what is there were answered at once all the time."""
    assert len(found.lookups) >= 6
    for record_id, reply, seconds in found.lookups:
        assert seconds < 1
        assert reply.startswith(b"id,") is (record_id != b"999999")


def d13() -> Iterator[Cell]:
    for fault, effect in {**BURSTS, **BROKEN}.items():
        for pattern in ("once", "always"):
            check = unavailable if pattern == "always" else None
            yield Cell("D13", fault, GET, pattern, COMPLETE, on(GET, effect, pattern), check=check)
    slow = (Rule(GET, Delay(60.0)),)
    yield Cell("D13", "slow", GET, "always", COMPLETE, slow, check=unavailable)


def unavailable(found: Ground, _report: LoadReport) -> None:
    """See that each lookup was told so."""
    assert {reply.partition(b":")[0] for _, reply, _ in found.lookups} == {b"Unavailable"}


def d14() -> Iterator[Cell]:
    for live in (True, False):
        yield Cell(
            *("D14", "the table is deleted", WRITE if live else PUT, "", INCOMPLETE), changes={"live": live},
            script=_deleting, after=make_again, seeded=False, body=SMALL,
        )  # fmt: skip


def _deleting(found: Ground, body: bytes) -> tuple[Step, ...]:
    async def delete() -> None:
        await found.world.dynamodb.delete_table(TableName=found.world.table)

    return (head(Content_Length=len(body)), body[:-9000], 1.0, delete, body[-9000:])


async def make_again(found: Ground) -> None:
    """Make the table anew, empty."""
    assert (await found.ask(b"3")).startswith(b"Unavailable: ")
    await found.world.make_table()


TABLE_CELLS = [cell for cells in (d1, d2, d3, d4, d5, d6, d8, d9, d10, d12, d13, d14) for cell in cells()]
