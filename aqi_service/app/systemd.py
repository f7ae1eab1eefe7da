"""Tells systemd about the service, by datagrams: ready, reloading, stopping, alive, and its state in words.

One rule: a service that systemd did not start sends nothing; a datagram that cannot be sent is a line in the
log, and a state that could not be sent is sent again with the next one.

Source: sd_notify(3), sd_watchdog_enabled(3), systemd.service(5).
"""

import asyncio
import logging
import math
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aqi_service.core.log_limit import LogLimiter
from aqi_service.core.report import LoadReport
from aqi_service.core.status_line import status_line
from aqi_service.shutdown import Stop

log = logging.getLogger("aqi_service")

STATUS_SECONDS = 60.0
"""How often (seconds) the service's state is sent; with a watchdog, a sign of life comes at least as
often."""

BEATS = 3
"""This many signs of life come within the time after which the service would count as dead."""

LEAST_SECONDS = 0.05
"""At least this many seconds lie between two, however short that time is: the event loop has other work."""

QUIET_SECONDS = 3600.0
"""Failures get at most one log line in this many seconds."""


class Systemd:
    """The supervisor, as the environment names it: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.

    Attributes:
        watchdog: seconds without a sign of life after which it ends the service; infinite if it never does.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        named = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + named[1:] if named.startswith("@") else named
        self._lines = LogLimiter(1, QUIET_SECONDS)
        self._is_ready = False
        self._owed: tuple[str, ...] = ()
        self.watchdog = _watchdog(environ) if named else math.inf

    def tell(self, *facts: str) -> None:
        """Send `NAME=value` lines as one datagram, without waiting: if there is no room, it is lost.

        A state that could not be sent goes before them, until there was room for it.
        """
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                sock.sendto("\n".join((*self._owed, *facts)).encode(), self._address)
        except OSError as error:
            if self._lines.allow("", time.monotonic()) is not None:
                log.warning("systemd_not_told", extra={"error": error.strerror or str(error)})
        else:
            self._owed = ()

    def ready(self, *facts: str) -> None:
        """Send that the service is ready, and these facts."""
        self._is_ready, self._owed = True, ("READY=1",)
        self.tell(*facts)

    def stopping(self, *facts: str) -> None:
        """Send that the service ends, and these facts: it is no longer ready."""
        self._is_ready, self._owed = False, ("STOPPING=1",)
        self.tell(*facts)

    def reloading(self, reload: Callable[[], None]) -> None:
        """Reload; if ready, with messages before (by the kernel's monotonic clock) and after."""
        if not self._is_ready:
            reload()
            return
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
        try:
            reload()
        finally:
            self.ready()


def _watchdog(environ: Mapping[str, str]) -> float:
    """Return the seconds of WATCHDOG_USEC; infinite if there are none, or for another process."""
    mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    usec = environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if mine and _USEC.fullmatch(usec) and int(usec) else math.inf


_USEC = re.compile("[0-9]{1,20}")
"""As many digits as 64 bits have; Python makes no number of very many more."""


class Health:
    """The service's state: the last load, and how old the data is.

    `newest` gives the time of the newest record (epoch seconds), if known; `load` is the text about loads
    before one has ended.
    """

    def __init__(self, newest: Callable[[], int | None], now: Callable[[], float], load: str) -> None:
        self._newest, self._now, self._load = newest, now, load

    def note(self, report: LoadReport | None) -> None:
        """Note how a load of the live feed ended; None means that archive or table refused it."""
        ended = time.strftime("%H:%M UTC", time.gmtime(self._now()))
        self._load = f"last load {'refused' if report is None else report.status} at {ended}"

    def line(self) -> str:
        """Return the service's state in one line."""
        return status_line(self._load, self._newest(), self._now())


async def beat(
    systemd: Systemd, health: Health, stop: Stop, clock: Callable[[], float] = time.monotonic
) -> None:
    """Send that the service is ready, its state and signs of life until `stop`; then that it ends.

    If the event loop's turn comes later than the watchdog allows, no sign of life is sent.
    """
    systemd.ready(f"STATUS={health.line()}")
    every = max(LEAST_SECONDS, min(STATUS_SECONDS, systemd.watchdog / BEATS))
    due = clock() + every
    while not await stop.wait(every):
        lives = systemd.watchdog < math.inf and clock() - due < systemd.watchdog
        systemd.tell(f"STATUS={health.line()}", *(("WATCHDOG=1",) if lives else ()))
        due = clock() + every
    systemd.stopping("STATUS=answering what was asked, then ending")


@asynccontextmanager
async def told(systemd: Systemd, health: Health, stop: Stop) -> AsyncIterator[None]:
    """Keep systemd informed inside the block, which begins when the service is ready."""
    beating = asyncio.create_task(beat(systemd, health, stop))
    try:
        yield
    finally:
        if not stop.is_set():
            beating.cancel()
        await asyncio.wait((beating,))
    if not beating.cancelled():
        beating.result()
