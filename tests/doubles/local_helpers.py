"""What the tests of the storage on one machine share: one snapshot, a database, and disks that refuse.

One rule: a limit or a refusal set here ends with its block or its test.
"""

import asyncio
import os
import random
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from aqi_service.core.items import Item
from aqi_service.storage.local.archive import LocalArchive
from aqi_service.storage.local.store import LocalStore
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.snapshot_name import NAME
from tests.doubles.storage_items import FULL

INFO = SnapshotInfo("a.json", "load-1", '"e"', "Wed, 20 Dec 2023 17:00:00 GMT")
SIDECAR = "data_20_12_23_18_55.meta.json"
WHOLE = {f"{NAME}.gz", SIDECAR}
STEPS = ("fsync", "link", "replace", "unlink")  # what of `os` a snapshot takes to appear
BODY = b'[{"id": 1}]' * 20_000
INCOMPRESSIBLE = random.Random(1).randbytes(2_000_000)  # noqa: S311 (a body that no compression shortens)


async def keep(archive: LocalArchive, body: bytes = BODY, name: str = NAME) -> None:
    async with archive.upload(name, INFO) as upload:
        for at in range(0, len(body), 10_000):
            await upload.write(body[at : at + 10_000])
        await upload.complete()


async def bytes_of(archive: LocalArchive, name: str = NAME, offset: int = 0) -> bytes:
    return b"".join([piece async for piece in archive.read(name, offset)])


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def failing(code: int) -> Any:
    """Give a function that the operating system refuses."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return refuse


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process grow past `size` bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@asynccontextmanager
async def opened(folder: Path, *, read_only: bool = False) -> AsyncIterator[LocalStore]:
    """Open a store that nobody has checked."""
    store = LocalStore(folder, read_only=read_only, busy_seconds=0)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def other_program(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database as another program would."""
    with closing(sqlite3.connect(folder / "air_quality.db", isolation_level=None)) as connection:
        yield connection


def count(folder: Path) -> int:
    with other_program(folder) as connection:
        number: int = connection.execute("SELECT count(*) FROM items").fetchone()[0]
        return number


def numbered(first: int, last: int) -> list[Item]:
    return [FULL._replace(id=str(number)) for number in range(first, last)]


def cancel_from_thread(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[Any]") -> None:
    """Cancel a task of a loop that runs on another thread, and wait until it knows."""
    knows = threading.Event()

    def cancel() -> None:
        task.cancel()
        knows.set()

    loop.call_soon_threadsafe(cancel)
    knows.wait()


def stored(folder: Path) -> int:
    """Count the items of a local table."""
    connection = sqlite3.connect(f"file:{folder}/air_quality.db?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM items").fetchone()[0])
    finally:
        connection.close()
