"""Archive and table made ready before anything is loaded: tried until it is done once.

One rule: what waiting cannot mend ends the program at its start alone; later it is a line in the log.
"""

import logging
from random import random

from aqi_service.app.advice import fitting
from aqi_service.app.config import Config
from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.startup_checks import check
from aqi_service.core.schedule import full_jitter
from aqi_service.errors import AqiError, ConfigError, Unavailable
from aqi_service.shutdown import Stop
from aqi_service.storage.backend import Backend

log = logging.getLogger("aqi_service")

FIRST_SECONDS, CAP_SECONDS = 1.0, 60.0
"""Edges of the wait before it is tried again: 1, 2, 4 ... 60 s, with full jitter."""


class Preparation:
    """Makes, if that is asked for, and checks what a Config names; needs no lease, which is in the table."""

    def __init__(self, config: Config, backend: Backend, status: ServiceStatus) -> None:
        self._config, self._backend, self._status = config, backend, status
        self._is_done = False
        self._failures = 0
        self._said = ""
        self._lacks: set[str] = set()

    async def first(self) -> None:
        """Try once. Raises ConfigError for what waiting cannot mend; what may pass is logged."""
        try:
            await self._try()
        except Unavailable as error:
            self._failed(error)

    async def until_done(self, stop: Stop) -> None:
        """Try until it is done, or `stop`; what is in the way is logged once for as long as it stays."""
        while not (self._is_done or stop.is_set()):
            if self._failures and await stop.wait(self._pause()):
                return
            try:
                await stop.guard(self._try())
            except AqiError as error:
                self._failed(error)

    def _pause(self) -> float:
        return full_jitter(self._failures, random(), FIRST_SECONDS, CAP_SECONDS)  # noqa: S311  # spreads load

    async def _try(self) -> None:
        await check(self._config, self._backend, told=self._lacks)
        self._is_done = True
        self._status.failures = 0
        if self._failures:
            log.info("storage_usable")

    def _failed(self, error: AqiError) -> None:
        self._failures += 1
        if not self._config.serve_only:
            self._status.refused()
        said = fitting(self._config, error)
        if said == self._said:
            return
        self._said = said
        if isinstance(error, ConfigError):
            log.error("load_refused", extra={"error": said})
        else:
            log.warning("storage_unavailable", extra={"error": said})
