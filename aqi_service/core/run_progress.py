"""How far a run over several snapshots has come, and how long it will still take.

One rule: a snapshot that was not read took no time, and says nothing about the time of the others.
"""

from aqi_service.core.status_line import age_text

LEAST_SHARE = 0.1
"""A smaller share of the first snapshot says nothing about the time."""


class RunProgress:
    """Counts the snapshots of a run; there are `of` in all."""

    def __init__(self, of: int) -> None:
        self._of = of
        self._passed = self._loaded = 0
        self._seconds = 0.0

    def skip(self) -> None:
        """Count a snapshot that was not read."""
        self._passed += 1

    def load(self, seconds: float) -> None:
        """Count a snapshot that was loaded in this many seconds."""
        self._passed += 1
        self._loaded += 1
        self._seconds += seconds

    def text(self, share: float, seconds: float) -> str:
        """Say which snapshot loads, and what is left; `share` (0 to 1) of it took this many seconds.

        For a single snapshot the text is empty.
        """
        if self._of == 1:
            return ""
        which = f"{self._passed + 1:,} of {self._of:,}"
        loaded = self._loaded + share
        if loaded < LEAST_SHARE:
            return which
        left = (
            (self._seconds + (seconds if share else 0.0)) / loaded * max(0.0, self._of - self._passed - share)
        )
        return f"{which}, {age_text(left)} left"
