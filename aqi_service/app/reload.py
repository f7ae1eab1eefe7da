"""The files that SIGHUP reads again: those of TLS, and the list of sensors that are left out.

One rule: a file that cannot be used changes nothing, and one line of the log says why.
"""

import logging
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aqi_service.app.config import Config
from aqi_service.certificates import Certificates
from aqi_service.core.exclusions import NO_SENSORS, ExcludedSensors, read_exclusions
from aqi_service.errors import ConfigError

log = logging.getLogger("aqi_service")

MOST_BYTES = 16 * 1024 * 1024
"""Largest list of sensors: a million of them, with a note beside each."""

_AGAIN = "mend the file and send SIGHUP again"


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
        if self.tls is not None:
            _reload_certificates(self.tls)
        if self._list is not None:
            self._reload_list(self._list)

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
        log.info(
            "exclusions_reloaded",
            extra={"sensors": len(now), "added": len(now - before), "removed": len(before - now)},
        )
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


def read_list(path: Path) -> frozenset[int]:
    """Read a list of sensors; raises ConfigError that names the file, and the line."""
    named = f"--exclude-sensors {path}"
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe could be read once, and might hold the loop up
            raise ConfigError(f"{named} is no file")
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
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
