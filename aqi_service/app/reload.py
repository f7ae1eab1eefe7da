"""The files that SIGHUP reads again: those of TLS, and the list of sensors that are left out.

One rule: a file that cannot be used changes nothing, and one line of the log says why.
"""

import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aqi_service.app.config import Config
from aqi_service.certificates import Certificates
from aqi_service.core.exclusions import NO_SENSORS, ExcludedSensors, read_exclusions
from aqi_service.errors import ConfigError

log = logging.getLogger("aqi_service")

MOST_BYTES = 1024 * 1024
"""Largest list of sensors: a hundred thousand of them, which hold the event loop for less than 0.1 s."""

_AGAIN = "mend the file and send SIGHUP again"
_REMOVED = "what was removed is served again; was the file whole when it was read?"


@dataclass(slots=True)
class ReloadedFiles:
    """What was read, and is read again.

    Attributes:
        tls: what TLS is served with; None is plain TCP.
        excluded: the sensors that are left out.
        on_excluded: called when other sensors are left out than before.
    """

    tls: Certificates | None
    excluded: ExcludedSensors
    _list: Path | None
    on_excluded: Callable[[], None]

    def reload(self) -> None:
        """Read all of them again, each whatever becomes of the others."""
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
            self.excluded.replace(read_list(path))
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


def read_files(config: Config, on_excluded: Callable[[], None] = lambda: None) -> ReloadedFiles:
    """Read what a Config names for the first time; raises ConfigError for what cannot be used."""
    tls = None
    if config.tls_cert is not None:
        tls = Certificates(config.tls_cert, config.tls_key, config.tls_client_ca)
    return ReloadedFiles(tls, excluded_sensors(config), config.exclude_sensors, on_excluded)


def excluded_sensors(config: Config) -> ExcludedSensors:
    """Read which sensors a Config leaves out; raises ConfigError for a list that cannot be used."""
    path = config.exclude_sensors
    return ExcludedSensors(NO_SENSORS if path is None else read_list(path))


def tell_excluded(config: Config, excluded: ExcludedSensors) -> None:
    """Log how many sensors are left out, as the program begins, where a list is named."""
    if config.exclude_sensors is not None:
        log.info("exclusions_read", extra={"sensors": len(excluded.ids)})


def read_list(path: Path) -> frozenset[int]:
    """Read a list of sensors; raises ConfigError that names the file, and the line."""
    named = f"--exclude-sensors {path}"
    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe could be read but once
                raise ConfigError(f"{named} is no file")
            text = file.read(MOST_BYTES + 1)
    except IsADirectoryError as error:
        raise ConfigError(f"{named} is no file") from error
    except OSError as error:
        raise ConfigError(f"{named} cannot be read: {error.strerror}") from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{named} is larger than {MOST_BYTES >> 20} MiB")
    try:
        return read_exclusions(text.decode("utf-8-sig", "replace"))  # a note may be in another encoding
    except ConfigError as error:
        raise ConfigError(f"{named}: {error}") from error


def _reload_certificates(tls: Certificates) -> None:
    """Take up new certificates; those of now stay in use where the new ones are no good."""
    try:
        tls.reload()
    except ConfigError as error:
        log.warning("certificates_kept", extra={"error": str(error), "hint": _AGAIN})
    else:
        log.info("certificates_reloaded")


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever writes into a pipe: the event loop would wait as well."""
    return os.open(path, flags | os.O_NONBLOCK)
