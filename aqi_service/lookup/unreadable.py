"""What a reader is told if the table cannot be read, and the log line about it.

One rule: the reader gets a sentence of this file; only the log says what went wrong inside.
"""

import asyncio
import logging
from collections.abc import Mapping
from types import MappingProxyType

from aqi_service.core.log_limit import LogLimiter
from aqi_service.errors import MissingIndex, NoAnswer, NoTableYet

log = logging.getLogger("aqi_service")

NO_SNAPSHOT = "no snapshot yet (the first one is being loaded, or read; try again later)"

QUIET_SECONDS = 60.0
"""A table that cannot be read is logged at most once in this many seconds."""

_CANNOT_READ = "the table cannot be read now; try again later"
_SENTENCES: Mapping[type[Exception], str] = MappingProxyType(
    {
        MissingIndex: "the table has no index by sensor, so it cannot tell: its owner adds it with --create",
        NoTableYet: NO_SNAPSHOT,
        TimeoutError: "there was no answer in time; try again later",
    }
)
"""Sentences for errors about which a reader can do more than try again."""


class UnreadableTable:
    """Reports errors of the table; each kind of log line comes at most once in QUIET_SECONDS."""

    def __init__(self) -> None:
        self._lines = LogLimiter(1, QUIET_SECONDS)

    def told(self, error: Exception) -> NoAnswer:
        """Return the reader's sentence; log the error. A table that nobody has filled yet is no fault."""
        now = asyncio.get_running_loop().time()  # the wall clock may be set back, and be quiet for long
        if not isinstance(error, NoTableYet) and self._lines.allow("lookup_failed", now) is not None:
            log.warning("lookup_failed", extra={"error": str(error) or "no answer in time"})
        return NoAnswer(_SENTENCES.get(type(error), _CANNOT_READ))
