"""Files and folders as sources: what a path means, checked before anything is loaded.

One rule: a path that does not exist, or may not be read, is a ConfigError; other errors of the disk come
later, from reading.
"""

import errno
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from aqi_service.core.day_names import EXAMPLE, parse_day_name
from aqi_service.core.s3_urls import is_snapshot_file
from aqi_service.core.snapshot_names import parse_name
from aqi_service.errors import ConfigError, MissingResource
from aqi_service.snapshots.day_folders import DayFolder, PlainDayFolder
from aqi_service.snapshots.day_packs import is_pack, packed_folder
from aqi_service.snapshots.sources import Seen, Source, archived_source, source_of
from aqi_service.storage.backend import SnapshotLocations

log = logging.getLogger("aqi_service")

SourceOrFolder = Source | DayFolder
"""The meaning of a text: a snapshot, or a folder of daily files, whose days are sources."""

CSV_ENDINGS = (".csv", ".csv.gz")

DAYS_DEPTH = 3
"""How deep a folder is searched for daily files: the network's archive has them in YEAR/DAY."""

NO_DAYS = f"no daily file ({EXAMPLE}, also .gz, tar or zip)"

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG})
"""Errors of a look at a path that waiting cannot mend."""


def is_folder(text: str) -> bool:
    """Tell whether a source is a folder; False if that cannot be checked."""
    with suppress(OSError):
        return Path(text).is_dir()
    return False


def in_folder(text: str, locations: SnapshotLocations) -> list[SourceOrFolder]:
    """Return the sources in a folder: those of a shell's `*.json *.json.gz`, and daily files.

    Daily files may be some folders deeper, or in tars and zips. Files that `--local` keeps beside its
    snapshots are left out: the folder may be one of its own, or a copy.
    """
    folder = Path(text)
    try:
        paths = sorted(path for path in folder.iterdir() if _is_snapshot(path))
        days = list(_day_folders(folder))
    except OSError as error:
        raise ConfigError(f"{_shown(text)} cannot be read: {error.strerror}") from error
    if not (paths or days):
        raise empty_folder(text)
    return [*(file_source(str(path), locations) for path in paths), *days]


def empty_folder(text: str) -> MissingResource:
    """Return the sentence for a folder with nothing to load."""
    return MissingResource(
        f"{_shown(text)}: no file in it ends in .json or .json.gz, and there is {NO_DAYS}: "
        "name another folder"
    )


def _day_folders(folder: Path, depth: int = 0) -> Iterator[DayFolder]:
    """Give the folders of daily files inside a folder, itself first; an unreadable one has none."""
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        log.warning("folder_unreadable", extra={"folder": _shown(str(folder)), "error": error.strerror})
        return
    if any(parse_day_name(path.name) for path in inside):
        yield PlainDayFolder(folder)
    yield from (packed_folder(path) for path in inside if is_pack(path.name) and path.is_file())
    if depth < DAYS_DEPTH:
        for path in inside:
            if path.is_dir() and not path.is_symlink():
                yield from _day_folders(path, depth + 1)


def file_source(text: str, locations: SnapshotLocations) -> SourceOrFolder:
    """Return a file's source, or its folder if it is a daily file, a tar or a zip.

    A file in the archive is not archived again. Raises MissingResource if there is no such file, ConfigError
    if it may not be read, or is another kind of CSV.
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
    if folder := _day_folder(path):
        return folder
    archived = parse_name(path.name)
    if archived and locations.folder and path.parent.resolve() == locations.folder.resolve():
        return archived_source(locations.archive, *archived)
    return replace(source_of(text), seen=_seen(path), look=partial(_look, path))


def _seen(path: Path) -> Seen | None:
    """Return the state of a file now; None for a pipe, or if that cannot be checked."""
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


def _day_folder(path: Path) -> DayFolder | None:
    """Return the folder of daily files for a file: only itself, or a tar or zip."""
    if parse_day_name(path.name):
        return PlainDayFolder(path.parent, path.name)
    if is_pack(path.name):
        return packed_folder(path)
    if path.name.lower().endswith(CSV_ENDINGS):
        raise ConfigError(f"{_shown(str(path))}: of CSVs only daily files are loaded, named like {EXAMPLE}")
    return None


def _is_snapshot(path: Path) -> bool:
    """Tell by its name whether a file is a snapshot; never a pipe or device, which may stall for ever."""
    return is_snapshot_file(path.name) and not path.name.startswith(".") and not _is_special(path)


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
