"""Counts connections that a server cut or refused, and logs some of them.

One rule: all are counted; of many with one reason only some get a line, so a flood of peers does not flood
the log.
"""

import asyncio
import logging

from aqi_service.core.log_limit import LogLimiter
from aqi_service.server.connection import Connection
from aqi_service.server.limits import ServerCounts
from aqi_service.server.replies import shown

log = logging.getLogger("aqi_service")

CUT_LINES = 20
"""Log lines a minute about cut connections, for each reason; the others are only counted."""


class ConnectionLog:
    """Logs cuts and refusals, and counts them in `counts`."""

    def __init__(self, counts: ServerCounts) -> None:
        self._counts = counts
        self._cut_lines, self._refusal_lines = LogLimiter(CUT_LINES), LogLimiter(1)

    def cut(self, connection: Connection, reason: str, error: BaseException) -> None:
        """Count a connection that was cut, and log it: for each reason CUT_LINES a minute."""
        self._counts.cut[reason] += 1
        left_out = self._cut_lines.allow(reason, asyncio.get_running_loop().time())
        if left_out is None:
            return
        if left_out:
            _tell_left_out(reason, left_out)
        start = shown(connection.start(80))
        log.info(
            "connection_cut",
            extra={"peer": connection.peer, "reason": reason, "error": str(error), "start": start},
        )

    def refused(self, connection: Connection, reason: str) -> None:
        """Count a connection that was refused; warn of each reason once a minute."""
        self._counts.refused[reason] += 1
        if self._refusal_lines.allow(reason, asyncio.get_running_loop().time()) is not None:
            log.warning(
                "connections_refused",
                extra={"peer": connection.peer, "reason": reason, "open": self._counts.open},
            )

    def close(self) -> None:
        """Log how many cuts had no line."""
        for reason, left_out in self._cut_lines.drain_suppressed().items():
            _tell_left_out(reason, left_out)


def _tell_left_out(reason: str, count: int) -> None:
    log.info("cuts_not_logged", extra={"reason": reason, "count": count, "most_a_minute": CUT_LINES})
