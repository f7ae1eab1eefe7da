"""Places on a disk where daily files lie: a folder, a tar, a zip, or one file by itself.

One rule: nothing is unpacked onto the disk, and of a name in a tar or zip only what stands behind its last
slash counts.
"""

import calendar
import gzip
import lzma
import os
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from aqi_service.core.day_names import DayEntry, DayName, parse_day_name
from aqi_service.errors import ConfigError
from aqi_service.snapshots.read_ahead import PIECE, ahead

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
PACK_ENDINGS = (*TAR_ENDINGS, ".zip")
"""How the names of tars and zips end in which daily files are looked for."""

_DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError),
    *(RuntimeError, NotImplementedError),  # a zip that asks for a password, or is packed in a rare way
)
"""What damage inside a tar or zip ends in, or what keeps it from being read."""


class DayFile(NamedTuple):
    """A daily file in a place.

    Attributes:
        name: what its name says.
        entry: what it is known by.
        at: where it is in its place.
    """

    name: DayName
    entry: DayEntry
    at: str


Piece = tuple[DayFile, bytes | None]
"""A file's next bytes; empty ones are its end, and None is an end behind which more could not be read."""


class DayPlace(Protocol):
    """Where daily files lie."""

    @property
    def label(self) -> str:
        """What a person calls it."""

    @property
    def days(self) -> Collection[int]:
        """The days (since 1970) of which there is a file."""

    async def files(self, day: int) -> Sequence[DayFile]:
        """List a day's files as they are now. Raises FetchFailed where that cannot be done."""

    def pieces(self, files: Sequence[DayFile]) -> AsyncGenerator[Piece, None]:
        """Read some of them, one after the other. Raises FetchFailed for one that cannot be read."""


class _LocalPlace(ABC):
    """A place on a disk, listed and read in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def label(self) -> str:
        """Its path, made harmless."""
        return os.fsencode(self.path).decode("utf-8", "backslashreplace")

    @cached_property
    def days(self) -> Collection[int]:
        """The days of which there was a file when it was looked for first."""
        return frozenset(day for day in self._days())

    async def files(self, day: int) -> Sequence[DayFile]:
        """List a day's files."""
        found: list[DayFile] = []
        async with aclosing(ahead(lambda: iter([list(self._list(day))]), self.label)) as lists:
            async for each in lists:
                found = each
        return found

    def pieces(self, files: Sequence[DayFile]) -> AsyncGenerator[Piece, None]:
        """Read some of them."""
        return ahead(lambda: self._read(files), self.label)

    @abstractmethod
    def _days(self) -> Iterable[int]: ...

    @abstractmethod
    def _list(self, day: int) -> Iterable[DayFile]: ...

    @abstractmethod
    def _read(self, files: Sequence[DayFile]) -> Iterator[Piece]: ...


class FolderPlace(_LocalPlace):
    """The daily files right in a folder; with `only`, the one of that name."""

    def __init__(self, path: Path, only: str | None = None) -> None:
        super().__init__(path)
        self._only = only

    @property
    def label(self) -> str:
        """The folder's path, or the file's."""
        path = self.path / self._only if self._only else self.path
        return os.fsencode(path).decode("utf-8", "backslashreplace")

    def _names(self) -> Iterator[tuple[str, DayName]]:
        names = [self._only] if self._only else sorted(path.name for path in self.path.iterdir())
        for file in names:
            if name := parse_day_name(file):
                yield file, name

    def _days(self) -> Iterable[int]:
        return (name.day for _, name in self._names())

    def _list(self, day: int) -> Iterable[DayFile]:
        for file, name in self._names():
            if name.day == day:
                stat = (self.path / file).stat()
                yield DayFile(name, DayEntry(file, stat.st_size, int(stat.st_mtime)), file)

    def _read(self, files: Sequence[DayFile]) -> Iterator[Piece]:
        for file in files:
            with (self.path / file.at).open("rb", buffering=0) as opened:
                yield from _pieces(file, opened)


class _PackPlace(_LocalPlace):
    """The daily files in a tar or zip, whatever folders it has them in; listed once."""

    @cached_property
    def _index(self) -> dict[int, list[DayFile]]:
        index: dict[int, list[DayFile]] = {}
        try:
            for at, path, size, time in self._members():
                file = path.rpartition("/")[2]
                if name := parse_day_name(file):
                    index.setdefault(name.day, []).append(DayFile(name, DayEntry(file, size, time), at))
        except _DAMAGE as error:
            raise ConfigError(f"{self.label} is no tar or zip that can be read: {error}") from error
        return index

    def _days(self) -> Iterable[int]:
        return self._index

    def _list(self, day: int) -> Iterable[DayFile]:
        return self._index.get(day, ())

    @abstractmethod
    def _members(self) -> Iterator[tuple[str, str, int, int]]:
        """Give of all files in it where they are, their path, size and time."""


class TarPlace(_PackPlace):
    """The daily files in a tar; it is read from its start for each day, as a packed one has to be."""

    def _open(self) -> Iterator[tuple[str, tarfile.TarFile, tarfile.TarInfo]]:
        """Give the files in it, each with its number: a name may be there several times."""
        with tarfile.open(self.path) as tar:
            for number in count():
                member = tar.next()
                tar.members = []  # type: ignore[attr-defined]  # else it keeps all that it has seen
                if member is None:
                    return
                if member.isfile():
                    yield str(number), tar, member

    def _members(self) -> Iterator[tuple[str, str, int, int]]:
        for at, _, member in self._open():
            yield at, member.name, member.size, int(member.mtime)

    def _read(self, files: Sequence[DayFile]) -> Iterator[Piece]:
        wanted = {file.at: file for file in files}
        try:
            for at, tar, member in self._open():
                file = wanted.pop(at, None)
                if file and (opened := tar.extractfile(member)):
                    yield from _pieces(file, opened)
                if not wanted:
                    return
        except _DAMAGE:
            pass  # it was whole when it was listed
        yield from ((file, None) for file in wanted.values())


class ZipPlace(_PackPlace):
    """The daily files in a zip."""

    def _members(self) -> Iterator[tuple[str, str, int, int]]:
        with zipfile.ZipFile(self.path) as packed:
            for member in packed.infolist():
                if not member.is_dir():
                    yield member.filename, member.filename, member.file_size, _zip_time(member)

    def _read(self, files: Sequence[DayFile]) -> Iterator[Piece]:
        with zipfile.ZipFile(self.path) as packed:
            for file in files:
                try:
                    with packed.open(file.at) as opened:
                        yield from _pieces(file, opened)
                except _DAMAGE:
                    yield file, None


def pack_place(path: Path) -> _PackPlace:
    """Return the place that a tar or a zip is, by its name."""
    return ZipPlace(path) if path.name.lower().endswith(".zip") else TarPlace(path)


def is_pack(name: str) -> bool:
    """Tell whether a name is a tar's or a zip's."""
    return name.lower().endswith(PACK_ENDINGS)


def _pieces(file: DayFile, opened: IO[bytes]) -> Iterator[Piece]:
    """Give a file in pieces, and its end; what cannot be read behind a place is no error of the others."""
    while True:
        try:
            piece = opened.read(PIECE)
        except _DAMAGE:
            yield file, None
            return
        yield file, piece
        if not piece:
            return


def _zip_time(member: zipfile.ZipInfo) -> int:
    try:
        return calendar.timegm((*member.date_time, 0, 0, 0))
    except ValueError:  # a month 0, where none was noted
        return 0
