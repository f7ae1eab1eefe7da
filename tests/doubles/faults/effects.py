"""What a rule can do to a call: frozen values, and what each of them needs to be decided.

One rule: an effect says what the client sees and whether AWS did the work; how is the shim's business.
"""

import time
from collections.abc import Callable, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from tests.doubles.faults.answers import Gone

ANY: Set[str] = frozenset()
"""Operations of an effect that fits every call."""

BATCHES = frozenset({"BatchWriteItem", "BatchGetItem"})
ITEM_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
COMPLETE = "CompleteMultipartUpload"

_CRUMB = 1e-9


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait before AWS sees the request; other effects of later rules still follow."""

    seconds: float
    fits: ClassVar[Set[str]] = ANY


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an error; `applied` does the work first, an empty code sends a status without a body."""

    code: str
    status: int | None = None
    applied: bool = False
    fits: ClassVar[Set[str]] = ANY


@dataclass(frozen=True, slots=True)
class Drop:
    """Give no answer: reset or close the connection, or stay silent; `applied` does the work first."""

    how: Gone
    applied: bool = False
    fits: ClassVar[Set[str]] = ANY


@dataclass(frozen=True, slots=True)
class Cut:
    """Do the work, and reset the connection after so many bytes of the answer's body."""

    after: int
    fits: ClassVar[Set[str]] = ANY


class Share(StrEnum):
    """How much of a batch stays unprocessed: the last, all but the first, all.

    Of a batch of one, ONE leaves it (so it never ends), MOST takes it (so it always does). AWS itself
    answers with an error rather than leave ALL; a client that survives ALL survives AWS.
    """

    ONE = "one"
    MOST = "most"
    ALL = "all"

    def of(self, size: int) -> int:
        """Return how many of `size` stay."""
        return {Share.ONE: min(1, size), Share.MOST: max(0, size - 1), Share.ALL: size}[self]


@dataclass(frozen=True, slots=True)
class Leave:
    """Answer a batch with UnprocessedItems or UnprocessedKeys."""

    share: Share
    fits: ClassVar[Set[str]] = BATCHES


@dataclass(frozen=True, slots=True)
class Hollow:
    """Answer CompleteMultipartUpload with 200 and an error inside, or with an empty body (no ETag)."""

    code: str = ""
    applied: bool = False
    fits: ClassVar[Set[str]] = frozenset({COMPLETE})


class Bucket:
    """A token bucket of write units: `rate` a second, up to `burst` saved; `clock` may be moved by hand."""

    def __init__(
        self, rate: float, burst: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate = rate
        self.burst = rate if burst is None else burst
        self._clock = clock
        self._level = self.burst
        self._filled = clock()

    def take(self, units: int) -> bool:
        """Take the units if they are there; more than the whole bucket is given when it is full."""
        now = self._clock()
        self._level = min(self.burst, self._level + (now - self._filled) * self.rate)
        self._filled = now
        if self._level + _CRUMB < min(units, self.burst):
            return False
        self._level -= units
        return True


@dataclass(frozen=True, slots=True)
class Throttle:
    """Let through what the bucket has units for: a batch in part, a single write whole or not.

    What AWS does: UnprocessedItems for a batch of which some fit, an error when nothing does.
    """

    bucket: Bucket
    fits: ClassVar[Set[str]] = BATCHES | ITEM_WRITES


Effect = Delay | Refuse | Drop | Cut | Leave | Hollow | Throttle

RESET_BEFORE = Drop(Gone.RESET)
RESET_AFTER = Drop(Gone.RESET, applied=True)
LOST_ANSWER = Drop(Gone.CLOSE, applied=True)
STALL = Drop(Gone.SILENCE)
STALL_AFTER = Drop(Gone.SILENCE, applied=True)

SLOW_DOWN = Refuse("SlowDown")
INTERNAL_ERROR = Refuse("InternalError")
THROTTLED = Refuse("ThrottlingException")
OVER_CAPACITY = Refuse("ProvisionedThroughputExceededException")
TOO_MANY = Refuse("TooManyRequestsException")

LEAVE_ONE, LEAVE_MOST, LEAVE_ALL = (Leave(share) for share in Share)
EMPTY_200 = Hollow()
ERROR_200 = Hollow("InternalError")
