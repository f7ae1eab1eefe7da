"""Reads the list of sensors that are left out (`--exclude-sensors`).

One rule: a list that cannot be used raises ConfigError, which names the file and the line.
"""

import logging
import os
import stat
from contextlib import aclosing
from pathlib import Path

from aqi_service.app.config import Config
from aqi_service.core.exclusions import NO_SENSORS, ExcludedSensors, read_exclusions
from aqi_service.core.s3_urls import parse_s3
from aqi_service.errors import ConfigError
from aqi_service.storage.ports import Objects

log = logging.getLogger("aqi_service")

MOST_BYTES = 1024 * 1024
"""Largest list in bytes: a hundred thousand sensors, which hold the event loop for less than 0.1 s."""


def excluded_sensors(config: Config, now: float = 0.0) -> ExcludedSensors:
    """Read the list of sensors from a Config's file; raises ConfigError if it cannot be used.

    A server gives `now` (epoch seconds): loads before that may have used another list.
    """
    path = config.exclude_sensors
    return ExcludedSensors(read_list(path) if isinstance(path, Path) else NO_SENSORS, now)


async def read_list_in_s3(config: Config, objects: Objects | None, excluded: ExcludedSensors) -> None:
    """Read the list into `excluded`, if a Config names an object of S3.

    Raises ConfigError if it does not exist or cannot be used, FetchFailed if S3 does not answer.
    """
    url = config.exclude_sensors
    place = parse_s3(url) if isinstance(url, str) else None
    if place is None or objects is None:
        return
    await objects.look(*place)  # else what is not there would be waited for
    body = bytearray()
    async with aclosing(objects.read(*place)) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MOST_BYTES:
                break
    excluded.replace(_ids_in(bytes(body), f"--exclude-sensors {url}"), 0.0)  # nobody was on it before


def tell_excluded(config: Config, excluded: ExcludedSensors) -> None:
    """Log at the start how many sensors are left out, if a list is named."""
    if config.exclude_sensors is not None:
        log.info("exclusions_read", extra={"sensors": len(excluded.ids)})


def read_list(path: Path) -> frozenset[int]:
    """Read a list of sensors; raises ConfigError, which names the file and the line."""
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
    return _ids_in(text, named)


def _ids_in(text: bytes, named: str) -> frozenset[int]:
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{named} is larger than {MOST_BYTES >> 20} MiB")
    try:
        return read_exclusions(text.decode("utf-8-sig", "replace"))  # a note may be in another encoding
    except ConfigError as error:
        raise ConfigError(f"{named}: {error}") from error


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for the writer of a pipe: the event loop would wait as well."""
    return os.open(path, flags | os.O_NONBLOCK)
