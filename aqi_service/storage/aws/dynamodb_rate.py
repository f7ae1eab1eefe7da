"""How many items a second a table takes, or gives, learned from what it refuses; who asks waits for that.

One rule: nothing is held back before the table refuses something. From then on requests go out at the rate
that it took between two refusals, when it had nothing left, and a little faster after many taken whole,
as long as something waits for it.

So a steady load uses its table's limit, and about one request in 25 is refused.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aqi_service.errors import Unavailable
from aqi_service.storage.aws.dynamodb_cap import WriteCap
from aqi_service.storage.aws.errors import is_throttled
from aqi_service.storage.aws.retry import Sleep

SHARE = 0.97
"""The share of what the table took that is asked for after a refusal."""

FIRST_RATE_LEAST = 25.0
"""Items a second that are tried after the first refusal, if not more: it says little."""

MIN_SAMPLE_SECONDS, MIN_SAMPLE_ITEMS, LONG_SAMPLE_SECONDS = 1.0, 100, 4.0
"""So long after a refusal, and so many items, the next one tells the limit; or after LONG_SAMPLE_SECONDS."""

SUCCESSES_BEFORE_GROWTH = 100
"""Requests taken whole in a row, while the next had to wait for its turn, until the rate begins to grow."""

UNSURE_SUCCESSES_BEFORE_GROWTH = 10
"""So many after a refusal before which nothing was taken, so that it says little."""

GROWTH, MAX_GROWTH = 0.0025, 0.05
"""By which share it grows with a request then; twice that after each further so many, up to the most."""

PAUSE_SECONDS = 1.0
"""So long without a request is no time in which the table took nothing."""

LATE_SECONDS = 0.1
"""So much of what passed after a turn, as a busy loop wakes who waits for it late, is made up for."""

FORGET_SECONDS = 60.0
"""After so long without a request nothing is known: the table's limit may be another by then."""


class AdaptiveRate:
    """Says when a request may go out, and is told what became of it: arithmetic only.

    `now` is in seconds, on any clock.
    """

    def __init__(self) -> None:
        self.items_per_second: float | None = None  # what the table takes; None while it refused nothing
        self._next = float("-inf")  # when the next request may go out
        self._since = float("-inf")  # the last refusal, or the first write
        self._used = float("-inf")  # the last write or its answer
        self._taken = 0  # items since then
        self._in_a_row = 0  # requests taken whole while the next had to wait
        self._hold = SUCCESSES_BEFORE_GROWTH

    def most(self, limit: int) -> int:
        """Return how many items a request should have, at most `limit`: no more than it takes in a second."""
        rate = self.items_per_second
        return limit if rate is None else max(1, min(limit, int(rate)))

    def due(self, items: int, now: float) -> float:
        """Give a request of so many items its turn; return the seconds until it."""
        pause = now - max(self._used, self._next)
        if pause > FORGET_SECONDS:
            self.items_per_second, self._taken, self._since = None, 0, now
        elif pause > PAUSE_SECONDS:
            self._since += pause
        self._used = now
        if self.items_per_second is None:
            return 0.0
        turn = max(now - LATE_SECONDS, self._next)
        self._next = turn + items / self.items_per_second
        return max(0.0, turn - now)

    def took(self, items: int, left: int, now: float) -> None:
        """Note that the table took so many items of a request, and left some."""
        self._taken += items
        self._used = now
        if left:
            self._refused(now)
            return
        is_held_back = self._next > now  # else it is not the rate that decides how much is sent
        self._in_a_row = self._in_a_row + 1 if is_held_back else 0
        if self.items_per_second is not None and self._in_a_row > self._hold:
            growth = GROWTH * 2.0 ** min(self._in_a_row // self._hold - 1, 30)
            self.items_per_second *= 1 + min(MAX_GROWTH, growth)
            if self._in_a_row % self._hold == 0 and now - self._since >= LONG_SAMPLE_SECONDS:
                self._since, self._taken = now, 0  # when less was asked for says no limit

    def _refused(self, now: float) -> None:
        """Learn the rate; then let the table save up for one request before the next."""
        self._in_a_row = 0
        since = now - self._since
        if self.items_per_second is None:
            rate = max(FIRST_RATE_LEAST, SHARE * self._taken / max(1.0, since))
        elif since >= LONG_SAMPLE_SECONDS or (
            since >= MIN_SAMPLE_SECONDS and self._taken >= MIN_SAMPLE_ITEMS
        ):
            rate = max(1.0, SHARE * self._taken / since)
        else:
            return  # too soon to tell: what was sent at the old rate comes back as well
        self._hold = SUCCESSES_BEFORE_GROWTH if self._taken else UNSURE_SUCCESSES_BEFORE_GROWTH
        self.items_per_second, self._since, self._taken = rate, now, 0
        self._next = max(now, self._next) + min(FIRST_RATE_LEAST, rate) / rate


class Throttle:
    """Requests of one kind to one table, by the loop's clock: each waits until the table takes it.

    Attributes:
        cap: what the owner lets all of them use; None where there is no such limit.
    """

    def __init__(self, sleep: Sleep, cap: WriteCap | None = None) -> None:
        self.cap = cap
        self._rate = AdaptiveRate()
        self._turn = asyncio.Lock()
        self._sleep = sleep

    @property
    def items_per_second(self) -> float | None:
        """What the table takes, as far as refusals told."""
        return self._rate.items_per_second

    async def turn(self, most: int, units: Sequence[int] = ()) -> int:
        """Wait for a turn; return how many items the request should have, at most `most`.

        `units` are the write units of each of them, where there is a cap. One waits for a time, the others
        for that one: what an answer tells holds for all turns after it.
        """
        async with self._turn:
            items = self._rate.most(most)
            if self.cap:
                items = self.cap.fitting(units[:items])
            if seconds := self._wait(items, sum(units[:items])):
                await self._sleep(seconds)
            return items

    def _wait(self, items: int, units: int) -> float:
        """Give a request its turn; return the seconds until the table and the owner let it go."""
        now = asyncio.get_running_loop().time()
        seconds = self._rate.due(items, now)
        return max(seconds, self.cap.due(units, now)) if self.cap else seconds

    def took(self, items: int, left: int) -> None:
        """Note that the table took so many items of a request, and left some."""
        self._rate.took(items, left, asyncio.get_running_loop().time())

    @contextmanager
    def noting_refusal(self, items: int) -> Iterator[None]:
        """Note that the table left all items of the request inside the block, if its error says so."""
        try:
            yield
        except Unavailable as error:
            if is_throttled(error):
                self.took(0, items)
            raise
