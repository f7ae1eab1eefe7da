"""Makes archive and table ready before anything is loaded: tries until that succeeds once.

One rule: a fault that waiting cannot mend ends the program only at its start; later it is a log line.
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
"""Edges of the wait before the next try: 1, 2, 4 ... 60 s, with full jitter."""


class Preparation:
    """Makes (if wanted) and checks what a Config names; it needs no lease, since that is in the table."""

    def __init__(self, config: Config, backend: Backend, status: ServiceStatus) -> None:
        self._config, self._backend, self._status = config, backend, status
        self._is_done = False
        self._failures = 0
        self._said = ""
        self._lacks: set[str] = set()

    async def first(self) -> None:
        """Try once. Raises ConfigError for a fault that waiting cannot mend; others are logged."""
        try:
            await self._try()
        except Unavailable as error:
            self._failed(error)

    async def until_done(self, stop: Stop) -> None:
        """Try until it is done, or until `stop`; a reason that stays is logged once."""
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
