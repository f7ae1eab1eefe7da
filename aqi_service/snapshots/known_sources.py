"""Which sources outside the archive need not be read again: they are as a finished load has read them.

One rule: a note of a source only names its snapshot; that this is finished, its manifest says, and the table.
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
"""How long it may take to note a source."""


class KnownSources:
    """The notes of one table's sources, which lie beside its manifests; a source without `seen` has none."""

    def __init__(self, archive: Archive, manifests: ManifestStore, table: str) -> None:
        self._documents = JsonDocuments(archive)
        self._manifests = manifests
        self._table = table

    async def finished_of(
        self, sources: Sequence[Source], scale: str, ttl: int | None = 0
    ) -> dict[Source, str]:
        """Return the snapshot of each source that is as it was when it was read, if that is finished.

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
        """Return a source that is to be read, with the snapshot that it was when it was loaded before.

        So its content is not archived, nor exported, under another name now. That this cannot be looked up is
        no fault of the load.
        """
        note = None
        with suppress(AqiError):
            note = await self._fitting(source)
        return replace(source, noted=str(note["snapshot"])) if note else source

    async def note(self, source: Source, report: LoadReport) -> None:
        """Note what a source was when it was read, if it still is, and its content is in the archive.

        That it cannot be noted is no fault of the load: it is read once more.
        """
        if source.seen and source.look and report.status.is_finished and report.kept_as and report.sha256:
            ours = _seen(source) | {"snapshot": report.kept_as, "sha256": report.sha256}
            await afterwards(self._note(source, ours), NOTE_SECONDS, "source_not_noted")

    async def _note(self, source: Source, ours: Manifest) -> None:
        if source.look and await source.look() == source.seen:
            await self._documents.change(self._key(source), lambda there: None if there == ours else ours)

    async def _fitting(self, source: Source) -> Manifest | None:
        """Read a source's note, if it tells of the source as it is now."""
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
    """Return what a note says of the source itself."""
    return {"source": source.label, **(source.seen._asdict() if source.seen else {})}
