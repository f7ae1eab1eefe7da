"""How far a run over several snapshots has come, and how long it will take yet.

One rule: what was not read took no time, and says nothing of how long the others take.
"""

from aqi_service.core.status_line import age_text

LEAST_SHARE = 0.1
"""Less of a first snapshot than this says nothing of the time."""


class RunProgress:
    """Counts the snapshots of a run, of which there are `of`."""

    def __init__(self, of: int) -> None:
        self._of = of
        self._passed = self._loaded = 0
        self._seconds = 0.0

    def skip(self) -> None:
        """Count a snapshot that was not read."""
        self._passed += 1

    def load(self, seconds: float) -> None:
        """Count one that was loaded in so many seconds."""
        self._passed += 1
        self._loaded += 1
        self._seconds += seconds

    def text(self, share: float, seconds: float) -> str:
        """Say which is being loaded, and what is left; of this one `share` (0 to 1) took so many seconds.

        Of a lone one there is nothing to say.
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
