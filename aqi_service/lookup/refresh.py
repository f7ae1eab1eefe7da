r"""Brings the newest finished snapshot from the archive into memory: at the start, and whenever it changes.

    load --ids that change---> memory <--index-- refresher <--bytes-- archive
        \-----------"finished"-------------------^ looks at once

One rule: only the snapshot that `latest.json` names counts, and only records that the table certainly has.
Records that loads of other processes may have written are left to the table until both were compared.
"""

import asyncio
import logging
import math
from collections.abc import Callable

from aqi_service.core.index_exclusions import without_sensors
from aqi_service.core.load_notes import NO_DOUBT, Notes, doubt
from aqi_service.core.manifest import Manifest, data_time, version_of
from aqi_service.core.scales import SCALES
from aqi_service.core.scoring import Scale
from aqi_service.core.snapshot_index import SnapshotIndex
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.errors import AqiError, MissingResource, Unavailable
from aqi_service.lookup.index_reader import IndexReader
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.shutdown import Stop
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.sources import FetchOptions
from aqi_service.storage.ports import Storage
from aqi_service.storage.turns import in_turns

log = logging.getLogger("aqi_service")

POLL_SECONDS = 30.0
"""How often (seconds) `latest.json` is read: with the time to read a snapshot, memory is at most a minute
behind."""

MOST_LOOKS = 64
"""A snapshot that could not be read is read again at the next look, then 2, 4 ... looks later, at most this
many: half an hour."""


class MemoryRefresher:
    """Keeps a MemoryIndex at the newest finished snapshot of one table.

    `told` gets the newest finished timestamp at each look.
    """

    def __init__(
        self,
        storage: Storage,
        table: str,
        memory: MemoryIndex,
        asking: FetchOptions,
        told: Callable[[object], None],
    ) -> None:
        self._manifests = ManifestStore(storage, table, now=memory.now)
        self._memory = memory
        self._reader = IndexReader(storage, memory, asking)
        self._told = told
        self._failed: SnapshotVersion | None = None
        self._failures = self._looks_left = 0
        self._last_table_id: object = None

    async def run(self, stop: Stop) -> None:
        """Look again and again until `stop`; if anything goes wrong, the table answers meanwhile.

        It looks immediately when a load of this process has finished a snapshot, and when sensors are left
        out.
        """
        while not stop.is_set():
            self._memory.renewable.clear()
            try:
                await stop.guard(self.look())
            except AqiError as error:
                log.info("memory_not_renewed", extra={"error": str(error)})
            except Exception as error:
                log.exception("memory_not_renewed", extra={"error": str(error)})
            await stop.wait_or(self._memory.renewable, POLL_SECONDS)

    async def look(self) -> None:
        """Find the newest snapshot, and read it unless memory has it; compare records in doubt."""
        if (index := self._memory.index) is not None:
            self._memory.left_out(index, await self._fitting(index))
        manifest, notes = await self._manifests.latest_json.read()
        if manifest is None:
            return
        self._told(manifest.get("newest"))
        self._memory.heard(data_time(manifest))
        if self._manifests.is_ahead(manifest):  # the table has it, and later ones may not be told of
            self._memory.drop("the newest snapshot is named ahead of the clock")
            return
        version = version_of(manifest)
        behind = version is not None and self._memory.wants(version)
        if version and behind and not self._memory.has(version):
            self._doubt_while_behind(version, notes)
        else:
            self._memory.doubt(self._doubt(notes))
        if not await self._is_of_this_table(manifest):
            self._memory.drop()
            return
        scale = SCALES.get(version.scale) if version else None
        if version and scale and behind and self._is_due(version):
            await self._renew(version, scale, manifest)
            behind = False
        if not behind:
            await self._compare(notes)

    def _doubt_while_behind(self, version: SnapshotVersion, notes: Notes) -> None:
        """Leave to the table all records that may have changed there before this snapshot was finished.

        What a load of this process wrote is left to it in any case; then only earlier doubts remain.
        """
        memory = self._memory
        if memory.has_loaded(version):
            memory.doubt_more(self._doubt(notes))
        else:
            memory.doubt(math.inf)

    async def _renew(self, version: SnapshotVersion, scale: Scale, manifest: Manifest) -> None:
        """Read a snapshot into memory; if that takes long, or fails, everything is left to the table.

        If the snapshot in memory cannot be read again after sensors were left out, it is right without them.
        """
        memory = self._memory
        most = NO_DOUBT if memory.has(version) else math.inf
        late = asyncio.get_running_loop().call_later(POLL_SECONDS, memory.doubt, math.inf)
        try:
            memory.offer(await self._fitting(await self._reader.read(version, scale, manifest)))
        except Exception:
            self._put_off(version)
            memory.doubt_more(most)
            raise
        finally:
            late.cancel()

    async def _fitting(self, index: SnapshotIndex) -> SnapshotIndex:
        """Return the index without the sensors that are now left out."""
        while index.excluded is not (excluded := self._memory.excluded.ids):
            index = await in_turns(without_sensors(index, excluded))
        return index

    def _doubt(self, notes: Notes) -> float:
        memory = self._memory
        return doubt(notes, memory.process, memory.known, memory.now()).until

    async def _compare(self, notes: Notes) -> None:
        """Compare with the table the records that ended loads may have overtaken, and end the doubt.

        The whole index is compared when it is a day old, so a deleted item is not answered for longer.
        """
        memory = self._memory
        found = doubt(notes, memory.process, memory.known, memory.now())
        memory.doubt(found.until)
        index = memory.index
        is_due = index is not None and index.is_due(memory.now())
        until = math.inf if memory.mixed or is_due else found.ended_until
        known = memory.known & notes.keys()
        if index is not None and until > NO_DOUBT:
            memory.confirmed(index, await self._reader.confirmed(index, until), found.ended | known)
            memory.doubt(self._doubt(notes))

    def _is_due(self, version: SnapshotVersion) -> bool:
        """Tell whether to read a snapshot at this look: after a failure it is left alone for a while."""
        self._looks_left -= 1
        return version != self._failed or self._looks_left <= 0

    def _put_off(self, version: SnapshotVersion) -> None:
        self._failures = self._failures + 1 if version == self._failed else 1
        self._failed, self._looks_left = version, min(2 ** (self._failures - 1), MOST_LOOKS)

    async def _is_of_this_table(self, manifest: Manifest) -> bool:
        """Tell whether the manifest is of this table (of the one that last answered, while none answers).

        Raises Unavailable if that one is not known, or was another.
        """
        named = manifest.get("table_id")
        try:
            same = await self._manifests.is_of_this_table(manifest)
        except MissingResource:
            same = False
        except Unavailable:
            if named is None or named != self._last_table_id:
                raise
            return True
        self._last_table_id = named if same else None
        return same
