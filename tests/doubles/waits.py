"""How long the program waits between what it does, without waiting."""

import asyncio
from collections.abc import Iterable
from math import inf

from aqi_service.shutdown import Stop
from tests.doubles.faults.clock import HandClock


class Waits(Stop):
    """A Stop that waits for nothing and notes for how long it was to; set after `last` waits, if given."""

    def __init__(self, last: float = inf) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._last = last

    async def wait(self, seconds: float | None = None) -> bool:
        assert seconds is not None
        await asyncio.sleep(0)
        self.seconds.append(seconds)
        if len(self.seconds) > self._last:
            self.set()
        return self.is_set()


class Late(Stop):
    """A Stop whose waits move a clock, each by so much more than was asked; after the last it is set."""

    def __init__(self, clock: HandClock, seconds: Iterable[float]) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = iter(seconds)

    async def wait(self, seconds: float | None = None) -> bool:
        late = next(self._seconds, None)
        self._clock.advance((seconds or 0.0) + (late or 0.0))
        return late is None


def spread(seconds: float, least: float) -> bool:
    """Tell whether it is that wait, with at most a tenth of jitter (and some time that passed)."""
    return least - 2 <= seconds <= least * 1.1
