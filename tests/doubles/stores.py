"""Every implementation of the two storage ports, opened empty and ready for a test of the contract.

One rule: an entry is handed an empty folder, and gives a port that is checked, empty, and closed at the end.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from aqi_service.storage.local.archive import LocalArchive
from aqi_service.storage.local.store import LocalStore
from aqi_service.storage.ports import Archive, Store
from tests.doubles.aws_backends import (
    dynamo_store,
    indexed_store,
    numbered_indexed_store,
    numbered_store,
    s3_archive,
)


@asynccontextmanager
async def local_archive(folder: Path) -> AsyncIterator[LocalArchive]:
    """Open an archive of files; the test machine's disk may be as full as it likes."""
    archive = LocalArchive(folder, min_free=0)
    try:
        await archive.check()
        yield archive
    finally:
        await archive.close()


@asynccontextmanager
async def local_store(folder: Path) -> AsyncIterator[LocalStore]:
    """Open a store in SQLite that does not wait for another process's transaction."""
    store = LocalStore(folder, busy_seconds=0)
    try:
        await store.check()
        yield store
    finally:
        await store.close()


ARCHIVES: dict[str, Callable[[Path], AbstractAsyncContextManager[Archive]]] = {
    "local": local_archive,
    "s3": s3_archive,
}
STORES: dict[str, Callable[[Path], AbstractAsyncContextManager[Store]]] = {
    "local": local_store,
    "dynamodb": dynamo_store,
    "dynamodb-number-key": numbered_store,
}
SENSOR_STORES: dict[str, Callable[[Path], AbstractAsyncContextManager[Store]]] = {
    "local": local_store,
    "dynamodb": indexed_store,
    "dynamodb-number-key": numbered_indexed_store,
}
"""Those that can be asked by sensor."""
