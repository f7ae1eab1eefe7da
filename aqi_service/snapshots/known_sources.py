"""Which sources outside the archive need not be read again: those unchanged since a finished load read them.

One rule: a source's note only names its snapshot; the manifest and the table say whether that is finished.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from aqi_service.core.manifest import Manifest
from aqi_service.core.report import LoadReport
from aqi_service.core.snapshot_names import parse_name, source_key
from aqi_service.errors import AqiError, InGlacier
from aqi_service.snapshots.documents import JsonDocuments
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.sources import Source, identity_of
from aqi_service.storage.cleanup import afterwards
from aqi_service.storage.ports import Archive

NOTE_SECONDS = 30.0
"""How many seconds it may take to note a source."""


class KnownSources:
    """The notes on one table's sources, stored beside its manifests; a source without `seen` has none."""

    def __init__(self, archive: Archive, manifests: ManifestStore, table: str) -> None:
        self._documents = JsonDocuments(archive)
        self._manifests = manifests
        self._table = table

    async def finished_of(
        self, sources: Sequence[Source], scale: str, ttl: int | None = 0
    ) -> dict[Source, str]:
        """Return the finished snapshot of each source that is unchanged since it was read.

        `ttl` is as `ManifestStore.claims` takes it.
        """
        notes = await asyncio.gather(*map(self._fitting, sources))
        noted = {source: note for source, note in zip(sources, notes, strict=True) if note}
        names = dict.fromkeys(str(note["snapshot"]) for note in noted.values())
        claims = await self._manifests.claims(tuple(names), scale, ttl)
        finished = await self._manifests.borne_out(claims)
        return {
            source: name
            for source, note in noted.items()
            if (name := str(note["snapshot"])) in finished and claims[name].sha256 == note["sha256"]
        }

    async def noted(self, source: Source) -> Source:
        """Return a source that must be read, with the snapshot that an earlier load of it made.

        So its content is not archived or exported under another name. If this cannot be looked up, the load
        is not at fault.
        """
        note = None
        with suppress(AqiError):
            note = await self._fitting(source)
        return replace(source, noted=str(note["snapshot"])) if note else source

    async def note(self, source: Source, report: LoadReport) -> None:
        """Note a source's state when it was read, if it is unchanged and its content is in the archive.

        If it cannot be noted, the load is not at fault: the source is read once more.
        """
        if source.seen and source.look and report.status.is_finished and report.kept_as and report.sha256:
            ours = _seen(source) | {"snapshot": report.kept_as, "sha256": report.sha256}
            await afterwards(self._note(source, ours), NOTE_SECONDS, "source_not_noted")

    async def _note(self, source: Source, ours: Manifest) -> None:
        if source.look and await source.look() == source.seen:
            await self._documents.change(self._key(source), lambda there: None if there == ours else ours)

    async def _fitting(self, source: Source) -> Manifest | None:
        """Read a source's note, if it describes the source as it is now."""
        if source.seen is None:
            return None
        try:
            note = await self._documents.read(self._key(source))
        except InGlacier:
            return None
        if note is None or not _seen(source).items() <= note.items():
            return None
        return note if parse_name(str(note.get("snapshot"))) and "sha256" in note else None

    def _key(self, source: Source) -> str:
        return source_key(self._table, identity_of(source.seen.location) if source.seen else "")


def _seen(source: Source) -> Manifest:
    """Return the source's state in a note."""
    return {"source": source.label, **(source.seen._asdict() if source.seen else {})}
