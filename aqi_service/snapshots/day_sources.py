"""Days of daily files as sources: one day is one source, whatever folders its files are in.

One rule: a day's files are listed only at its turn, and forgotten afterwards.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial

from aqi_service.core.day_names import DayEntry, day_source_name, day_text, end_of_day
from aqi_service.core.parse.day_csv import DayDocument, DayFileReader
from aqi_service.core.report import DayFacts
from aqi_service.errors import FetchFailed
from aqi_service.snapshots.day_folders import DayFile, DayFolder
from aqi_service.snapshots.sources import FetchOptions, OpenSnapshot, Source

OUT_BYTES = 64 * 1024
"""Bytes of the document that are passed on together."""

_Listed = Sequence[tuple[DayFolder, Sequence[DayFile]]]


def day_sources(folders: Iterable[DayFolder]) -> list[Source]:
    """Return the days of all folders, each once, in order."""
    days: dict[int, list[DayFolder]] = {}
    for folder in folders:
        for day in folder.days:
            days.setdefault(day, []).append(folder)
    return [_source(day, found) for day, found in sorted(days.items())]


def digest_of(entries: Iterable[DayEntry]) -> str:
    """Return a digest of a day's files in any order: of their names, sizes and times."""
    sha = hashlib.sha256()
    for entry in sorted(entries):
        sha.update(f"{entry.file}\0{entry.size}\0{entry.time}\n".encode())
    return sha.hexdigest()


def _source(day: int, folders: Sequence[DayFolder]) -> Source:
    """Return a day whose files are not listed yet: `prepare` lists them."""
    unlisted = _unlisted(_label(day, folders), day, FetchFailed("its files were not listed"))
    return replace(unlisted, prepare=partial(_prepared, day, folders))


async def _prepared(day: int, folders: Sequence[DayFolder]) -> Source:
    """List a day's files; if that fails, or none is left, the source cannot be opened."""
    label, end = _label(day, folders), end_of_day(day)
    try:
        listed = [(folder, await folder.files(day)) for folder in folders]
    except FetchFailed as error:
        return _unlisted(label, day, error)
    entries = [file.entry for _, files in listed for file in files]
    if not entries:
        return _unlisted(label, day, FetchFailed(f"{label}: no file of it is there now"))
    digest = digest_of(entries)
    exported_as = day_source_name(day, digest_of(entry._replace(size=0, time=0) for entry in entries))
    return Source(
        label,
        partial(_opened, listed),
        (day_source_name(day, digest), end),
        to_archive=False,
        day=DayFacts(files=len(entries), digest=digest),
        exported_as=exported_as,
    )


def _unlisted(label: str, day: int, error: FetchFailed) -> Source:
    named = (day_source_name(day, ""), end_of_day(day))
    return Source(label, partial(_failing, error), named, to_archive=False, day=DayFacts())


def _label(day: int, folders: Sequence[DayFolder]) -> str:
    more = f" and {len(folders) - 1} more" if len(folders) > 1 else ""
    return f"{folders[0].label}{more}: {day_text(day)}"


def _failing(error: FetchFailed, _: FetchOptions) -> AbstractAsyncContextManager[OpenSnapshot]:
    raise error


@asynccontextmanager
async def _opened(listed: _Listed, asking: FetchOptions) -> AsyncIterator[OpenSnapshot]:
    names = (file.name for _, files in listed for file in files)
    document = DayDocument(names, asking.max_bytes)
    async with aclosing(_written(document, listed)) as chunks:
        yield OpenSnapshot(chunks, day=document.counts)


async def _written(document: DayDocument, listed: _Listed) -> AsyncGenerator[bytes, None]:
    """Read the files one after the other, and give the document made from them."""
    out = bytearray()
    for folder, files in listed:
        reader: DayFileReader | None = None
        async with aclosing(folder.pieces(files)) as pieces:
            async for file, piece in pieces:
                reader = reader or document.open(file.name)
                if piece:
                    reader.feed(piece)
                    continue
                reader.close(is_whole=piece is not None)
                reader = None
                out += document.close(file.name)
                if len(out) >= OUT_BYTES:
                    yield bytes(out)
                    out.clear()
    yield bytes(out) + document.end()
