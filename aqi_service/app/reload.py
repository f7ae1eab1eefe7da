"""Reads the files again at SIGHUP: those of TLS, and the list of sensors that are left out.

One rule: a file that cannot be used changes nothing, and one line of the log says why.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aqi_service.app.config import Config
from aqi_service.app.excluded import excluded_sensors, read_list
from aqi_service.certificates import Certificates
from aqi_service.core.exclusions import ExcludedSensors
from aqi_service.errors import ConfigError

log = logging.getLogger("aqi_service")

_AGAIN = "mend the file and send SIGHUP again"
_REMOVED = "what was removed is served again; was the file whole when it was read?"


@dataclass(slots=True)
class ReloadedFiles:
    """What was read, and can be read again.

    Attributes:
        tls: the certificates of TLS; None is plain TCP.
        excluded: the sensors that are left out.
        now: the wall clock, in epoch seconds.
        on_excluded: called when the set of left-out sensors changes.
    """

    tls: Certificates | None
    excluded: ExcludedSensors
    _list: Path | None
    now: Callable[[], float]
    on_excluded: Callable[[], None]

    def reload(self) -> None:
        """Read all files again, each independently of the others."""
        if self.tls is None and self._list is None:
            hint = "SIGHUP reads the files of TLS and --exclude-sensors again, and neither was given"
            log.info("reload_ignored", extra={"hint": hint})
        if self._list is not None:
            self._reload_list(self._list)
        if self.tls is not None:
            _reload_certificates(self.tls)

    def _reload_list(self, path: Path) -> None:
        before = self.excluded.ids
        try:
            self.excluded.replace(read_list(path), self.now())
        except ConfigError as error:
            log.warning(
                "exclusions_kept", extra={"error": str(error), "sensors": len(before), "hint": _AGAIN}
            )
            return
        now = self.excluded.ids
        sensors, added, removed = len(now), len(now - before), len(before - now)
        if removed:
            log.warning(
                "exclusions_reloaded",
                extra={"sensors": sensors, "added": added, "removed": removed, "hint": _REMOVED},
            )
        else:
            log.info("exclusions_reloaded", extra={"sensors": sensors, "added": added, "removed": removed})
        if now is not before:
            self.on_excluded()


def read_files(
    config: Config, now: Callable[[], float], on_excluded: Callable[[], None] = lambda: None
) -> ReloadedFiles:
    """Read a Config's files for the first time; raises ConfigError if one cannot be used."""
    tls = None
    if config.tls_cert is not None:
        tls = Certificates(config.tls_cert, config.tls_key, config.tls_client_ca)
    path = config.exclude_sensors if isinstance(config.exclude_sensors, Path) else None
    return ReloadedFiles(tls, excluded_sensors(config, now()), path, now, on_excluded)


def _reload_certificates(tls: Certificates) -> None:
    """Use new certificates; the present ones stay in use if the new ones are unusable."""
    try:
        tls.reload()
    except ConfigError as error:
        log.warning("certificates_kept", extra={"error": str(error), "hint": _AGAIN})
    else:
        log.info("certificates_reloaded")
