"""Where a snapshot is read from: the live feed, a URL, a file, stdin, or the archive itself.

One rule: every source gives a load an OpenSnapshot: decoded bytes that are whole or end in an error.
"""

import errno
import hashlib
import os
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import unquote

from aqi_service.core.parse.day_csv import DayCounts
from aqi_service.core.parse.gunzip import Gunzip
from aqi_service.core.report import DayFacts
from aqi_service.core.snapshot_names import is_other_mean, parse_file_name
from aqi_service.snapshots.download import download
from aqi_service.snapshots.read_ahead import read_ahead
from aqi_service.snapshots.redirects import public_url
from aqi_service.storage.ports import Archive, SnapshotInfo


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How to ask a source.

    Attributes:
        agent: the User-Agent, for sources that take one.
        max_bytes: the largest decoded size.
        known: the metadata of the newest snapshot; if that is from this source, the request is conditional.
    """

    agent: str
    max_bytes: int
    known: SnapshotInfo | None = None


@dataclass(frozen=True, slots=True)
class OpenSnapshot:
    """A snapshot that is being read.

    Attributes:
        chunks: the JSON text, decoded.
        etag: of an HTTP source.
        last_modified: of an HTTP source.
        total: how many decoded bytes will come, if known.
        not_modified: True if the source says that it has nothing newer than the condition named.
        clock: the time of the source's own clock (epoch seconds), None if not given.
        day: counts of a day's files while they are read; None unless it is such a day.
    """

    chunks: AsyncIterator[bytes]
    etag: str = ""
    last_modified: str = ""
    total: int | None = None
    not_modified: bool = False
    clock: float | None = None
    day: DayCounts | None = None


Opener = Callable[[FetchOptions], AbstractAsyncContextManager[OpenSnapshot]]


class Seen(NamedTuple):
    """The state of a source: if it changes, the source counts as another one.

    Attributes:
        location: the whole path or URL.
        size: in bytes, as stored.
        state: an object's ETag, or the time of a file's last change in nanoseconds.
    """

    location: str
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class Source:
    """Something that gives one snapshot.

    Attributes:
        label: where the snapshot comes from, without credentials or query.
        open: opens it. Raises FetchFailed or CutShort, then or from the chunks.
        named: its name and time (epoch seconds) if the source is named like a snapshot.
        can_wait: True if the table may hold it back without limit (a file, but not a sending peer).
        can_reread: True if it can be read a second time.
        archived: True if it is the archive's own snapshot `named`.
        to_archive: False if it must not be archived.
        identity: identifies a URL, also by its query; empty if the source is no URL.
        seen: its state when it was chosen; None if only reading can tell.
        look: returns its state now.
        noted: the archived snapshot that an earlier load of it made, if it has not changed since.
        day: what is known of a day of daily files before it is read; None unless it is such a day.
        exported_as: the name of a day in an export, made only from its files' names: so files that were
            touched, or have more rows now, replace their export, and files of other sensors do not.
        is_other_mean: whether its name says that its values are means of 5 minutes or of an hour.
        prepare: gives the source to load instead of this one, if something must be read first.
    """

    label: str
    open: Opener
    named: tuple[str, int] | None = None
    can_wait: bool = True
    can_reread: bool = True
    archived: bool = False
    to_archive: bool = True
    identity: str = ""
    seen: Seen | None = None
    look: Callable[[], Awaitable[Seen | None]] | None = None
    noted: str | None = None
    day: DayFacts | None = None
    exported_as: str = ""
    is_other_mean: bool = False
    prepare: Callable[[], Awaitable["Source"]] | None = None

    @property
    def has_manifest(self) -> bool:
        """Tell whether its manifest has its own name, since it stays where it is and can be read again."""
        return self.archived or self.day is not None


def source_of(text: str) -> Source:
    """Return the source for a text: a file's path, `-` (stdin) or an http(s) URL."""
    if text == "-":
        return Source("stdin", partial(_opened, _stdin, "stdin", None), can_wait=False, can_reread=False)
    if is_url(text):
        label = public_url(text)
        named = parse_file_name(unquote(label.rpartition("/")[2]))
        opened, other = partial(_fetched, text), is_other_mean(label)
        return Source(label, opened, named, can_wait=False, identity=identity_of(text), is_other_mean=other)
    path, label = Path(text), os.fsencode(text).decode("utf-8", "backslashreplace")
    opened = partial(_opened, partial(_file, path), label, path)
    return Source(label, opened, parse_file_name(path.name), is_other_mean=is_other_mean(label))


def live_feed(url: str) -> Source:
    """Return the live feed, whose snapshots are named by the time of reading, whatever its URL."""
    label = public_url(url)
    return Source(
        label,
        partial(_fetched, url),
        can_wait=False,
        identity=identity_of(url),
        is_other_mean=is_other_mean(label),
    )


def identity_of(url: str) -> str:
    """Return a URL's identity: a hash of the whole URL, since the label leaves out query and password."""
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()


def archived_source(archive: Archive, name: str, snapshot_time: int) -> Source:
    """Return the source of a snapshot that is already in the archive, to load it again."""
    source = stored_source(f"archive:{name}", partial(archive.read, name), (name, snapshot_time))
    return replace(source, archived=True, to_archive=False)


def stored_source(
    label: str,
    read: Callable[[], AsyncGenerator[bytes, None]],
    named: tuple[str, int] | None = None,
    size: int | None = None,
) -> Source:
    """Return a source whose bytes `read` gives, as often as it is called; `size` in bytes, if known."""

    @asynccontextmanager
    async def opened(asking: FetchOptions) -> AsyncIterator[OpenSnapshot]:
        async with aclosing(read()) as raw, aclosing(decoded(raw, asking.max_bytes)) as chunks:
            yield OpenSnapshot(chunks, total=size)

    return Source(label, opened, named, is_other_mean=is_other_mean(label))


async def from_offset(source: Source, asking: FetchOptions, offset: int) -> AsyncGenerator[bytes, None]:
    """Yield the source's decoded bytes from `offset` on; the bytes before are read, too."""
    async with source.open(asking) as incoming:
        async for chunk in incoming.chunks:
            yield chunk[offset:]
            offset = max(0, offset - len(chunk))


def info_of(source: Source, incoming: OpenSnapshot) -> SnapshotInfo:
    """Return the metadata for a snapshot of the source, with a new id for this load."""
    return SnapshotInfo(
        source.label, uuid.uuid4().hex, incoming.etag, incoming.last_modified, source.identity
    )


def is_url(text: str) -> bool:
    """Tell whether the text is an http(s) URL."""
    return text.lower().startswith(("http://", "https://"))


@asynccontextmanager
async def _fetched(url: str, asking: FetchOptions) -> AsyncIterator[OpenSnapshot]:
    known = asking.known if asking.known and asking.known.source_id == identity_of(url) else None
    headers = _conditions(known) if known else {}
    async with (
        download(url, asking.agent, headers) as answer,
        aclosing(decoded(answer.chunks, asking.max_bytes)) as chunks,
    ):
        not_modified = answer.status == 304
        yield OpenSnapshot(
            chunks, answer.etag, answer.last_modified, answer.length, not_modified, answer.clock
        )


@asynccontextmanager
async def _opened(
    opened: Callable[[], IO[bytes]], label: str, path: Path | None, asking: FetchOptions
) -> AsyncIterator[OpenSnapshot]:
    async with aclosing(read_ahead(opened, label)) as raw, aclosing(decoded(raw, asking.max_bytes)) as chunks:
        yield OpenSnapshot(chunks, total=_size(path) if path else None)


def _size(path: Path) -> int | None:
    """Return the size of a plain file that by its name is not packed."""
    try:
        return path.stat().st_size or None if path.suffix != ".gz" and path.is_file() else None
    except OSError:
        return None


def _conditions(known: SnapshotInfo) -> dict[str, str]:
    sent = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in sent.items() if value}


async def decoded(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncGenerator[bytes, None]:
    """Yield the bytes, unpacked if they are gzip; at most `max_bytes` of them."""
    gunzip = Gunzip(max_bytes)
    async for chunk in chunks:
        for piece in gunzip.feed(chunk):
            yield piece
    for piece in gunzip.close():
        yield piece


def _file(path: Path) -> IO[bytes]:
    return path.open("rb", buffering=0)


def _stdin() -> IO[bytes]:
    if sys.stdin is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
