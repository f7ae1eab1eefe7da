"""Out of memory and out of the table, every record of a capture is the same reply, on each place.

The real capture goes into a folder, the generated one to moto, which is slow.
"""

from collections.abc import Mapping

from aqi_service.core.csv_reply import csv_reply
from aqi_service.core.items import Item
from aqi_service.core.packed_item import unpack
from aqi_service.load.load import load
from aqi_service.lookup.memory import MemoryIndex
from aqi_service.lookup.refresh import MemoryRefresher
from aqi_service.snapshots.sources import FetchOptions
from aqi_service.storage.ports import READ_LIMIT, Store
from tests.doubles.documents import GENERATED, real_capture
from tests.doubles.load_helpers import AGENT, plan
from tests.doubles.load_places import LocalPlace, Place, place
from tests.doubles.memory_world import feed

__all__ = ["place"]  # the fixture

REAL, MADE = (real_capture(), 1_502_364_300.0, 3565), (GENERATED, 1_795_446_300.0, 55)
"""A capture, when it is loaded (minutes after it was taken), and how many items it gives."""

TTL = 14 * 86_400


async def table_of(store: Store, ids: list[str]) -> Mapping[str, Item | None]:
    """Look all ids up in the table."""
    found: dict[str, Item | None] = {}
    for start in range(0, len(ids), READ_LIMIT):
        found |= await store.get_many(ids[start : start + READ_LIMIT])
    return found


async def test_each_record_is_the_same_reply_from_the_process_that_loaded_it_a_replica_and_the_table(
    place: Place,
) -> None:
    body, now, items = REAL if isinstance(place, LocalPlace) else MADE
    loading, reading = MemoryIndex(lambda: now), MemoryIndex(lambda: now)
    how = plan(table=place.table, live=True, ttl=TTL, watch=loading.watch, process=loading.process)
    report = await load(feed(body), place.storage, how, now=lambda: now)
    for memory in (loading, reading):
        asking = FetchOptions(AGENT, 2**31)
        await MemoryRefresher(place.storage, place.table, memory, asking, lambda _: None).look()
    assert loading.index is not None
    assert reading.index is not None
    assert len(loading.index) == len(reading.index) == report.fates.stored == items
    assert loading.index.version == reading.index.version
    there = await table_of(place.storage.store, [str(number) for number in loading.index.packed])
    for record_id, item in there.items():
        assert item is not None
        assert item.expires_at
        for memory in (loading, reading):
            assert memory.reply(int(record_id)) == csv_reply(item)
            assert memory.index is not None
            assert unpack(memory.index.packed[int(record_id)]).expires_at == item.expires_at
