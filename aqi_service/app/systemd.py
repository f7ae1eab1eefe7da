"""What systemd is told of the service, by datagrams: ready, reloading, stopping, alive, and how it is.

One rule: whoever is not started by systemd tells nobody; what cannot be told is a line in the log, and a
state that could not be told is told again with what comes next.

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
"""How often it is told how the service is, and at the least, where it watches, that it is alive."""

BEATS = 3
"""So many signs of life fit into the time after which the service would be taken for dead."""

LEAST_SECONDS = 0.05
"""There are no more of them, however short that time is: the event loop has other work."""

QUIET_SECONDS = 3600.0
"""There is at most one line in so long of what could not be told."""


class Systemd:
    """The supervisor, as the environment names it: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.

    Attributes:
        watchdog: seconds without a sign of life after which it ends the service; infinite where it does not.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        named = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + named[1:] if named.startswith("@") else named
        self._lines = LogLimiter(1, QUIET_SECONDS)
        self._is_ready = False
        self._owed: tuple[str, ...] = ()
        self.watchdog = _watchdog(environ) if named else math.inf

    def tell(self, *facts: str) -> None:
        """Send `NAME=value` lines as one datagram, without waiting: what finds no room is lost.

        The state that is owed goes before them, until it has found room.
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
        """Tell that the service is ready, and these facts."""
        self._is_ready, self._owed = True, ("READY=1",)
        self.tell(*facts)

    def stopping(self, *facts: str) -> None:
        """Tell that the service ends, and these facts: it is not ready any more."""
        self._is_ready, self._owed = False, ("STOPPING=1",)
        self.tell(*facts)

    def reloading(self, reload: Callable[[], None]) -> None:
        """Reload, with word before, by the kernel's monotonic clock, and after; none unless it is ready."""
        if not self._is_ready:
            reload()
            return
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
        try:
            reload()
        finally:
            self.ready()


def _watchdog(environ: Mapping[str, str]) -> float:
    """Return the seconds of WATCHDOG_USEC; infinite where they are none, or are meant for another process."""
    mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    usec = environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if mine and _USEC.fullmatch(usec) and int(usec) else math.inf


_USEC = re.compile("[0-9]{1,20}")
"""As many digits as its 64 bits have; of more Python would make no number."""


class Health:
    """How the service is: the last load, and how old the data is.

    `newest` gives when the newest record was measured (epoch seconds), if that is known; `load` is what is
    said of loads before one has ended.
    """

    def __init__(self, newest: Callable[[], int | None], now: Callable[[], float], load: str) -> None:
        self._newest, self._now, self._load = newest, now, load

    def note(self, report: LoadReport | None) -> None:
        """Note how a load of the live feed ended; None is one that archive or table refused."""
        ended = time.strftime("%H:%M UTC", time.gmtime(self._now()))
        self._load = f"last load {'refused' if report is None else report.status} at {ended}"

    def line(self) -> str:
        """Say how the service is."""
        return status_line(self._load, self._newest(), self._now())


async def beat(
    systemd: Systemd, health: Health, stop: Stop, clock: Callable[[], float] = time.monotonic
) -> None:
    """Tell that the service is ready, how it is and that it lives, until `stop`; then that it ends.

    A turn of the event loop that comes later than the watchdog allows is no sign of life.
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
    """Have systemd told inside the block, which begins when the service is ready."""
    beating = asyncio.create_task(beat(systemd, health, stop))
    try:
        yield
    finally:
        if not stop.is_set():
            beating.cancel()
        await asyncio.wait((beating,))
    if not beating.cancelled():
        beating.result()
