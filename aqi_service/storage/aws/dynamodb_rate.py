"""How many items a second a table takes, or gives, learned from its refusals; requests wait for that rate.

One rule: nothing is held back before the table refuses something. From then on requests go out at the rate
that it took between two refusals, when it had nothing left. After many whole successes the rate grows a
little, as long as requests wait for it.

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
"""After a refusal this share of what the table took is asked for."""

FIRST_RATE_LEAST = 25.0
"""At least this many items a second are tried after the first refusal, which says little."""

MIN_SAMPLE_SECONDS, MIN_SAMPLE_ITEMS, LONG_SAMPLE_SECONDS = 1.0, 100, 4.0
"""A refusal tells the limit if at least this many seconds and items came since the last one; or after
LONG_SAMPLE_SECONDS."""

SUCCESSES_BEFORE_GROWTH = 100
"""After this many whole successes in a row, while the next request had to wait, the rate begins to grow."""

UNSURE_SUCCESSES_BEFORE_GROWTH = 10
"""The same, after a refusal that gave no usable measurement."""

GROWTH, MAX_GROWTH = 0.0025, 0.05
"""The share by which it then grows with each request; after each further row of successes it doubles, up to
the most."""

PAUSE_SECONDS = 1.0
"""A pause of this many seconds without a request does not count as time in which the table took nothing."""

LATE_SECONDS = 0.1
"""At most this many seconds of lateness of a turn are made up for: a busy loop wakes waiting requests
late."""

FORGET_SECONDS = 60.0
"""After this many seconds without a request everything is forgotten: the table's limit may have changed."""


class AdaptiveRate:
    """Says when a request may go out, and is told its result: arithmetic only.

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
        """Return how many items a request should have, at most `limit`: what the table takes in a second."""
        rate = self.items_per_second
        return limit if rate is None else max(1, min(limit, int(rate)))

    def due(self, items: int, now: float) -> float:
        """Give a request of this many items its turn; return the seconds until then."""
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
        """Note how many items of a request the table took, when it left some."""
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
        """Learn the rate; then let the table recover for one request before the next."""
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
        cap: the owner's limit for all of them; None if there is none.
    """

    def __init__(self, sleep: Sleep, cap: WriteCap | None = None) -> None:
        self.cap = cap
        self._rate = AdaptiveRate()
        self._turn = asyncio.Lock()
        self._sleep = sleep

    @property
    def items_per_second(self) -> float | None:
        """What the table takes, as far as refusals have shown."""
        return self._rate.items_per_second

    async def turn(self, most: int, units: Sequence[int] = ()) -> int:
        """Wait for a turn; return how many items the request should have, at most `most`.

        `units` are the write units of each item, if there is a cap. One request waits for a time, the others
        wait for that request: what an answer tells counts for all later turns.
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
        """Note how many items of a request the table took, when it left some."""
        self._rate.took(items, left, asyncio.get_running_loop().time())

    @contextmanager
    def noting_refusal(self, items: int) -> Iterator[None]:
        """Note that the table left all items of the request in the block, if the block's error says so."""
        try:
            yield
        except Unavailable as error:
            if is_throttled(error):
                self.took(0, items)
            raise
