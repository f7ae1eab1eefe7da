"""Where a snapshot is read from: the live feed, a URL, a file, stdin, or the archive itself.

One rule: whatever the source, a load sees an OpenSnapshot: decoded bytes that are whole or end in an error.
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
        agent: the User-Agent, for those that want one.
        max_bytes: largest decoded size.
        known: what is kept beside the newest snapshot; if that is from this source, the request says so.
    """

    agent: str
    max_bytes: int
    known: SnapshotInfo | None = None


@dataclass(frozen=True, slots=True)
class OpenSnapshot:
    """A snapshot on its way in.

    Attributes:
        chunks: the JSON text, decoded.
        etag: of an HTTP source.
        last_modified: of an HTTP source.
        total: how many decoded bytes will come, if that is known.
        not_modified: True when the source says that nothing is newer than what the condition named.
        clock: what the source's own clock says (epoch seconds), None where it tells nothing.
        day: what the files of a day turn out to be while they are read; None of what is no such day.
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
    """What a source is while it is not read: it is another one once this has changed.

    Attributes:
        location: the whole path or URL.
        size: in bytes, as it is stored.
        state: an object's ETag, or the time of a file's last change in nanoseconds.
    """

    location: str
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class Source:
    """Something that gives one snapshot.

    Attributes:
        label: where it comes from, without credentials or query.
        open: opens it. Raises FetchFailed or CutShort, then or from the chunks.
        named: its name and time (epoch seconds) if the source is named like a snapshot.
        can_wait: True when the table may hold it back as long as it likes (a file; not a peer that sends).
        can_reread: True when it can be read a second time.
        archived: True when it is the archive's own snapshot `named`.
        to_archive: False for what is not to be archived.
        identity: tells a URL from every other one, in its query alone as well; empty for what is no URL.
        seen: what it was when it was chosen; None where only reading tells.
        look: tells what it is now.
        noted: the archived snapshot that it was when it was loaded before, if it has not changed since.
        day: what is known of a day of daily files before it is read; None of what is no such day.
        exported_as: what an export calls a day, by its files' names alone: files that were touched, or have
            more rows by now, replace what was exported of them, and files of other sensors do not.
        is_other_mean: whether its name says that its values are of 5 minutes or of an hour.
        prepare: gives the source to load in place of this one, where something has to be looked at first.
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
        """Tell whether it has a manifest by its own name, as it stays where it is and can be read again."""
        return self.archived or self.day is not None


def source_of(text: str) -> Source:
    """Return the source that a text stands for: a file's path, `-` (stdin) or an http(s) URL."""
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
    """Return the live feed, which is named by the time of its reading, whatever its URL."""
    label = public_url(url)
    return Source(
        label,
        partial(_fetched, url),
        can_wait=False,
        identity=identity_of(url),
        is_other_mean=is_other_mean(label),
    )


def identity_of(url: str) -> str:
    """Return what a URL is known by: a hash of all of it, since the label leaves out query and password."""
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()


def archived_source(archive: Archive, name: str, snapshot_time: int) -> Source:
    """Return a snapshot that is in the archive already, to load it again."""
    source = stored_source(f"archive:{name}", partial(archive.read, name), (name, snapshot_time))
    return replace(source, archived=True, to_archive=False)


def stored_source(
    label: str,
    read: Callable[[], AsyncGenerator[bytes, None]],
    named: tuple[str, int] | None = None,
    size: int | None = None,
) -> Source:
    """Return a source that `read` gives the bytes of, as often as it is called; `size` in bytes, if known."""

    @asynccontextmanager
    async def opened(asking: FetchOptions) -> AsyncIterator[OpenSnapshot]:
        async with aclosing(read()) as raw, aclosing(decoded(raw, asking.max_bytes)) as chunks:
            yield OpenSnapshot(chunks, total=size)

    return Source(label, opened, named, is_other_mean=is_other_mean(label))


async def from_offset(source: Source, asking: FetchOptions, offset: int) -> AsyncGenerator[bytes, None]:
    """Yield the source's decoded bytes from `offset` on; what comes before is read, too."""
    async with source.open(asking) as incoming:
        async for chunk in incoming.chunks:
            yield chunk[offset:]
            offset = max(0, offset - len(chunk))


def info_of(source: Source, incoming: OpenSnapshot) -> SnapshotInfo:
    """Return what is kept beside a snapshot of the source, with an id of its own for this load."""
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
    """Return the size of a plain file that is not packed, going by its name."""
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
