"""When to do something next: arithmetic on times that are arguments.

One rule: nothing here reads a clock or draws a random number; both are arguments.
"""

RETRY_FIRST = 60.0
"""Seconds until a failed load is first repeated; doubled with every further failure."""

JITTER = 0.1
"""Starts are spread over this part of the interval, so that not all installations ask at the same time."""

RETRY_AFTER_CAP = 3600.0
"""A source's own Retry-After is followed for at most this many seconds."""

BACKOFF_BASE, BACKOFF_CAP = 0.05, 20.0
"""Seconds: the upper edges of the first wait after a throttled request, and of the longest wait."""


def next_start(previous: float, now: float, interval: float, chance: float) -> float:
    """Return when the next load begins, after one that began at `previous`.

    `chance` in [0, 1) spreads it over the jitter. Missed starts are not made up for.
    """
    due = previous + interval
    if due < now:
        due = now + (interval - (now - previous) % interval) % interval
    return due + interval * JITTER * chance


def retry_start(
    now: float, failures: int, interval: float, retry_after: float | None, chance: float
) -> float:
    """Return when to load again after `failures` (1 or more) failed loads in a row: 1, 2, 4 ... minutes.

    It is never later than the interval, and never earlier than the source's Retry-After (capped).
    """
    wait = min(RETRY_FIRST * 2.0 ** min(failures - 1, 20) * (1 + JITTER * chance), interval)
    if retry_after is not None:
        wait = max(wait, min(retry_after, RETRY_AFTER_CAP))
    return now + wait


def full_jitter(attempt: int, chance: float, base: float = BACKOFF_BASE, cap: float = BACKOFF_CAP) -> float:
    """Return the seconds to wait before repetition `attempt` (from 1): anything up to an edge that doubles.

    Source: AWS Architecture Blog, Exponential Backoff And Jitter (2015), "full jitter".
    """
    return chance * min(cap, base * 2.0 ** min(attempt - 1, 30))
