"""Folders of daily files: what counts as one (also a tar, a zip or a prefix), and the plain one on a disk.

One rule: an error of the disk is an error of the day; damage ends one file, and costs no other.
"""

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from aqi_service.core.day_names import DayEntry, DayName, day_text, parse_day_name
from aqi_service.errors import ConfigError
from aqi_service.snapshots.read_ahead import PIECE, ahead


class DayFile(NamedTuple):
    """A daily file in its folder.

    Attributes:
        name: the contents of its name.
        entry: its name, size and time.
        at: its place in the folder.
    """

    name: DayName
    entry: DayEntry
    at: str


Piece = tuple[DayFile, bytes | None]
"""A file's next bytes; empty bytes are its end; None is an end after which more could not be read."""


class DayFolder(Protocol):
    """A place of daily files: a folder, a tar, a zip, or a prefix of S3."""

    @property
    def label(self) -> str:
        """Its name for a person."""

    @property
    def days(self) -> Collection[int]:
        """The days (since 1970) that have a file."""

    async def files(self, day: int) -> Sequence[DayFile]:
        """List a day's files as they are now. Raises FetchFailed if that fails."""

    def pieces(self, files: Sequence[DayFile]) -> AsyncGenerator[Piece, None]:
        """Read some files, one after the other. Raises FetchFailed if one cannot be read."""


class LocalDayFolder(ABC):
    """A folder on this machine, listed and read in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def label(self) -> str:
        """Its path, made harmless."""
        return os.fsencode(self.path).decode("utf-8", "backslashreplace")

    @cached_property
    def days(self) -> Collection[int]:
        """The days that had a file at the first look.

        Raises ConfigError if the folder cannot be read.
        """
        try:
            return frozenset(self._days())
        except OSError as error:
            raise ConfigError(f"{self.label} cannot be read: {error.strerror or error}") from error

    async def files(self, day: int) -> Sequence[DayFile]:
        """List a day's files."""
        found: list[DayFile] = []
        async with aclosing(ahead(lambda: iter([list(self._list(day))]), self.label)) as lists:
            async for each in lists:
                found = each
        return found

    def pieces(self, files: Sequence[DayFile]) -> AsyncGenerator[Piece, None]:
        """Read some files."""
        return ahead(lambda: self._read(files), self.label)

    @abstractmethod
    def _days(self) -> Iterable[int]: ...

    @abstractmethod
    def _list(self, day: int) -> Iterable[DayFile]: ...

    @abstractmethod
    def _read(self, files: Sequence[DayFile]) -> Iterator[Piece]: ...


class PlainDayFolder(LocalDayFolder):
    """The daily files directly in a folder; with `only`, the one of that name."""

    def __init__(self, path: Path, only: str | None = None) -> None:
        super().__init__(path)
        self._only = only

    @property
    def label(self) -> str:
        """The folder's path, or the file's."""
        path = self.path / self._only if self._only else self.path
        return os.fsencode(path).decode("utf-8", "backslashreplace")

    def _names(self, start: str = "") -> Iterator[tuple[str, DayName]]:
        there = (self._only,) if self._only else os.listdir(self.path)  # noqa: PTH208  # a Path each takes longer
        for file in sorted(each for each in there if each.startswith(start)):
            if name := parse_day_name(file):
                yield file, name

    def _days(self) -> Iterable[int]:
        return (name.day for _, name in self._names())

    def _list(self, day: int) -> Iterable[DayFile]:
        for file, name in self._names(day_text(day)):
            if name.day == day:
                found = (self.path / file).stat()
                if self._only or stat.S_ISREG(found.st_mode):  # a pipe that nobody named may stall for ever
                    yield DayFile(name, DayEntry(file, found.st_size, int(found.st_mtime)), file)

    def _read(self, files: Sequence[DayFile]) -> Iterator[Piece]:
        for file in files:
            with (self.path / file.at).open("rb", buffering=0) as opened:
                yield from pieces_of(file, opened)


def pieces_of(file: DayFile, opened: IO[bytes]) -> Iterator[Piece]:
    """Give a file in pieces, and its end; a file that cannot be read to its end costs no other."""
    while True:
        try:
            piece = opened.read(PIECE)
        except Exception as error:
            if not is_damage(error):
                raise
            yield file, None
            return
        yield file, piece
        if not piece:
            return


def is_damage(error: Exception) -> bool:
    """Tell damage in a tar or zip, whatever Python's modules raise for it, from an error of the disk."""
    return not isinstance(error, OSError) or error.errno is None
