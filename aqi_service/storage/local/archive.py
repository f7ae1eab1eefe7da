"""The archive on one machine: snapshots and documents as files under one folder.

One rule: nothing here touches a file; `snapshot_files` and `files` do that, on worker threads.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path

from aqi_service.errors import ConfigError, MissingResource
from aqi_service.storage.local.files import (
    MIN_FREE,
    change_whole,
    disk,
    free_bytes,
    make_usable,
    read_document,
    write_whole,
)
from aqi_service.storage.local.snapshot_files import (
    PIECE,
    SnapshotFile,
    SnapshotFolder,
    SnapshotReader,
    sweep,
)
from aqi_service.storage.local.threads import Threads
from aqi_service.storage.ports import SnapshotInfo

BEHIND_LIMIT = 4 * 1024 * 1024
"""Most bytes of a snapshot that wait for compression and the disk; beyond that, `write` waits."""

DOCUMENTS = ("manifests", "rejects")
"""The folders with which keys of documents begin."""

_THREADS = 4
_KEY = re.compile(rf"({'|'.join(DOCUMENTS)})(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")  # no part is `..` or hidden


class LocalArchive:
    """Snapshots in FOLDER/snapshots, documents in FOLDER/<key>; keeps the port `storage.Archive`.

    `read_only` creates no folder. `min_free` is the number of bytes that must be free for an upload to begin.
    """

    def __init__(self, folder: Path, *, read_only: bool = False, min_free: int = MIN_FREE) -> None:
        self._folder = folder.absolute()
        self._read_only = read_only
        self._min_free = min_free
        self._snapshots = SnapshotFolder(self._folder / "snapshots")
        self._threads = Threads(_THREADS, "archive")

    @property
    def folder(self) -> Path:
        """The folder of the snapshots."""
        return self._snapshots.folder

    async def check(self) -> None:
        """Create the folders and check that files can be written there.

        Raises ConfigError for a folder that cannot be used, MissingResource for a missing one if read-only,
        Unavailable for a full disk.
        """
        with disk(f"The folder {self._folder} cannot be used"):
            await self._threads.run(self._prepare)

    async def free_bytes(self) -> int | None:
        """Return how many bytes may still be written; None if the folder is missing, or cannot be read."""
        with suppress(OSError):
            return await self._threads.run(free_bytes, self._folder)
        return None

    async def names(self) -> tuple[str, ...]:
        """Return the names of all whole snapshots; a plain `.json` that a person put there counts too."""
        with self._reading():
            return await self._threads.run(self._snapshots.names)

    @asynccontextmanager
    async def upload(self, name: str, info: SnapshotInfo) -> AsyncIterator["LocalUpload"]:
        """Begin a snapshot. Raises NameInUse, or ArchiveFailed if the disk is nearly full."""
        threads = Threads(1, "snapshot")
        file = SnapshotFile(self._snapshots, name, info)
        try:
            await threads.run(file.begin, self._min_free)
            yield LocalUpload(file, threads)
        finally:
            try:
                await threads.ensure(file.discard)
            finally:
                await threads.close()

    async def info(self, name: str) -> SnapshotInfo | None:
        """Return the snapshot's metadata, blank if it was lost; None without the snapshot."""
        with self._reading():
            return await self._threads.run(self._snapshots.info, name)

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yield the decoded bytes from `offset` on, 64 KiB at a time.

        Raises ArchiveFailed if there is no such snapshot or it is damaged.
        """
        with closing(SnapshotReader(self._snapshots, name, offset)) as reading:
            while piece := await self._threads.run(reading.next):
                yield piece

    async def delete(self, names: Iterable[str]) -> int:
        """Delete the snapshots with these names and their other files; return how many there were."""
        with disk(f"Snapshots in {self._snapshots.folder} cannot be deleted"):
            return await self._threads.run(self._delete, tuple(names))

    def _delete(self, names: tuple[str, ...]) -> int:
        """Delete snapshots, and their rejects, which hold whole records. The manifests stay."""
        for name in names:
            for rejects in self._folder.glob(f"rejects/*/{name.removesuffix('.json')}.ndjson"):
                rejects.unlink(missing_ok=True)
        return self._snapshots.delete(names)

    async def sweep(self) -> int:
        """Remove half-written files of dead processes, and none of live ones; return how many."""
        with disk(f"The folder {self._folder} cannot be swept"):
            return await self._threads.run(self._sweep)

    async def put(self, key: str, body: bytes) -> None:
        """Write a document; when this returns it is whole and on the disk.

        Raises ConfigError for a key outside DOCUMENTS, Unavailable for a full disk.
        """
        path = self._document(key)
        with disk(f"{path} cannot be written"):
            await self._threads.run(write_whole, path, body)

    async def change(self, key: str, new: Callable[[bytes | None], bytes | None]) -> None:
        """Change a document under a lock on its folder. Raises as `put` does."""
        path = self._document(key)
        with disk(f"{path} cannot be written"):
            await self._threads.run(change_whole, path, new)

    async def get(self, key: str) -> bytes | None:
        """Return a document, or None. Raises ConfigError for a key outside DOCUMENTS."""
        path = self._document(key)
        with disk(f"{path} cannot be read"):
            try:
                return await self._threads.run(read_document, path)
            except FileNotFoundError:
                return None

    async def close(self) -> None:
        """Let work that has begun end, then release the threads; may be called again."""
        await self._threads.close()

    def _prepare(self) -> None:
        if not self._read_only:
            for name in (self._snapshots.folder.name, *DOCUMENTS):
                make_usable(self._folder / name)
        elif not self._folder.is_dir():
            raise MissingResource(
                f"There is no folder {self._folder}: start a loader with that --local first."
            )

    def _sweep(self) -> int:
        folders = (self._snapshots.folder, *(self._folder / name for name in DOCUMENTS))
        return sum(map(sweep, folders)) + self._snapshots.remove_orphans()

    def _document(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ConfigError(
                f"{key!r} cannot be a file's name under {self._folder}: use a plainer table name."
            )
        return self._folder / key

    def _reading(self) -> AbstractContextManager[None]:
        return disk(f"The folder {self._snapshots.folder} cannot be read")


class LocalUpload:
    """A snapshot on its way to the disk; keeps the port `storage.Upload`."""

    def __init__(self, file: SnapshotFile, threads: Threads) -> None:
        self._file = file
        self._threads = threads  # one, so that pieces are written in order
        self._buffer = bytearray()
        self._jobs: set[asyncio.Future[None]] = set()
        self._behind = 0
        self._failure: BaseException | None = None

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; wait while they would exceed BEHIND_LIMIT. If cancelled, it has taken none."""
        while self._jobs and self._behind + len(chunk) > BEHIND_LIMIT:
            await asyncio.wait(self._jobs, return_when=asyncio.FIRST_COMPLETED)
        self._raise_failure()
        self._buffer += chunk
        if len(self._buffer) >= PIECE:
            self._send()

    async def complete(self) -> None:
        """Make the snapshot appear; if cancelled, it has appeared whole or not at all.

        Raises ArchiveFailed if the disk did not take everything, NameInUse if the name is now used.
        """
        self._send()
        while self._jobs:
            await asyncio.wait(self._jobs)
        self._raise_failure()
        await self._threads.run(self._file.publish)

    def _send(self) -> None:
        piece = bytes(self._buffer)
        self._buffer.clear()
        job = asyncio.wrap_future(self._threads.start(self._file.write, piece))
        self._behind += len(piece)
        self._jobs.add(job)
        job.add_done_callback(partial(self._written, len(piece)))

    def _written(self, size: int, job: asyncio.Future[None]) -> None:
        self._behind -= size
        self._jobs.discard(job)
        self._failure = self._failure or job.exception()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
