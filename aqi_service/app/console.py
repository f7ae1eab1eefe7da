"""The progress of a load, for a person at a terminal.

One rule: it goes to stderr, and only if that is a terminal; a log or a pipe gets only whole lines. A stopped
terminal (Ctrl-S) gets none until it goes on.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from aqi_service.app.output import is_behind
from aqi_service.core.run_progress import RunProgress

EVERY_SECONDS = 0.2
BAR = 20
"""The bar's length in characters."""


class ProgressLine:
    """One line that is rewritten in place: a bar if the total is known, bytes, records and their rate.

    If there are several snapshots, it begins with how far `run` has come.
    """

    def __init__(self, stream: TextIO, now: Callable[[], float], run: RunProgress | None = None) -> None:
        self._stream = stream
        self._run = run
        self._now = now
        self._begun = now()
        self._shown = 0.0
        self._on = stream.isatty()
        self._width = 0

    def __call__(self, size: int, records: int, total: int | None = None) -> None:
        """Show how far the load has come: `size` bytes, of `total` if that is known."""
        now = self._now()
        if not self._on or now - self._shown < EVERY_SECONDS or is_behind(self._stream):
            return
        self._shown = now
        rate = records / max(now - self._begun, 0.001)
        share = size / total if total and size <= total else 0.0
        run = self._run.text(share, now - self._begun) if self._run else ""
        load = f"{_bar(size, total)}{size / 1e6:,.1f} MB, {records:,} records, {rate:,.0f} records/s"
        line = f"{run}  {load}" if run else load
        self._write(f"\r{line:<{self._width}}")
        self._width = len(line)

    def done(self) -> None:
        """Remove the line."""
        if self._width:
            self._write(f"\r{'':<{self._width}}\r")
            self._width = 0

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a terminal that is gone, or closed, costs no load
            self._stream.write(text)
            self._stream.flush()


def _bar(size: int, total: int | None) -> str:
    """Draw the share of the total; nothing if the total is not known, or was wrong."""
    if not total or size > total:
        return ""
    return f"[{'#' * (BAR * size // total):<{BAR}}] {100 * size // total:3} %  "
