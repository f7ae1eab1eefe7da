"""The store on one machine: items by id in SQLite, with one writer, and readers that never wait for it.

One rule: the event loop never waits for SQLite; every statement runs on a worker thread, over `sqlite`.
"""

import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from aqi_service.core.clocks import counts_until
from aqi_service.core.items import Item
from aqi_service.storage.lease import no_guard
from aqi_service.storage.local.sensor_pages import from_some, of_sensor
from aqi_service.storage.local.sqlite import SqliteConnection, durable, rows, transaction
from aqi_service.storage.local.statements import (
    ADD_RECEIPT,
    DELETE_OF_SENSOR,
    EXPIRE,
    GET,
    HAS_RECEIPT,
    IDENTITY,
    PUT,
    PUT_UNLESS_NEWER,
    SETTLE,
    from_row,
    get_many,
    row_id,
    to_row,
)
from aqi_service.storage.local.threads import Threads
from aqi_service.storage.ports import Judged, PutResult
from aqi_service.storage.sensor_reads import SensorPage, SensorRange

FILE = "air_quality.db"
"""The database's name in the folder; SQLite keeps `-wal` and `-shm` beside it."""

_READERS = 4
_EXPIRE_BATCH = 1000  # rows of one transaction, some milliseconds, so that writers get in between


class LocalStore:
    """Items in FOLDER/air_quality.db; keeps the port `storage.Store`.

    Several processes may have it open at the same time. With `read_only` it creates and changes nothing.
    `busy_seconds` is how long a statement waits for another process's transaction before it raises
    Unavailable.
    """

    items_per_second: float | None = None

    def __init__(self, folder: Path, *, read_only: bool = False, busy_seconds: float = 5.0) -> None:
        file = folder.absolute() / FILE
        self._writer = SqliteConnection(file, read_only=read_only, busy_seconds=busy_seconds)
        self._new_reader = partial(SqliteConnection, file, read_only=True, busy_seconds=busy_seconds)
        self._idle_readers: deque[SqliteConnection] = deque()
        self._writing = Threads(1, "table", at_end=self._writer.close)
        self._reading = Threads(_READERS, "table", at_end=self._close_readers)

    async def check(self) -> None:
        """Create the table if it is missing, and read from it.

        Raises MissingResource if it is missing and `read_only`, ConfigError for a file that cannot be used or
        has a newer schema, Unavailable while it is locked or the disk full.
        """
        await self._writing.run(self._read, ())
        await self._reading.run(self._get, 0)

    async def identity(self) -> str:
        """Return the random text that the table got when it was made; a copied file keeps it."""
        return await self._writing.run(self._identity)

    async def get(self, record_id: str) -> Item | None:
        """Return one item as the last finished `put` left it, without waiting for a current one."""
        number = row_id(record_id)
        return None if number is None else await self._reading.run(self._get, number)

    async def get_many(self, ids: Sequence[str]) -> Mapping[str, Item | None]:
        """Return items as `get` does, in one query."""
        found = await self._reading.run(self._get_many, _row_ids(ids))
        return {each: found.get(each) for each in ids}

    async def read(self, ids: Sequence[str]) -> Mapping[str, Item]:
        """Return the items with up to READ_LIMIT ids, after all earlier writes; absent ones are left out."""
        return await self._writing.run(self._read, _row_ids(ids))

    async def sensor_page(self, asked: SensorRange, ages: float, position: Any = None) -> SensorPage:
        """Return a page as the last finished `put` left it; the position is the last row's time and id."""
        return await self._reading.run(self._sensor_page, asked, ages, position)

    async def put(
        self,
        items: Sequence[Item],
        *,
        conditional: bool,
        guard: Callable[[], None] = no_guard,
        judged: Judged | None = None,
    ) -> PutResult:
        """Write up to READ_LIMIT items in one transaction; if cancelled, it has written all or nothing.

        With `conditional`, or `judged`, newer items stay: another process may have written them while this
        transaction waited. Raises Unavailable, and has written nothing, if another process writes for longer
        than `busy_seconds` or the disk is full.
        """
        compares = conditional or judged is not None
        return await self._writing.run(self._put, items, guard, compares)

    async def delete_of_sensor(self, sensor_id: int, ids: Sequence[str]) -> int:
        """Delete in one transaction; zeros overwrite the rows' bytes, as with every deletion."""
        return await self._writing.run(self._delete_of_sensor, sensor_id, _row_ids(ids))

    async def settle(self) -> None:
        """Return when everything that was put survives a power cut.

        While loading, `synchronous = NORMAL` lets a commit return before its pages in the write-ahead log are
        on the disk. One commit under FULL ends with an fsync of the whole log, and so brings every commit
        before it down as well. Pages that left the log earlier are safe too: under NORMAL, a checkpoint syncs
        the database before the log may start over. A checkpoint alone would not do, since it syncs nothing
        when a reader keeps it from going on. Sources: https://www.sqlite.org/pragma.html#pragma_synchronous,
        and sqlite3WalFrames() and walCheckpoint() in SQLite's wal.c.
        """
        await self._writing.run(self._settle)

    async def receipt(self) -> str | None:
        """Store a new random text, and return it when it survives a power cut."""
        return await self._writing.run(self._receipt)

    async def known_receipts(self, receipts: Collection[str | None]) -> frozenset[str | None]:
        """Return which of the texts the file has; a load without a text may be missing from the file."""
        return await self._writing.run(self._known_receipts, receipts)

    async def expire(self, now: int) -> int:
        """Delete the items whose `expires_at` (epoch seconds) is not after `now`; return how many."""
        deleted = last = await self._writing.run(self._expire, now)
        while last == _EXPIRE_BATCH:
            last = await self._writing.run(self._expire, now)
            deleted += last
        return deleted

    async def close(self) -> None:
        """Let work that has begun end, then release connections and threads; may be called again."""
        try:
            await self._reading.close()
        finally:
            await self._writing.close()

    def _identity(self) -> str:
        with self._writer.use() as connection:
            return str(connection.execute(IDENTITY).fetchone()[0])

    def _get(self, number: int) -> Item | None:
        with self._reader() as connection:
            row = connection.execute(GET, (number,)).fetchone()
        return None if row is None else from_row(row)

    def _get_many(self, numbers: Sequence[int]) -> Mapping[str, Item]:
        with self._reader() as connection:
            return _items(connection, numbers)

    def _sensor_page(self, asked: SensorRange, ages: float, position: Any) -> SensorPage:
        with self._reader() as connection:
            found = rows(connection, *of_sensor(asked, ages, position), asked.wanted)
        items = [from_some(asked.wanted, row) for row in found]
        whole = len(items) == asked.limit
        return SensorPage(items, (items[-1].measured_at, int(items[-1].id)) if whole else None)

    def _read(self, numbers: Sequence[int]) -> Mapping[str, Item]:
        with self._writer.use() as connection:
            return _items(connection, numbers)

    def _put(self, items: Sequence[Item], guard: Callable[[], None], compares: bool) -> PutResult:
        superseded: set[str] = set()
        refused: dict[str, str] = {}
        with self._writer.use() as connection, transaction(connection):
            guard()  # inside: the transaction may have waited for another process's
            statement = PUT_UNLESS_NEWER if compares else PUT
            until = (counts_until(time.time()),) if compares else ()
            for item in items:
                try:
                    if not connection.execute(statement, to_row(item) + until).rowcount:
                        superseded.add(item.id)
                except (ValueError, OverflowError, sqlite3.IntegrityError) as error:
                    # a surrogate, an integer over 64 bits, a trigger that somebody added
                    refused[item.id] = str(error)
        return PutResult(frozenset(superseded), refused)

    def _delete_of_sensor(self, sensor_id: int, numbers: Sequence[int]) -> int:
        rows = [(number, str(sensor_id)) for number in numbers]
        with self._writer.use() as connection, transaction(connection):
            return connection.executemany(DELETE_OF_SENSOR, rows).rowcount

    def _settle(self) -> None:
        with self._writer.use() as connection:
            with durable(connection):
                connection.execute(SETTLE)  # a commit that changes nothing would sync nothing
            # Not for durability: it lets the log start over, and PASSIVE never makes others wait.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _receipt(self) -> str:
        receipt = secrets.token_hex(8)
        with self._writer.use() as connection, durable(connection):
            connection.execute(ADD_RECEIPT, (receipt,))
        return receipt

    def _known_receipts(self, receipts: Collection[str | None]) -> frozenset[str | None]:
        with self._writer.use() as connection:
            return frozenset(each for each in receipts if connection.execute(HAS_RECEIPT, (each,)).fetchone())

    def _expire(self, now: int) -> int:
        with self._writer.use() as connection, transaction(connection):
            return connection.execute(EXPIRE, (now, _EXPIRE_BATCH)).rowcount

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        # At most as many as there are threads, each lent to one of them at a time.
        try:
            link = self._idle_readers.pop()
        except IndexError:
            link = self._new_reader()
        try:
            with link.use() as connection:
                yield connection
        finally:
            self._idle_readers.append(link)

    def _close_readers(self) -> None:
        for link in self._idle_readers:
            link.close()


def _items(connection: sqlite3.Connection, numbers: Sequence[int]) -> Mapping[str, Item]:
    found = rows(connection, get_many(len(numbers)), numbers, Item._fields)
    return {item.id: item for item in map(from_row, found)}


def _row_ids(ids: Sequence[str]) -> list[int]:
    return [number for each in ids if (number := row_id(each)) is not None]
