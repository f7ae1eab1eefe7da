"""Which of many lines of one kind are logged: a few in each window of time, then the number left out.

One rule: nothing here reads a clock or writes a line; the time is an argument.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class _Window:
    """When it began, how many lines came in it, and how many of these were left out."""

    since: float
    lines: int = 0
    left_out: int = 0


class LogLimiter:
    """Lets `most` lines of each kind through in `seconds`, counted from the first; the kinds are few."""

    def __init__(self, most: int, seconds: float = 60.0) -> None:
        self._most = most
        self._seconds = seconds
        self._windows: dict[str, _Window] = {}

    def allow(self, kind: str, now: float) -> int | None:
        """Return how many lines the last window left out, mostly 0; None if this line must be left out."""
        window = self._windows.get(kind)
        untold = 0
        if window is None or now - window.since >= self._seconds:
            untold = window.left_out if window else 0
            window = self._windows[kind] = _Window(now)
        window.lines += 1
        if window.lines > self._most:
            window.left_out += 1
            return None
        return untold

    def drain_suppressed(self) -> dict[str, int]:
        """Return, by kind, how many left-out lines are not reported yet; start again at 0."""
        untold = {kind: window.left_out for kind, window in self._windows.items() if window.left_out}
        self._windows.clear()
        return untold
