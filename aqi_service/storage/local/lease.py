"""The lease on one machine: a lock on a file, which the kernel frees when its process ends in any way.

One rule: the holder of the lock holds the lease; the name in the file is only for processes that wait.
"""

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from aqi_service.errors import LeaseLost
from aqi_service.storage.local.files import disk, lock, make_folder
from aqi_service.storage.local.threads import Threads

FILE = "lease.lock"
"""The file's name in the folder; the file stays, since one that comes and goes could be locked twice."""

_NAME_BYTES = 400


class LocalLease:
    """The lease of the table in a folder; keeps the port `storage.Lease`.

    One process may have several. It needs no renewal: a paused process keeps it, and the others wait. A child
    process does not inherit it (the file is closed when it starts a program).
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder.absolute() / FILE
        self._name = name
        self._file: BinaryIO | None = None
        self._threads = Threads(1, "lease", at_end=self._release)

    async def take(self) -> str | None:
        """Lock the file if nobody else has; return None if it is ours now, else its holder's name.

        Raises ConfigError or Unavailable if the file cannot be used.
        """
        return await self._threads.run(self._take)

    async def renew(self) -> None:
        """Return if our locked file is still in its place; raise LeaseLost if not."""
        await self._threads.run(self._renew)

    async def release(self) -> None:
        """Unlock the file, if it is ours."""
        await self._threads.ensure(self._release)

    def check(self) -> None:
        """Raise LeaseLost if the lock was never taken, was given back, or was lost with its file."""
        if self._file is None:
            raise LeaseLost(f"{self._path} is not locked by this process.")

    async def close(self) -> None:
        """Give the lease back and end the thread; may be called again."""
        await self._threads.close()

    def _take(self) -> str | None:
        while self._file is None:
            with disk(f"{self._path} cannot be locked"), ExitStack() as undo:
                make_folder(self._path.parent)
                file = undo.enter_context(self._path.open("a+b"))
                try:
                    lock(file, self._path, wait=False)
                except BlockingIOError:
                    file.seek(0)
                    return file.read(_NAME_BYTES).decode("ascii", "replace").strip()
                if self._in_place(file):
                    self._sign(file)
                    self._file = file
                    undo.pop_all()
        return None

    def _sign(self, file: BinaryIO) -> None:
        file.truncate(0)
        file.write(self._name.encode("ascii", "replace") + b"\n")
        file.flush()

    def _in_place(self, file: BinaryIO) -> bool:
        """Tell whether others would still lock this very file."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        return False

    def _renew(self) -> None:
        self.check()
        with disk(f"{self._path} cannot be looked at"):
            if self._file is None or not self._in_place(self._file):
                self._release()
                raise LeaseLost(f"{self._path} was removed or replaced while it was locked.")

    def _release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # the name may stay; the lock goes with the file
                file.truncate(0)
            file.close()
