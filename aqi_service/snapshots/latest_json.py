"""`latest.json` of a table: the newest finished snapshot, and notes on loads that it does not cover.

One rule: it is changed as one document, so no note is lost when the snapshot changes.
"""

from collections.abc import Callable

from aqi_service.core.load_notes import Note, Noted, Notes, covered_by, ended_of, notes_of, with_notes
from aqi_service.core.manifest import Manifest, moved
from aqi_service.core.snapshot_names import latest_key
from aqi_service.errors import ConfigError, InGlacier
from aqi_service.snapshots.documents import JsonDocuments
from aqi_service.storage.ports import Archive


class LatestJson:
    """The `latest.json` of one table in one archive."""

    def __init__(self, archive: Archive, table: str) -> None:
        self._documents, self._key = JsonDocuments(archive), latest_key(table)

    async def read(self) -> tuple[Manifest | None, Notes]:
        """Return the newest finished snapshot's manifest, and notes on loads that it does not cover.

        Raises ConfigError if it may not be read: without it nobody knows what the table has.
        """
        try:
            document = await self._documents.read(self._key)
        except InGlacier as error:
            raise ConfigError(str(error)) from error
        return document and with_notes(document, {}), notes_of(document)

    async def noted(self, load_id: str, note: Note, *, replay: bool) -> Noted:
        """Read which other loads run, or ran, before a load begins. Nothing is written yet."""
        _, notes = await self.read()
        return Noted(load_id, note, replay, covered_by(note, notes))

    async def note(self, noted: Noted) -> bool:
        """Note a load that is about to write; False if no snapshot is finished: then memory is empty."""
        return await self._renote(lambda notes: {**notes, noted.load_id: noted.note})

    async def end(self, noted: Noted) -> None:
        """Note that a load writes no more."""
        await self._renote(lambda notes: ended_of(notes, noted))

    async def move(
        self, ours: Manifest, noted: Noted, *, since: int | None, is_ahead: Callable[[Manifest | None], bool]
    ) -> None:
        """Name our snapshot if it is newer than the present one, and note that our load has ended."""
        await self._documents.change(
            self._key, lambda there: moved(there, ours, noted, since=since, ahead=is_ahead(there))
        )

    async def _renote(self, new: Callable[[Notes], Notes]) -> bool:
        """Change only the notes; False if there is no document."""
        if await self._documents.read(self._key) is None:
            return False

        def changed(there: Manifest | None) -> Manifest | None:
            before = notes_of(there)
            notes = new(before)
            return None if notes == before else with_notes(there, notes)

        await self._documents.change(self._key, changed)
        return True
