"""Snapshots as files of one folder: their names, their metadata, how they are written and read.

One rule: everything here blocks, and runs on a worker thread of `archive`.

    data_10_08_17_11_23.json.gz     the snapshot (a plain .json that somebody put there counts as well)
    data_10_08_17_11_23.meta.json   what is kept beside it
    .data_10_08_17_11_23.json.partial   one that is being written
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import BinaryIO

from aqi_service.core.s3_urls import META_ENDING
from aqi_service.errors import ArchiveFailed, NameInUse
from aqi_service.storage.local.files import (
    PARTIAL,
    disk,
    hold,
    make_folder,
    place,
    remove_dead,
    require_free,
    sync_file,
    sync_folder,
    write_whole,
)
from aqi_service.storage.ports import SnapshotInfo

PIECE = 64 * 1024
"""Bytes, decoded, of one read or one write."""

_NAME = re.compile(r"(data_[0-9]{2}(?:_[0-9]{2}){4}(?:-[0-9]{1,9})?)\.json")
_SIDECAR_LIMIT = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_BITS = 16 + zlib.MAX_WBITS  # zlib's way to ask for a gzip frame; its header has neither name nor time


class SnapshotFolder:
    """The folder of the snapshots. Methods raise OSError or ArchiveFailed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> tuple[str, ...]:
        """Return the names of all whole snapshots, without `.gz`; other files are ignored."""
        if not self.folder.exists():
            return ()
        with os.scandir(self.folder) as entries:
            found = {entry.name.removesuffix(".gz") for entry in entries if entry.is_file()}
        return tuple(filter(_NAME.fullmatch, found))

    def find(self, name: str) -> Path | None:
        """Return the file of a snapshot, or None if there is none; ours is preferred to a plain one."""
        if not _NAME.fullmatch(name):
            return None
        return next(filter(Path.is_file, (self.file(name), self.folder / name)), None)

    def file(self, name: str) -> Path:
        """Return the file for a snapshot. Raises ArchiveFailed if that is no snapshot's name."""
        if not _NAME.fullmatch(name):
            raise ArchiveFailed(f"{name!r} is no name of a snapshot, such as data_10_08_17_11_23.json.")
        return self.folder / f"{name}.gz"

    def sidecar(self, name: str) -> Path:
        """Return the file for the facts about a snapshot."""
        return self.folder / f"{name.removesuffix('.json')}{META_ENDING}"

    def info(self, name: str) -> SnapshotInfo | None:
        """Return the facts about a snapshot, blank if they are lost; None without the snapshot."""
        return None if self.find(name) is None else _read_info(self.sidecar(name))

    def delete(self, names: Iterable[str]) -> int:
        """Delete those of the snapshots that exist, with their other files; return how many."""
        files = {name: file for name in names if (file := self.find(name))}
        for name, file in files.items():
            # The facts go first: killed in between, a snapshot without them is left, which is none the worse.
            self.sidecar(name).unlink(missing_ok=True)
            file.unlink(missing_ok=True)
        if files:
            sync_folder(self.folder)
        return len(files)

    def remove_orphans(self) -> int:
        """Remove sidecars whose snapshot was never completed; return how many."""
        names = (
            f"{path.name.removesuffix(META_ENDING)}.json" for path in self.folder.glob(f"data_*{META_ENDING}")
        )
        return sum(self._remove_orphan(name) for name in names if self._is_orphan(name))

    def _is_orphan(self, name: str) -> bool:
        return bool(_NAME.fullmatch(name)) and self.find(name) is None

    def _remove_orphan(self, name: str) -> bool:
        # Held by a live upload, it is no orphan, but on its way; nor if that upload ended just now.
        with suppress(FileExistsError), hold(self.partial(name)):
            if self._is_orphan(name):
                self.sidecar(name).unlink(missing_ok=True)
                return True
        return False

    def partial(self, name: str) -> Path:
        """Return the file of a snapshot that is being written; its lock also protects the sidecar."""
        return self.folder / PARTIAL.format(name=name)


def _read_info(sidecar: Path) -> SnapshotInfo:
    try:
        with sidecar.open("rb") as file:
            facts = json.loads(file.read(_SIDECAR_LIMIT))
        facts = {"source_id": ""} | facts  # which earlier versions did not keep
        texts = {field.name: str(facts[field.name]) for field in fields(SnapshotInfo)}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return SnapshotInfo(source="", load_id="")
    return SnapshotInfo(**texts)


def sweep(folder: Path) -> int:
    """Remove half-written files of dead processes from `folder` and below; return how many."""
    return sum(remove_dead(path) for path in folder.rglob(PARTIAL.format(name="*")))


class SnapshotFile:
    """One snapshot that is being written; only one process can have the draft of a name."""

    def __init__(self, snapshots: SnapshotFolder, name: str, info: SnapshotInfo) -> None:
        self._snapshots = snapshots
        self._name = name
        self._info = info
        self._gzip = zlib.compressobj(wbits=_GZIP_BITS)
        self._held = ExitStack()

    def begin(self, min_free: int) -> None:
        """Claim the name. Raises NameInUse, or ArchiveFailed if under `min_free` bytes are free."""
        with self._writing():
            self._refuse_taken()
            make_folder(self._snapshots.folder)  # somebody may have moved it away since the start
            require_free(self._snapshots.folder, min_free)
            self._file = self._hold()
            self._refuse_taken()

    def write(self, piece: bytes) -> None:
        """Compress and write the next bytes. Raises ArchiveFailed."""
        with self._writing():
            self._file.write(self._gzip.compress(piece))

    def publish(self) -> None:
        """Make the snapshot appear on the disk in one step; if this raises ArchiveFailed, it does not."""
        with self._writing():
            self._file.write(self._gzip.flush())
            sync_file(self._file)
            self._refuse_taken()
            with ExitStack() as undo:
                self._place(undo)
                undo.pop_all()
            self._held.close()

    def discard(self) -> None:
        """Remove every trace, unless it was published; may be called again."""
        self._held.close()

    def _hold(self) -> BinaryIO:
        try:
            return self._held.enter_context(hold(self._snapshots.partial(self._name)))
        except FileExistsError as error:
            raise NameInUse(f"Another load is writing the snapshot {self._name} now.") from error

    def _place(self, undo: ExitStack) -> None:
        final, sidecar = self._snapshots.file(self._name), self._snapshots.sidecar(self._name)
        undo.callback(sidecar.unlink, missing_ok=True)
        write_whole(sidecar, json.dumps(asdict(self._info)).encode())
        try:
            place(self._snapshots.partial(self._name), final)
        except FileExistsError as error:
            raise self._taken() from error
        undo.callback(final.unlink)
        sync_folder(self._snapshots.folder)

    def _refuse_taken(self) -> None:
        if self._snapshots.find(self._name) or self._snapshots.file(self._name).exists():
            raise self._taken()

    def _taken(self) -> NameInUse:
        return NameInUse(f"There is a snapshot {self._name} in {self._snapshots.folder} already.")

    def _writing(self) -> AbstractContextManager[None]:
        return disk(f"The snapshot {self._name} cannot be kept in {self._snapshots.folder}", ArchiveFailed)


class SnapshotReader:
    """One snapshot that is being read; the first piece opens it."""

    def __init__(self, snapshots: SnapshotFolder, name: str, offset: int) -> None:
        self._snapshots = snapshots
        self._name = name
        self._offset = offset
        self._file: BinaryIO | gzip.GzipFile | None = None

    def next(self) -> bytes:
        """Return up to PIECE decoded bytes, none at the end. Raises ArchiveFailed."""
        with _readable(self._name):
            if self._file is None:
                self._file = self._open()
                self._file.seek(self._offset)
            return self._file.read(PIECE)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> BinaryIO | gzip.GzipFile:
        path = self._snapshots.find(self._name)
        if path is None:
            raise ArchiveFailed(f"There is no snapshot {self._name} in {self._snapshots.folder}.")
        return gzip.open(path) if _is_gzip(path) else path.open("rb")


def _is_gzip(path: Path) -> bool:
    # A plain name may hide gzip; what is called .gz is read as gzip, or damage to its first bytes would pass.
    with path.open("rb") as file:
        return path.suffix == ".gz" or file.read(2) == _GZIP_MAGIC


@contextmanager
def _readable(name: str) -> Iterator[None]:
    with disk(f"The archived snapshot {name} cannot be read", ArchiveFailed):
        try:
            yield
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ArchiveFailed(
                f"The archived snapshot {name} is damaged ({error}): put a good copy there, or delete it."
            ) from error
