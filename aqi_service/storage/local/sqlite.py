"""The SQLite file of the local store: its connections, transactions and rows.

One rule: everything here blocks, and runs on a worker thread of `store`.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson

from aqi_service.errors import AqiError, ConfigError, NoTableYet, Unavailable
from aqi_service.storage.local import additions, immutable
from aqi_service.storage.local.files import disk, locked, make_folder, sync_folder
from aqi_service.storage.local.statements import APPLICATION_ID, SCHEMAS

_LOAD_AGAIN = "move it away, and load again from the archive (--load-only --from archive --force)"
_GIVE_ACCESS = "let this user write it and its folder"

_TROUBLE: dict[int, tuple[type[AqiError], str]] = {
    sqlite3.SQLITE_BUSY: (Unavailable, "is in use by another process"),
    sqlite3.SQLITE_LOCKED: (Unavailable, "is in use by another process"),
    sqlite3.SQLITE_PROTOCOL: (Unavailable, "is in use by another process"),
    sqlite3.SQLITE_FULL: (Unavailable, "cannot grow, since the disk is full; free some space"),
    sqlite3.SQLITE_IOERR: (Unavailable, "cannot be read or written, since the disk answers with an error"),
    sqlite3.SQLITE_CANTOPEN: (ConfigError, f"cannot be opened; {_GIVE_ACCESS}"),
    sqlite3.SQLITE_PERM: (ConfigError, f"cannot be opened; {_GIVE_ACCESS}"),
    sqlite3.SQLITE_READONLY: (ConfigError, f"cannot be written; {_GIVE_ACCESS}"),
    sqlite3.SQLITE_NOTADB: (ConfigError, f"is no SQLite database; {_LOAD_AGAIN}"),
    sqlite3.SQLITE_ERROR: (
        ConfigError,
        f"has another form than this program gives it ({{error}}); {_LOAD_AGAIN}",
    ),
    sqlite3.SQLITE_CORRUPT: (ConfigError, f"is damaged; {_LOAD_AGAIN}"),
}


@contextmanager
def durable(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the block in one transaction, which survives a power cut with all earlier ones."""
    connection.execute("PRAGMA synchronous = FULL")
    with transaction(connection):
        yield
    connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Keep everything done in the block, or nothing; first wait for another process's transaction to end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def rows(
    connection: sqlite3.Connection, statement: str, values: Sequence[Any], fields: Iterable[str]
) -> Iterator[tuple[Any, ...]]:
    """Return the rows (these fields) that a statement selects, in its order.

    SQLite gives them as one JSON text: for single rows Python's module would release the interpreter's lock
    each time and wait for it, a millisecond a row beside a busy loop. Texts stay unchanged, also decimals.
    """
    as_one = f"SELECT json_group_array(json_array({', '.join(fields)})) FROM ({statement})"  # noqa: S608
    (text,) = connection.execute(as_one, values).fetchone()
    return map(tuple, orjson.loads(text))


class SqliteConnection:
    """One connection to the file: opened at its first use, and again when the file was replaced.

    One thread at a time uses it, not always the same. It waits `busy_seconds` for another writer.
    """

    def __init__(self, file: Path, *, read_only: bool, busy_seconds: float) -> None:
        self._file = file
        self._read_only = read_only
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._copy: immutable.State | None = None

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """Give the block the connection. After an error of SQLite, translated, the next use opens a new one.

        Raises Unavailable for faults that may pass, ConfigError for those that only a person can change,
        NoTableYet if nothing was stored yet.
        """
        try:
            yield self._current()
        except sqlite3.Error as error:
            self._require_same_copy()
            self.close()
            raise self._translated(error) from error
        self._require_same_copy()

    def close(self) -> None:
        """Close the connection; the next use would open another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._copy = None

    def _current(self) -> sqlite3.Connection:
        # A file that was deleted or replaced would go on being read and written, seen by nobody else.
        identity = self._identify()
        if self._connection is None or identity != self._identity or self._copy_changed():
            self.close()
            self._connection = self._open(exists=identity is not None)
            self._identity = identity or self._identify()
        return self._connection

    def _copy_changed(self) -> bool:
        with disk(f"{self._file} cannot be opened"):
            return self._copy is not None and immutable.state(self._file) != self._copy

    def _require_same_copy(self) -> None:
        """Raise Unavailable if a file that was read as one that never changes has changed meanwhile."""
        if self._copy_changed():
            self.close()
            raise Unavailable(f"{self._file} was changed while it was read.")

    def _identify(self) -> tuple[int, int] | None:
        with disk(f"{self._file} cannot be opened"):
            try:
                found = self._file.stat()
            except FileNotFoundError:
                return None
            return found.st_dev, found.st_ino

    def _open(self, *, exists: bool) -> sqlite3.Connection:
        if self._read_only and not exists:
            raise self._missing()
        with disk(f"{self._file} cannot be opened"):
            make_folder(self._file.parent)
            # Two at a time would meet a half made file, and SQLite does not wait when one goes over to WAL.
            with ExitStack() as stack:
                try:
                    stack.enter_context(locked(self._file.parent))
                except ConfigError:
                    if not self._read_only:  # which nobody makes where nothing can be locked
                        raise
                return self._connect_read_only() if self._read_only else self._connect("mode=rwc")

    def _connect_read_only(self) -> sqlite3.Connection:
        try:
            return self._connect("mode=ro")
        except sqlite3.Error as error:
            if not immutable.is_refused(error):
                raise
        immutable.require_whole(self._file)
        state = immutable.state(self._file)
        connection = self._connect("mode=ro&immutable=1")
        self._copy = state
        return connection

    def _connect(self, how: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._file.as_uri()}?{how}",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,  # transactions are ours, not guessed from the statements
            check_same_thread=False,  # readers go from thread to thread of a pool, but never two at a time
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        schema = self._schema(connection)  # before anything is changed: the file may be another program's
        if self._read_only:
            if schema < len(SCHEMAS):
                raise self._missing()
            additions.complete_for_reading(connection)
            return
        if not os.access(self._file, os.W_OK):  # SQLite opens it all the same, and says so at the first write
            raise ConfigError(f"{self._file} cannot be written; {_GIVE_ACCESS}.")
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise ConfigError(
                f"The file system of {self._file} lacks what SQLite needs: name a folder on a local disk."
            )
        connection.execute("PRAGMA synchronous = NORMAL")  # LocalStore.settle says why that is enough
        connection.execute("PRAGMA secure_delete = ON")  # always, or copies of rows stay that were moved
        connection.execute("PRAGMA journal_size_limit = 67108864")  # bytes the log keeps once it was larger
        if schema < len(SCHEMAS) or not additions.is_whole(connection):
            self._upgrade(connection, schema)

    def _schema(self, connection: sqlite3.Connection) -> int:
        owner, schema = (
            int(connection.execute(f"PRAGMA {key}").fetchone()[0])
            for key in ("application_id", "user_version")
        )
        if (owner, schema) == (0, 0) and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return 0
        if owner != APPLICATION_ID:
            raise ConfigError(
                f"{self._file} is another program's database: move it away, or name another folder."
            )
        if schema > len(SCHEMAS):
            raise ConfigError(
                f"{self._file} has schema {schema}, this version knows {len(SCHEMAS)}: install a newer one."
            )
        return schema

    def _upgrade(self, connection: sqlite3.Connection, schema: int) -> None:
        with transaction(connection):
            for statements in SCHEMAS[schema:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(SCHEMAS)}")
            additions.add(connection)
        sync_folder(self._file.parent)

    def _missing(self) -> NoTableYet:
        return NoTableYet(f"{self._file} holds no table yet: start a loader with that --local first.")

    def _translated(self, error: sqlite3.Error) -> AqiError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the primary code is the lowest byte
        kind, what = _TROUBLE.get(code, (Unavailable, "cannot be used ({error})"))
        return kind(f"{self._file} {what.format(error=error)}.")
