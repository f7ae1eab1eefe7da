"""Tars and zips that contain daily files.

One rule: nothing is unpacked onto the disk, and of a member's name only the part behind the last slash
counts.
"""

import calendar
import tarfile
import zipfile
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import IO

from aqi_service.core.day_names import DayEntry, parse_day_name
from aqi_service.errors import ConfigError, FetchFailed
from aqi_service.snapshots.day_folders import DayFile, LocalDayFolder, Piece, is_damage, pieces_of

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PACK_ENDINGS = (*TAR_ENDINGS, ".zip")
"""Endings of the tars and zips that are searched for daily files."""

_PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
_IS_ENCRYPTED = 1  # of a zip member's flags


class PackedDayFolder(LocalDayFolder):
    """The daily files in a tar or zip, in whatever folders inside; listed once."""

    @cached_property
    def _index(self) -> dict[int, list[DayFile]]:
        index: dict[int, list[DayFile]] = {}
        try:
            for at, path, size, time in self._members():
                file = path.replace("\\", "/").rpartition("/")[2]  # some of Windows write it so
                if name := parse_day_name(file):
                    index.setdefault(name.day, []).append(DayFile(name, DayEntry(file, size, time), at))
        except Exception as error:
            if not is_damage(error):
                raise
            why = str(error).partition("\n")[0].rstrip(":")  # a tar's goes on with each way that was tried
            raise ConfigError(f"{self.label} is no tar or zip that can be read: {why}") from error
        return index

    def _days(self) -> Iterable[int]:
        return self._index

    def _list(self, day: int) -> Iterable[DayFile]:
        return self._index.get(day, ())

    def _read(self, files: Sequence[DayFile]) -> Iterator[Piece]:
        named = {file.at: file for file in files}
        try:
            for at, opened in self._opened(tuple(named)):
                file = named[at]
                yield from ((file, None),) if opened is None else pieces_of(file, opened)
        except Exception as error:
            if not is_damage(error):
                raise
            raise FetchFailed(f"{self.label} has changed since it was listed") from error

    @abstractmethod
    def _members(self) -> Iterator[tuple[str, str, int, int]]:
        """Give the place, path, size and time of each file in it."""

    @abstractmethod
    def _opened(self, wanted: Sequence[str]) -> Iterator[tuple[str, IO[bytes] | None]]:
        """Open one file after the other, and give it with its place; None is a damaged one.

        Raises an error only of the pack as a whole, which could be read when it was listed.
        """


class TarDayFolder(PackedDayFolder):
    """The daily files in a tar, which is read from its start for each day, as a packed one must be."""

    def _all(self) -> Iterator[tuple[str, tarfile.TarFile, tarfile.TarInfo]]:
        """Give the files in it, each with its number: a name may come several times."""
        with tarfile.open(self.path) as tar:
            for number in count():
                before, member = tar.offset, tar.next()
                tar.members = []  # type: ignore[attr-defined]  # else it keeps all that it has seen
                if member is None:
                    _check_end(tar)
                    return
                if number and tar.offset <= before:
                    raise tarfile.ReadError(f"the file at byte {before} has a negative size")
                if member.isfile():
                    yield str(number), tar, member

    def _members(self) -> Iterator[tuple[str, str, int, int]]:
        for at, _, member in self._all():
            yield at, member.name, member.size, int(member.mtime)

    def _opened(self, wanted: Sequence[str]) -> Iterator[tuple[str, IO[bytes] | None]]:
        left = set(wanted)
        for at, tar, member in self._all():
            if at in left:
                yield at, tar.extractfile(member)
                left.remove(at)
            if not left:
                return
        raise tarfile.ReadError("files are gone")


class ZipDayFolder(PackedDayFolder):
    """The daily files in a zip, each by its number, as in a tar."""

    def _members(self) -> Iterator[tuple[str, str, int, int]]:
        with zipfile.ZipFile(self.path) as packed:
            for number, member in enumerate(packed.infolist()):
                if member.flag_bits & _IS_ENCRYPTED:
                    raise zipfile.BadZipFile(f"{member.filename!r} is encrypted")
                if member.compress_type not in _PACKINGS:
                    raise zipfile.BadZipFile(f"{member.filename!r} is packed in a rare way")
                if not member.is_dir():
                    yield str(number), member.filename, member.file_size, _zip_time(member)

    def _opened(self, wanted: Sequence[str]) -> Iterator[tuple[str, IO[bytes] | None]]:
        with zipfile.ZipFile(self.path) as packed:
            members = packed.infolist()
            for at, member in [(at, members[int(at)]) for at in wanted]:
                try:
                    opened = packed.open(member)
                except Exception as error:
                    if not is_damage(error):
                        raise
                    yield at, None
                else:
                    with opened:
                        yield at, opened


def packed_folder(path: Path) -> PackedDayFolder:
    """Return the folder for a tar or a zip, by its name."""
    return ZipDayFolder(path) if path.name.lower().endswith(".zip") else TarDayFolder(path)


def is_pack(name: str) -> bool:
    """Tell whether a name is a tar's or a zip's."""
    return name.lower().endswith(PACK_ENDINGS)


def _check_end(tar: tarfile.TarFile) -> None:
    """Raise ReadError unless a tar really ends where reading stopped: a damaged header looks like the end."""
    if tar.fileobj is None:
        return
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError(f"there is no header at byte {tar.offset}")


def _zip_time(member: zipfile.ZipInfo) -> int:
    try:
        return calendar.timegm((*member.date_time, 0, 0, 0))
    except ValueError:  # a month 0, where none was noted
        return 0
