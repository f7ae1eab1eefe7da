"""Files and folders as sources: what a path stands for, seen before anything is loaded.

One rule: what is not there, or may not be read, is a ConfigError; whatever else a disk answers is left to the
reading.
"""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from aqi_service.core.s3_urls import is_snapshot_file
from aqi_service.core.snapshot_names import parse_name
from aqi_service.errors import ConfigError, MissingResource
from aqi_service.snapshots.sources import Seen, Source, archived_source, source_of
from aqi_service.storage.backend import SnapshotLocations

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG})
"""What looking for a path ends in when waiting cannot mend it."""


def is_folder(text: str) -> bool:
    """Tell whether a source is a folder; what cannot be looked at is none."""
    with suppress(OSError):
        return Path(text).is_dir()
    return False


def in_folder(text: str, places: SnapshotLocations) -> list[Source]:
    """Return the sources in a folder: what a shell's `*.json *.json.gz` finds there, in that order.

    Not so what `--local` keeps beside its snapshots: the folder may be one of its, or a copy.
    """
    folder = Path(text)
    try:
        paths = sorted(path for path in folder.iterdir() if _is_snapshot(path))
    except OSError as error:
        raise ConfigError(f"{_shown(text)} cannot be read: {error.strerror}") from error
    if not paths:
        raise MissingResource(f"{_shown(text)}: no file in it ends in .json or .json.gz: name another folder")
    return [file_source(str(path), places) for path in paths]


def file_source(text: str, places: SnapshotLocations) -> Source:
    """Return a file's source; one that lies in the archive is not archived again.

    Raises MissingResource if there is no such file, ConfigError if it may not be read.
    """
    path = Path(text)
    try:
        path.stat()
        reason = 0 if os.access(path, os.R_OK) else errno.EACCES
    except OSError as error:
        reason = error.errno or 0
    if reason in _ABSENT:
        raise MissingResource(f"{_shown(text)}: there is no such file")
    if reason in _REFUSED:
        raise ConfigError(f"{_shown(text)} cannot be read: {os.strerror(reason)}")
    archived = parse_name(path.name)
    if archived and places.folder and path.parent.resolve() == places.folder.resolve():
        return archived_source(places.archive, *archived)
    return replace(source_of(text), seen=_seen(path), look=partial(_look, path))


def _seen(path: Path) -> Seen | None:
    """Return what a file is now; None for a pipe, or what cannot be looked at."""
    with suppress(OSError):
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            return Seen(
                os.fsencode(path.absolute()).decode("utf-8", "backslashreplace"),
                found.st_size,
                str(found.st_mtime_ns),
            )
    return None


async def _look(path: Path) -> Seen | None:
    return _seen(path)


def _is_snapshot(path: Path) -> bool:
    return is_snapshot_file(path.name) and not path.name.startswith(".") and not path.is_dir()


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
