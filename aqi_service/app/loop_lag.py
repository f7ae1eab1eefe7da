"""How late the event loop is: the time of a wake-up, compared with the time at which it was due.

One rule: it only measures and reports; nothing is decided by it.
"""

import logging
import time
from collections.abc import Callable

from aqi_service.core.histogram import Histogram
from aqi_service.core.log_limit import LogLimiter
from aqi_service.shutdown import Stop

log = logging.getLogger("aqi_service")

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The edges, in seconds, by which wake-ups are counted; a lookup waits as long as the loop is late."""

EVERY_SECONDS = 0.1
"""Seconds between two wake-ups. A longer block of the loop is always seen, a shorter one often."""

LATE_SECONDS = 1.0
"""From this lateness (seconds) on there is a line in the log."""

QUIET_SECONDS = 60.0
"""There is at most one such line in this many seconds."""


class LoopLag(Histogram):
    """How late the wake-ups came, in seconds; `worst` is the greatest lateness."""

    __slots__ = ("worst",)

    def __init__(self) -> None:
        super().__init__(EDGES)
        self.worst = 0.0

    def note(self, value: float) -> None:
        """Count one wake-up."""
        super().note(value)
        self.worst = max(self.worst, value)


async def watch(lag: LoopLag, stop: Stop, clock: Callable[[], float] = time.monotonic) -> None:
    """Measure until `stop`; warn once a minute if the loop is more than LATE_SECONDS late."""
    lines = LogLimiter(1, QUIET_SECONDS)
    due = clock() + EVERY_SECONDS
    while not await stop.wait(EVERY_SECONDS):
        now = clock()
        late = max(0.0, now - due)
        lag.note(late)
        if late > LATE_SECONDS and lines.allow("loop_lag", now) is not None:
            log.warning("loop_lag", extra={"seconds": round(late, 1)})
        due = clock() + EVERY_SECONDS
