"""The list of sensors that are left out (`--exclude-sensors`), read.

One rule: a list that cannot be used is a ConfigError that names the file, and the line.
"""

import logging
import os
import stat
from pathlib import Path

from aqi_service.app.config import Config
from aqi_service.core.exclusions import NO_SENSORS, ExcludedSensors, read_exclusions
from aqi_service.errors import ConfigError

log = logging.getLogger("aqi_service")

MOST_BYTES = 1024 * 1024
"""Largest list of sensors: a hundred thousand of them, which hold the event loop for less than 0.1 s."""


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


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever writes into a pipe: the event loop would wait as well."""
    return os.open(path, flags | os.O_NONBLOCK)
