r"""Bring the newest finished snapshot into memory, out of the archive: at the start, and whenever another is.

    load --ids that move on--> memory <--index-- refresher <--bytes-- archive
        \-----------"finished"-------------------^ looks at once

One rule: only the snapshot that `latest.json` names counts, and only as far as the table surely has it: what
loads of other processes may have written beside it is left to the table until the two have been compared.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from aqi_service.core.exclusions import EXCLUDED
from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.index_exclusions import without_sensors
from aqi_service.core.items import Item, is_expired
from aqi_service.core.load_notes import NO_DOUBT, Notes, doubt
from aqi_service.core.manifest import Manifest, data_time, version_of
from aqi_service.core.packed_item import unpack
from aqi_service.core.parse.document import DocumentReader, ParsedBatch
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.scales import SCALES
from aqi_service.core.scoring import Scale
from aqi_service.core.sensors import sensors_of
from aqi_service.core.snapshot_index import IndexBuilder, SnapshotIndex
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.core.times import feed_time
from aqi_service.errors import AqiError, MissingResource, Unavailable
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.shutdown import Stop
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.sources import FetchOptions, archived_source
from aqi_service.storage.ports import READ_LIMIT, Storage
from aqi_service.storage.turns import give_way, in_turns

log = logging.getLogger("aqi_service")

POLL_SECONDS = 30.0
"""How often `latest.json` is looked at: with the time that a snapshot takes to read, memory is at most a
minute behind."""

MOST_LOOKS = 64
"""A snapshot that could not be read is read again at the next look, then 2, 4 ... looks later, at most so
many: half an hour."""


COMPARE_SECONDS = 120.0
"""How long it may take to compare memory with the table."""


class MemoryRefresher:
    """Keeps a MemoryIndex at the newest finished snapshot of one table.

    `told` gets the newest timestamp that is finished, whenever it is looked at.
    """

    def __init__(
        self,
        storage: Storage,
        table: str,
        latest: MemoryIndex,
        asking: FetchOptions,
        told: Callable[[object], None],
    ) -> None:
        self._archive, self._store = storage.archive, storage.store
        self._manifests = ManifestStore(storage, table, now=latest.now)
        self._latest = latest
        self._asking = asking
        self._told = told
        self._failed: SnapshotVersion | None = None
        self._failures = self._looks_left = 0
        self._last_table_id: object = None

    async def run(self, stop: Stop) -> None:
        """Look, and look again, until `stop`; whatever goes wrong, the table answers meanwhile.

        It looks at once when a load of this process has finished a snapshot, and when sensors are left out.
        """
        while not stop.is_set():
            self._latest.renewable.clear()
            try:
                await stop.guard(self.look())
            except AqiError as error:
                log.info("memory_not_renewed", extra={"error": str(error)})
            except Exception as error:
                log.exception("memory_not_renewed", extra={"error": str(error)})
            await stop.wait_or(self._latest.renewable, POLL_SECONDS)

    async def look(self) -> None:
        """See which snapshot is the newest, and read it unless memory has it; compare what is in doubt."""
        if (index := self._latest.index) is not None:
            self._latest.left_out(index, await self._fitting(index))
        manifest, notes = await self._manifests.standing()
        if manifest is None:
            return
        self._told(manifest.get("newest"))
        self._latest.heard(data_time(manifest))
        if self._manifests.is_ahead(manifest):  # the table has it, and later ones may not be told of
            self._latest.drop("the newest snapshot is named ahead of the clock")
            return
        version = version_of(manifest)
        behind = version is not None and self._latest.wants(version)
        if version and behind and not self._latest.has(version):
            self._doubt_while_behind(version, notes)
        else:
            self._latest.doubt(self._doubt(notes))
        if not await self._is_of_this_table(manifest):
            self._latest.drop()
            return
        scale = SCALES.get(version.scale) if version else None
        if version and scale and behind and self._is_due(version):
            await self._renew(version, scale, manifest)
            behind = False
        if not behind:
            await self._compare(notes)

    def _doubt_while_behind(self, version: SnapshotVersion, notes: Notes) -> None:
        """Leave all to the table that may have moved on there before this snapshot was finished.

        What a load of this process wrote is left to it anyway; then others' that were in doubt stay so.
        """
        latest = self._latest
        if latest.has_loaded(version):
            latest.doubt_more(self._doubt(notes))
        else:
            latest.doubt(math.inf)

    async def _renew(self, version: SnapshotVersion, scale: Scale, manifest: Manifest) -> None:
        """Read a snapshot into memory; one that takes long, or fails, leaves all to the table meanwhile.

        One that is there and cannot be read again, since sensors were left out, is right without them.
        """
        latest = self._latest
        most = NO_DOUBT if latest.has(version) else math.inf
        late = asyncio.get_running_loop().call_later(POLL_SECONDS, latest.doubt, math.inf)
        try:
            latest.offer(await self._fitting(await self._read(version, scale, manifest)))
        except Exception:
            self._put_off(version)
            latest.doubt_more(most)
            raise
        finally:
            late.cancel()

    async def _fitting(self, index: SnapshotIndex) -> SnapshotIndex:
        """Take out of an index the sensors that are left out by now."""
        while index.excluded is not (excluded := self._latest.excluded.ids):
            index = await in_turns(without_sensors(index, excluded))
        return index

    def _doubt(self, notes: Notes) -> float:
        latest = self._latest
        return doubt(notes, latest.process, latest.known, latest.now()).until

    async def _compare(self, notes: Notes) -> None:
        """Compare with the table what loads that have ended may have overtaken, and doubt it no more.

        All of it is compared when it is a day old: what a person deleted is not answered for longer.
        """
        latest = self._latest
        found = doubt(notes, latest.process, latest.known, latest.now())
        latest.doubt(found.until)
        index = latest.index
        is_due = index is not None and index.is_due(latest.now())
        until = math.inf if latest.mixed or is_due else found.ended_until
        known = latest.known & notes.keys()
        if index is not None and until > NO_DOUBT:
            latest.confirmed(index, await self._confirmed(index, until), found.ended | known)
            latest.doubt(self._doubt(notes))

    def _is_due(self, version: SnapshotVersion) -> bool:
        """Tell whether to read a snapshot at this look: one that failed is left alone for a while."""
        self._looks_left -= 1
        return version != self._failed or self._looks_left <= 0

    def _put_off(self, version: SnapshotVersion) -> None:
        self._failures = self._failures + 1 if version == self._failed else 1
        self._failed, self._looks_left = version, min(2 ** (self._failures - 1), MOST_LOOKS)

    async def _is_of_this_table(self, manifest: Manifest) -> bool:
        """Tell whether the manifest speaks of the table, or of the one that last answered while that is away.

        Raises Unavailable where that one is not known, or was another.
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

    async def _read(self, version: SnapshotVersion, scale: Scale, manifest: Manifest) -> SnapshotIndex:
        """Read a snapshot as the load did that the manifest tells of."""
        builder, built, ages, expired = IndexBuilder(), self._latest.now(), self._latest.ages(), 0
        excluded = self._latest.excluded.ids
        rules = ScoringRules(scale, version.snapshot_time, manifest.get("ttl"), excluded)
        reader = DocumentReader(rules, boxes=(boxes := BoxHumidity(version.snapshot_time)))

        async def take(batches: Iterable[ParsedBatch]) -> None:
            nonlocal expired
            for batch in batches:
                items = [item for item in batch.items if not is_expired(item, ages)]
                expired += len(batch.items) - len(items)
                builder.add(items)
                await give_way()  # lookups get their turn between two batches

        source = archived_source(self._archive, version.snapshot, version.snapshot_time)
        async with source.open(self._asking) as incoming:
            async for chunk in incoming.chunks:
                await take(reader.feed(chunk))
        await take(reader.close())
        index = await self._with_sensors(builder.done(version, built), boxes)
        index = replace(index, excluded=excluded)
        told = self._latest.has_loaded(version)  # by the load: what the table has otherwise stays with it
        otherwise = _elsewhere(manifest) > builder.repeated and not told
        others = self._left_out_others(version, manifest, reader.counts.reasons[EXCLUDED])
        if otherwise or others or expired < int(manifest.get("expired") or 0):
            return await self._confirmed(index, math.inf)
        return index

    def _left_out_others(self, version: SnapshotVersion, manifest: Manifest, records: int) -> bool:
        """Tell whether the load left out sensors that are served by now, so that the table lacks them.

        `records` is how many of the snapshot's are left out now. It may be as many, of others: then the list
        has lost a sensor since.
        """
        by_load = _excluded(manifest)
        began = feed_time(version.started) or 0
        return records < by_load or (by_load > 0 and began <= self._latest.excluded.shortened)

    async def _with_sensors(self, index: SnapshotIndex, boxes: BoxHumidity) -> SnapshotIndex:
        """Find each sensor's newest record, and check it."""
        packed = index.packed
        items, taken = map(unpack, packed.values()), index.version.snapshot_time
        sensors = await in_turns(sensors_of(items, lambda number: unpack(packed[number]), taken, boxes.of))
        return replace(index, sensors=sensors)

    async def _confirmed(self, index: SnapshotIndex, until: float) -> SnapshotIndex:
        """Keep, of what was measured until then, what the table has, too; Unavailable if it is too slow."""
        numbers, found, begun = index.numbers(until), dict[str, Item](), self._latest.now()
        try:
            async with asyncio.timeout(COMPARE_SECONDS):
                for start in range(0, len(numbers), READ_LIMIT):
                    some = numbers[start : start + READ_LIMIT]
                    found |= await self._store.read([str(number) for number in some])
        except TimeoutError as error:
            raise Unavailable("the table is too slow to be compared with memory") from error
        there = {number: found.get(str(number)) for number in numbers}
        return index.confirmed(there, begun if until == math.inf else None)


def _elsewhere(manifest: Manifest) -> int:
    """Return how many of the snapshot's items the table does not have: it has another, or refuses.

    The first count has those in it as well that a later record of the same snapshot replaced.
    """
    reasons = manifest.get("reasons") or {}
    return int(manifest.get("superseded") or 0) + int(reasons.get("refused") or 0)


def _excluded(manifest: Manifest) -> int:
    """Return how many of the snapshot's records were of sensors that the load left out."""
    return int((manifest.get("reasons") or {}).get(EXCLUDED) or 0)
