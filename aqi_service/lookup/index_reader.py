"""Reads a finished snapshot from the archive into an index, and compares an index with the table.

One rule: an index has a record only if the table certainly has it; if the manifest leaves that open, each
record is looked up.
"""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import replace

from aqi_service.core.exclusions import EXCLUDED
from aqi_service.core.humidity import BoxHumidity
from aqi_service.core.items import Item, is_expired
from aqi_service.core.manifest import Manifest
from aqi_service.core.packed_item import unpack
from aqi_service.core.parse.document import DocumentReader, ParsedBatch
from aqi_service.core.parse.record_item import ScoringRules
from aqi_service.core.scoring import Scale
from aqi_service.core.sensors import sensors_of
from aqi_service.core.snapshot_index import IndexBuilder, SnapshotIndex
from aqi_service.core.snapshot_version import SnapshotVersion
from aqi_service.core.times import feed_time
from aqi_service.errors import Unavailable
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.snapshots.sources import FetchOptions, archived_source
from aqi_service.storage.ports import READ_LIMIT, Storage
from aqi_service.storage.turns import give_way, in_turns

COMPARE_SECONDS = 120.0
"""How many seconds a comparison of memory with the table may take."""


class IndexReader:
    """Reads snapshots for one memory; `asking` has the largest size of a snapshot."""

    def __init__(self, storage: Storage, memory: MemoryIndex, asking: FetchOptions) -> None:
        self._archive, self._store = storage.archive, storage.store
        self._memory = memory
        self._asking = asking

    async def read(self, version: SnapshotVersion, scale: Scale, manifest: Manifest) -> SnapshotIndex:
        """Read a snapshot as the load of the manifest did."""
        builder, built, ages, expired = IndexBuilder(), self._memory.now(), self._memory.ages(), 0
        excluded = self._memory.excluded.ids
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
        told = self._memory.has_loaded(version)  # by the load: what the table has otherwise stays with it
        otherwise = _elsewhere(manifest) > builder.repeated and not told
        others = self._left_out_others(version, manifest, reader.counts.reasons[EXCLUDED])
        if otherwise or others or expired < int(manifest.get("expired") or 0):
            return await self.confirmed(index, math.inf)
        return index

    def _left_out_others(self, version: SnapshotVersion, manifest: Manifest, records: int) -> bool:
        """Tell whether the load left out sensors that are now served, so that the table lacks them.

        `records` is how many of the snapshot's records are left out now. The number may be equal for other
        sensors: then the list has lost a sensor since, or this process read it after the load had begun.
        """
        by_load = _excluded(manifest)
        began = feed_time(version.started) or 0
        return records < by_load or (by_load > 0 and began <= self._memory.excluded.shortened)

    async def _with_sensors(self, index: SnapshotIndex, boxes: BoxHumidity) -> SnapshotIndex:
        """Find each sensor's newest record, and check it."""
        packed = index.packed
        items, snapshot_time = map(unpack, packed.values()), index.version.snapshot_time
        sensors = await in_turns(
            sensors_of(items, lambda number: unpack(packed[number]), snapshot_time, boxes.of)
        )
        await in_turns(boxes.forget())
        return replace(index, sensors=sensors)

    async def confirmed(self, index: SnapshotIndex, until: float) -> SnapshotIndex:
        """Keep, of the records measured until then, those in the table; raise Unavailable if too slow."""
        numbers, found, begun = index.numbers(until), dict[str, Item](), self._memory.now()
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
    """Return how many of the snapshot's items the table does not have, since it has another or refuses.

    The first count includes items that a later record of the same snapshot replaced.
    """
    reasons = manifest.get("reasons") or {}
    return int(manifest.get("superseded") or 0) + int(reasons.get("refused") or 0)


def _excluded(manifest: Manifest) -> int:
    """Return how many of the snapshot's records were of sensors that the load left out."""
    return int((manifest.get("reasons") or {}).get(EXCLUDED) or 0)
