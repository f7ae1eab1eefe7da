"""The faults that a campaign chooses among: what AWS does to some calls, and the network to the table.

One rule: each has an end: a fault is on in its window only, and what it delays is under the time that the
program gives a write, since a write that lands after its sender gave up is nobody's to order.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.doubles.faults.effects import (
    COMPLETE,
    EMPTY_200,
    ERROR_200,
    INTERNAL_ERROR,
    LEAVE_ALL,
    LEAVE_MOST,
    LEAVE_ONE,
    LOST_ANSWER,
    OVER_CAPACITY,
    RESET_AFTER,
    RESET_BEFORE,
    SLOW_DOWN,
    STALL,
    STALL_AFTER,
    THROTTLED,
    Bucket,
    Cut,
    Delay,
    Effect,
    Hollow,
    Refuse,
    Throttle,
)
from tests.doubles.faults.proxy import Way
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.toxics import Bandwidth, Latency, LimitData, ResetPeer, Slicer, Toxic

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Slow:
    """Of writes the table takes so many a second."""

    rate: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls a part (`chance`) of the calls of an operation."""

    operation: str
    does: Effect | Slow
    chance: float = 1.0

    def rule(self, switch: str, sender: str, clock: Clock) -> Rule:
        """Make the rule that falls while `switch` is on."""
        does = Throttle(Bucket(self.does.rate, clock=clock)) if isinstance(self.does, Slow) else self.does
        return Rule(self.operation, does, chance=self.chance, during=switch, sender=sender)


TROUBLES = (
    Trouble("s3:*", SLOW_DOWN, 0.3),
    Trouble("s3:*", INTERNAL_ERROR, 0.3),
    Trouble("s3:*", Refuse("InternalError", applied=True), 0.2),
    Trouble("s3:*", RESET_BEFORE, 0.3),
    Trouble("s3:*", RESET_AFTER, 0.3),
    Trouble("s3:*", LOST_ANSWER, 0.2),
    Trouble("s3:*", Delay(1.5), 0.5),
    Trouble("s3:*", STALL, 0.1),
    Trouble("UploadPart", STALL_AFTER, 0.5),
    Trouble("CreateMultipartUpload", RESET_AFTER, 0.7),
    Trouble("AbortMultipartUpload", RESET_BEFORE, 0.7),
    Trouble("GetObject", Cut(100), 0.4),
    Trouble("GetObject", STALL, 0.3),
    Trouble(COMPLETE, ERROR_200, 0.6),
    Trouble(COMPLETE, EMPTY_200, 0.6),
    Trouble(COMPLETE, Hollow(applied=True), 0.6),
    Trouble(COMPLETE, Hollow("InternalError", applied=True), 0.6),
    Trouble(COMPLETE, RESET_AFTER, 0.8),
    Trouble(COMPLETE, STALL_AFTER, 0.5),
    Trouble(COMPLETE, Refuse("PreconditionFailed"), 0.5),
    Trouble(COMPLETE, Refuse("ConditionalRequestConflict"), 0.5),
    Trouble("PutObject", RESET_AFTER, 0.5),
    Trouble("PutObject", Refuse("ConditionalRequestConflict"), 0.4),
    Trouble("s3:*", Refuse("ServiceUnavailable")),
    Trouble("dynamodb:*", THROTTLED, 0.4),
    Trouble("*Item", OVER_CAPACITY, 0.4),
    Trouble("Batch*", OVER_CAPACITY, 0.8),
    Trouble("Batch*", LEAVE_ONE, 0.6),
    Trouble("Batch*", LEAVE_MOST, 0.6),
    Trouble("Batch*", LEAVE_ALL, 0.4),
    Trouble("*Item", Slow(5.0)),
    Trouble("dynamodb:*", Refuse("InternalServerError"), 0.3),
    Trouble("dynamodb:*", Refuse("InternalServerError", applied=True), 0.3),
    Trouble("dynamodb:*", Refuse("ServiceUnavailable")),
    Trouble("dynamodb:*", RESET_BEFORE, 0.3),
    Trouble("dynamodb:*", RESET_AFTER, 0.3),
    Trouble("dynamodb:*", LOST_ANSWER, 0.2),
    Trouble("dynamodb:*", Delay(1.0), 0.5),
    Trouble("dynamodb:*", STALL, 0.3),
    Trouble("*Item", STALL_AFTER, 0.3),
    Trouble("PutItem", STALL_AFTER, 0.5),
    Trouble("Batch*", Cut(10), 0.4),
    Trouble("GetItem", Cut(10), 0.5),
)

NOISE = (
    Rule("dynamodb:*", RESET_AFTER, chance=0.01),
    Rule("dynamodb:*", Refuse("InternalServerError"), chance=0.01),
    Rule("Batch*", LEAVE_ONE, chance=0.05),
    Rule("s3:*", SLOW_DOWN, chance=0.02),
    Rule("s3:*", RESET_AFTER, chance=0.01),
)
"""On all the time, until the faults are over."""

TOXICS: tuple[tuple[Toxic, Way] | None, ...] = (
    (Latency(0.5, 0.4), Way.DOWN),
    (Latency(0.3, 0.3), Way.UP),
    (Bandwidth(5_000), Way.UP),
    (LimitData(3_000), Way.DOWN),
    (ResetPeer(0.5), Way.DOWN),
    (Slicer(20, 10, 0.01), Way.DOWN),
    None,
)
"""What the network does to the table; None: it refuses connections."""

FEED_FAULTS = (
    "cut",
    "cut without length",
    "503",
    "503 later",
    "304",
    "html",
    "reset",
    "slow",
    "garbage",
    "stall",
    "empty",
)
"""What may become of an answer of the feed; `snapshots/download.py` knows how."""
