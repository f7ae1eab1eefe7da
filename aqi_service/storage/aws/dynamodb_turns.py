"""How many requests to the table may be under way: fewer while it throttles, more again when it does not.

One rule: who waits for the next try of a request keeps the turn, so that a table that takes little is asked
by few, and each of them gets on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Pace:
    """Turns, `most` at once; in order of asking. Halved by `slower`, and one more after as many `faster`.

    In one turn of the event loop one begins: to write a request takes milliseconds, for which lookups wait.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._under_way = 0
        self._admitting = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return int(self._limit)

    @property
    def is_crowded(self) -> bool:
        """Tell whether more are under way than may be now."""
        return self._under_way > self.limit

    def slower(self) -> None:
        """Note that the table did not take all of a request."""
        self._limit = max(1.0, self._limit / 2)

    def faster(self) -> None:
        """Note that it took all of one."""
        self._limit = min(float(self._most), self._limit + 1 / self._limit)
        self._admit()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it inside the block."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():  # cancelled while it waited, it never had one
                self._under_way -= 1
                self._admit()

    def _admit(self) -> None:
        """Let in whoever waits, the first of them soon."""
        if self._waiting and self._under_way < self.limit and not self._admitting:
            self._admitting = True
            asyncio.get_running_loop().call_soon(self._admit_one)

    def _admit_one(self) -> None:
        self._admitting = False
        while self._waiting and self._under_way < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)
                break
        self._admit()
