"""A database that nobody writes, in a folder where SQLite can make no files.

One rule: SQLite is told that the file never changes (`immutable`), so readers must compare its `state`.
"""

import sqlite3
from pathlib import Path

from aqi_service.errors import ConfigError

State = tuple[int, ...]

_REFUSALS = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
"""SQLite's errors if it needs `-wal` and `-shm` beside a file and can make neither."""


def is_refused(error: sqlite3.Error) -> bool:
    """Tell whether the error may mean that no file can be made beside the database."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _REFUSALS


def require_whole(file: Path) -> None:
    """Return if all records are in the file itself and no process writes it.

    A writing process has `-wal` and `-shm` open, and removes both when it ends. A `-wal` that was left cannot
    be read without a `-shm`: then this raises ConfigError.
    """
    log = _beside(file, "-wal")
    size = _size(log)
    if size is None or (size == 0 and _size(_beside(file, "-shm")) is None):
        return
    raise ConfigError(
        f"{file} cannot be read: some of it is in {log.name}. For that SQLite needs {file.name}-shm, "
        f"and cannot make it there: copy that file as well, or let this user write {file.parent}."
    )


def state(file: Path) -> State:
    """Return a value that changes when a process begins to write the file, or replaces it."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, _size(_beside(file, "-wal")) or 0)


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None
