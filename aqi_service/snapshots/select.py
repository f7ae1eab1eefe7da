"""Which snapshots a `--load-only` loads: all those that `--from` names, in the order of their time.

One rule: nothing is loaded before all named sources have been found. (A URL is asked only at its turn: a web
server may have later what it does not have now.)
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from aqi_service.core.clocks import is_ahead
from aqi_service.core.day_names import EXAMPLE
from aqi_service.core.s3_urls import ARCHIVE, is_prefix, is_snapshot_key, parse_s3
from aqi_service.core.selection import Selection
from aqi_service.core.snapshot_names import order_of, parse_file_name, parse_name
from aqi_service.errors import ConfigError, MissingResource
from aqi_service.snapshots.day_objects import DaysFound, object_folder
from aqi_service.snapshots.day_packs import PACK_ENDINGS
from aqi_service.snapshots.day_sources import day_sources
from aqi_service.snapshots.file_sources import (
    CSV_ENDINGS,
    NO_DAYS,
    SourceOrFolder,
    empty_folder,
    file_source,
    in_folder,
    is_folder,
)
from aqi_service.snapshots.named_ahead import tell_ahead
from aqi_service.snapshots.redirects import public_url
from aqi_service.snapshots.sources import Seen, Source, archived_source, is_url, source_of, stored_source
from aqi_service.storage.backend import SnapshotLocations
from aqi_service.storage.ports import ObjectEntry, Objects

LOOKS = 16
"""How many sources are searched for at the same time."""

TOLD = 5
"""An error names at most this many missing sources."""


async def choose(
    texts: Sequence[str], locations: SnapshotLocations, selection: Selection, others: int, clock: float
) -> list[Source]:
    """Return the sources to load, oldest first, and in one minute in the order of their suffixes.

    Sources without a time in their name have the time `others`. Snapshots of an archive, a folder or a prefix
    that are named ahead of `clock` (epoch seconds) are left out and logged.

    Raises ConfigError for a source that does not exist or may not be read, and for a folder or prefix without
    any.
    """
    named: list[list[SourceOrFolder] | BaseException] = []
    for start in range(0, len(texts), LOOKS):
        looks = (_named(text, locations, clock) for text in texts[start : start + LOOKS])
        named += await asyncio.gather(*looks, return_exceptions=True)
    every = _all_of(named)
    found = [each for each in every if isinstance(each, Source)]
    found += _not_ahead(day_sources(each for each in every if not isinstance(each, Source)), clock)
    found.sort(key=lambda source: order_of(source.named[0])[1] if source.named else 1)
    return selection.of((source.named[1] if source.named else others, source) for source in found)


def look_here(texts: Sequence[str], locations: SnapshotLocations) -> None:
    """Check that the named files and folders exist, before anything is made or asked for them.

    Raises ConfigError as `choose` does.
    """
    named: list[list[SourceOrFolder] | BaseException] = []
    for text in texts:
        if text != ARCHIVE and _is_here(text, locations):
            try:
                named.append(_sources_here(text, locations))
            except ConfigError as error:
                named.append(error)
    _all_of(named)


def _is_here(text: str, locations: SnapshotLocations) -> bool:
    return parse_s3(text) is None or locations.objects is None


def _all_of(named: Sequence[list[SourceOrFolder] | BaseException]) -> list[SourceOrFolder]:
    """Return the sources; raises the first error, and ConfigErrors (at most TOLD) as one."""
    wrong = [each for each in named if isinstance(each, BaseException)]
    mine = [error for error in wrong if isinstance(error, ConfigError)]
    if len(mine) > 1 and len(mine) == len(wrong):
        more = f"; and {len(mine) - TOLD} more" if len(mine) > TOLD else ""
        raise ConfigError("; ".join(map(str, mine[:TOLD])) + more)
    for error in wrong:
        raise error
    return [source for sources in named if isinstance(sources, list) for source in sources]


async def _named(text: str, locations: SnapshotLocations, clock: float) -> list[SourceOrFolder]:
    """Return the sources of one `--from`."""
    if text == ARCHIVE:
        parsed_names = map(parse_name, await locations.archive.names())
        archived = [archived_source(locations.archive, *named) for named in parsed_names if named]
        return [*_not_ahead(archived, clock)]
    parsed = parse_s3(text)
    if parsed is None or locations.objects is None:
        return _here(text, locations, clock)
    bucket, key = parsed
    if not is_prefix(key):
        return [await _one_object(text, locations, locations.objects, bucket, key)]
    wanted, found_days = [], DaysFound()
    async with aclosing(locations.objects.each(bucket, key)) as entries:
        async for entry in entries:
            if is_snapshot_key(entry.key):
                wanted.append(entry)
            else:
                found_days.note(entry.key)
    days = found_days.folders(locations.objects, bucket)
    if not (wanted or days):
        raise MissingResource(
            f"{text}: no object under it ends in .json or .json.gz, and there is no daily file "
            f"({EXAMPLE}, also .gz; tars and zips are read from a disk): name another prefix"
        )
    found = [_object(locations, locations.objects, bucket, entry.key, entry) for entry in wanted]
    return [*_not_ahead(found, clock), *days]


async def _one_object(
    text: str, locations: SnapshotLocations, objects: Objects, bucket: str, key: str
) -> SourceOrFolder:
    """Return the source of one object. Raises ConfigError for a form that is loaded only from a disk."""
    folder = object_folder(objects, bucket, key)
    if folder is None and key.lower().endswith((*CSV_ENDINGS, *PACK_ENDINGS)):
        raise _not_from_there(text)
    entry = await objects.look(bucket, key)
    return folder or _object(locations, objects, bucket, key, entry)


def _not_from_there(text: str) -> ConfigError:
    """Say of a tar, a zip or a CSV that it is not read over the network."""
    return ConfigError(
        f"{text}: tars and zips are read from a disk, and daily files from a disk or an s3:// prefix: "
        "fetch it first (docs/backfill.md)"
    )


def _here(text: str, locations: SnapshotLocations, clock: float) -> list[SourceOrFolder]:
    """Return the sources of a text that names nothing in S3."""
    found = _sources_here(text, locations)
    if not any(isinstance(each, Source) or each.days for each in found):  # here tars and zips are listed
        raise empty_folder(text) if is_folder(text) else MissingResource(f"{text}: there is {NO_DAYS} in it")
    if not is_folder(text):
        return found
    snapshots = [each for each in found if isinstance(each, Source)]
    return [*_not_ahead(snapshots, clock), *(each for each in found if not isinstance(each, Source))]


def _sources_here(text: str, locations: SnapshotLocations) -> list[SourceOrFolder]:
    if is_url(text) and public_url(text).lower().endswith((*CSV_ENDINGS, *PACK_ENDINGS)):
        raise _not_from_there(public_url(text))
    if text == "-" or is_url(text):
        return [source_of(text)]
    return in_folder(text, locations) if is_folder(text) else [file_source(text, locations)]


def _not_ahead(found: Sequence[Source], clock: float) -> list[Source]:
    """Leave out snapshots that a wrong clock named."""
    wrong = {source.label for source in found if source.named and is_ahead(source.named[1], clock)}
    tell_ahead(sorted(wrong))
    return [source for source in found if source.label not in wrong]


def _object(
    locations: SnapshotLocations, objects: Objects, bucket: str, key: str, entry: ObjectEntry | None
) -> Source:
    """Return the source of one object; one in the archive's own bucket is not archived again."""
    named = parse_file_name(key.rpartition("/")[2])
    inside = bucket == locations.bucket
    if inside and named and named[0] == key:
        return archived_source(locations.archive, *named)
    size = None if key.endswith(".gz") or entry is None else entry.size
    source = stored_source(f"s3://{bucket}/{key}", partial(objects.read, bucket, key), named, size)
    look = partial(_look, objects, bucket, key)
    return replace(source, to_archive=not inside, seen=_seen(bucket, entry), look=look)


def _seen(bucket: str, entry: ObjectEntry | None) -> Seen | None:
    """Return the state of an object; None if its ETag does not identify it."""
    if entry is None or not entry.etag:
        return None
    return Seen(f"s3://{bucket}/{entry.key}", entry.size, entry.etag)


async def _look(objects: Objects, bucket: str, key: str) -> Seen | None:
    return _seen(bucket, await objects.look(bucket, key))
