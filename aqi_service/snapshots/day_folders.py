"""Folders of daily files: what is one (a tar, a zip or a prefix, too), and the plain one on a disk.

One rule: what a disk refuses is an error of the day; what is merely damaged ends a file, and costs no other.
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
        name: what its name says.
        entry: what it is known by.
        at: where it is in there.
    """

    name: DayName
    entry: DayEntry
    at: str


Piece = tuple[DayFile, bytes | None]
"""A file's next bytes; empty ones are its end, and None is an end behind which more could not be read."""


class DayFolder(Protocol):
    """Where daily files lie together: a folder, a tar, a zip, or a prefix of S3."""

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


class LocalDayFolder(ABC):
    """One on this machine, listed and read in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def label(self) -> str:
        """Its path, made harmless."""
        return os.fsencode(self.path).decode("utf-8", "backslashreplace")

    @cached_property
    def days(self) -> Collection[int]:
        """The days of which there was a file when it was looked for first.

        Raises ConfigError if it cannot be looked into.
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
        """Read some of them."""
        return ahead(lambda: self._read(files), self.label)

    @abstractmethod
    def _days(self) -> Iterable[int]: ...

    @abstractmethod
    def _list(self, day: int) -> Iterable[DayFile]: ...

    @abstractmethod
    def _read(self, files: Sequence[DayFile]) -> Iterator[Piece]: ...


class PlainDayFolder(LocalDayFolder):
    """The daily files right in a folder; with `only`, the one of that name."""

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
    """Give a file in pieces, and its end; what cannot be read from some byte on is no error of the others."""
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
    """Tell damage in a tar or zip, whatever error Python's modules make of it, from what a disk refuses."""
    return not isinstance(error, OSError) or error.errno is None
