"""Files that are whole or absent, for everything that is kept on one machine.

One rule: a file gets its final name only when its bytes are on the disk. Until then it has a name of the form
`PARTIAL`, and its writer locks it: so one that can be locked belongs to a dead process.
"""

import errno
import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from aqi_service.errors import AqiError, ArchiveFailed, ConfigError, Unavailable
from aqi_service.storage.ports import DOCUMENT_LIMIT

MIN_FREE = 10**9
"""Bytes that must be free on the disk for a load to begin."""

PARTIAL = ".{name}.partial"
"""The name of a file while it is being written, beside its final place."""

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file would pass the size that this process may write",
    errno.EIO: "the disk answers with an error",
    errno.EROFS: "the file system is mounted read-only; mount it for writing, or name another folder",
    errno.EACCES: "permission is denied; give this user the right to write there, or name another folder",
    errno.EPERM: "permission is denied; give this user the right to write there, or name another folder",
    errno.ENOTDIR: "a file is in the place of a folder; move it away, or name another folder",
    errno.EEXIST: "a file is in the place of a folder; move it away, or name another folder",
    errno.ENOENT: "there is no such folder, and none can be made there; name another folder",
    errno.EISDIR: "a folder is in the place of a file; move it away, or name another folder",
}

_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_LASTING = frozenset({*_REASONS, errno.ENAMETOOLONG, errno.ELOOP}) - _PASSING

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})  # exFAT, some network file systems


_UNKNOWN = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EBADF})
"""Errors of file systems that do not know a call (network, FUSE): for an open descriptor also EBADF."""


@contextmanager
def disk(doing: str, kind: type[AqiError] | None = None) -> Iterator[None]:
    """Translate the system's errors about files into one sentence that begins with `doing`.

    Raises `kind` if given; else ConfigError for faults that only a person can change, Unavailable for the
    rest.
    """
    try:
        yield
    except OSError as error:
        code = error.errno or 0
        chosen = kind or (ConfigError if code in _LASTING else Unavailable)
        raise chosen(f"{doing}: {_REASONS.get(code, error.strerror or error)}.") from error


@contextmanager
def _known_to(path: Path, what: str) -> Iterator[None]:
    """Raise ConfigError if the file system of `path` does not know how to do `what`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        raise ConfigError(
            f"The file system of {path} cannot {what} ({error.strerror}): name a folder on a local disk."
        ) from error


def lock(file: BinaryIO | int, path: Path, *, wait: bool) -> None:
    """Lock the open file `path`; without `wait` raise BlockingIOError if another process has it."""
    with _known_to(path, "lock files"):
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def free_bytes(folder: Path) -> int:
    """Return how many bytes this user may still write on the disk of `folder`."""
    return shutil.disk_usage(folder).free


def require_free(folder: Path, minimum: int = MIN_FREE) -> None:
    """Raise ArchiveFailed if under `minimum` bytes are free on the disk of `folder`."""
    free = free_bytes(folder)
    if free < minimum:
        raise ArchiveFailed(
            f"No load begins with under {minimum / 1e9:g} GB free, and {folder} has {free / 1e9:.2f} GB: "
            "free some space, or set --keep-days."
        )


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    with _opened(folder) as descriptor, _known_to(folder, "make names survive a power cut"):
        os.fsync(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let only one process at a time into this block for `folder`; only for work of milliseconds."""
    with _opened(folder) as descriptor:
        lock(descriptor, folder, wait=True)
        yield


def make_folder(folder: Path) -> None:
    """Create `folder` and missing folders above it, so that they survive a power cut."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def make_usable(folder: Path) -> None:
    """Create `folder` if it is missing; raise OSError if no file can be made, or kept, in it.

    Raises ConfigError if the file system lacks a needed function.
    """
    make_folder(folder)
    probe = folder / "probe"
    remove_dead_of(probe)
    with hold(partial_of(probe)):
        pass
    with locked(folder):
        sync_folder(folder)


def write_whole(path: Path, body: bytes) -> None:
    """Write a file whole or not at all, replacing an older one; return when it is on the disk."""
    make_folder(path.parent)
    partial = partial_of(path)
    with hold(partial) as file:
        file.write(body)
        sync_file(file)
        partial.replace(path)
    sync_folder(path.parent)


def read_document(path: Path) -> bytes:
    """Return a file's bytes; of one over DOCUMENT_LIMIT, one byte more than that."""
    with path.open("rb") as file:
        return file.read(DOCUMENT_LIMIT + 1)


def change_whole(path: Path, new: Callable[[bytes | None], bytes | None]) -> None:
    """Replace a file by what `new` makes of its bytes (None: leave it); one process at a time."""
    make_folder(path.parent)
    with locked(path.parent):
        body = new(read_document(path) if path.exists() else None)
        if body is not None:
            write_whole(path, body)


def partial_of(path: Path) -> Path:
    """Return a file's name while this process, and no other, writes it."""
    # Two processes may write one document at a time; each has a file of its own, and the last to finish wins.
    return path.with_name(PARTIAL.format(name=f"{path.name}.{secrets.token_hex(4)}"))


def remove_dead_of(path: Path) -> None:
    """Remove half-written versions of a file (names as of `partial_of`) that dead processes left."""
    for partial in path.parent.glob(PARTIAL.format(name=f"{glob.escape(path.name)}.*")):
        remove_dead(partial)


def sync_file(file: BinaryIO) -> None:
    """Bring everything written to `file` onto the disk."""
    file.flush()
    with _known_to(Path(file.name).parent, "make files survive a power cut"):
        os.fsync(file.fileno())


@contextmanager
def hold(partial: Path) -> Iterator[BinaryIO]:
    """Create a file that only this process writes; at the end this name is gone.

    Raises FileExistsError if a live process holds it; a dead process's file is replaced.
    """
    file = _create_locked(partial)
    try:
        yield file
    finally:
        # A failing disk may refuse both, the buffered rest and the removal; then a later sweep does it.
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        with suppress(OSError):
            file.close()


def _create_locked(partial: Path) -> BinaryIO:
    while True:
        remove_dead(partial)
        with ExitStack() as undo:
            file = undo.enter_context(partial.open("xb"))
            # Only a sweep can be before us here, for a moment: it took the file for a dead process's.
            lock(file, partial.parent, wait=True)
            if os.fstat(file.fileno()).st_nlink:
                undo.pop_all()
                return file


def remove_dead(partial: Path) -> bool:
    """Remove a partial file if no live process holds it; tell whether it did."""
    with suppress(FileNotFoundError, BlockingIOError), partial.open("rb") as file:
        lock(file, partial.parent, wait=False)
        # Another sweep may have been quicker, and the name a new file's by now.
        if os.path.samestat(os.fstat(file.fileno()), partial.stat()):
            # Unlinked, never truncated: it may be a second name of a snapshot that was just completed.
            partial.unlink()
            return True
    return False


def place(partial: Path, final: Path) -> None:
    """Give a partial file its final name in one step. Raises FileExistsError if that name exists."""
    try:
        os.link(partial, final)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if final.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final)) from error
        partial.rename(final)
