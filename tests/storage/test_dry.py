"""A dry run's archive and store: they take everything, keep nothing, and call nobody."""

import pytest

from aqi_service.errors import ArchiveFailed
from aqi_service.storage.dry import DryArchive, DryStore
from aqi_service.storage.ports import PutResult, SnapshotInfo
from tests.doubles.snapshot_name import NAME
from tests.doubles.storage_doubles import MemoryStore
from tests.doubles.storage_items import FULL


async def test_a_snapshot_is_taken_and_is_not_there() -> None:
    archive = DryArchive()
    await archive.check()
    async with archive.upload(NAME, SnapshotInfo("a.json", "load-1")) as upload:
        await upload.write(b"[]")
        await upload.complete()
    assert list(await archive.names()) == []
    assert await archive.info(NAME) is None
    assert await archive.sweep() == 0
    with pytest.raises(ArchiveFailed, match=NAME):
        [piece async for piece in archive.read(NAME)]
    await archive.close()


async def test_a_document_is_taken_and_is_not_there() -> None:
    archive = DryArchive()
    await archive.put("manifests/t/x.json", b"{}")
    assert await archive.get("manifests/t/x.json") is None


@pytest.mark.parametrize("conditional", [False, True])
async def test_items_are_taken_and_are_not_there(conditional: bool) -> None:
    store = DryStore()
    await store.check()
    assert await store.put([FULL], conditional=conditional) == PutResult()
    assert await store.get(FULL.id) is None
    assert await store.read([FULL.id]) == {}
    assert await store.get_many([FULL.id, "1"]) == {FULL.id: None, "1": None}
    await store.settle()
    assert await store.expire(0) == 0
    await store.close()


async def test_what_an_earlier_load_would_have_written_is_superseded() -> None:
    store, other = DryStore(), FULL._replace(id="7")
    await store.put([FULL], conditional=True)
    assert await store.put([FULL, other], conditional=True) == PutResult(frozenset({FULL.id}))


async def test_over_a_table_its_items_are_read_and_nothing_is_written() -> None:
    table = MemoryStore()
    await table.put([FULL], conditional=False)
    store = DryStore(table)
    await store.check()
    assert await store.read([FULL.id, "7"]) == {FULL.id: FULL}
    await store.put([FULL._replace(aqi="9"), FULL._replace(id="7")], conditional=True)
    assert await table.read([FULL.id, "7"]) == {FULL.id: FULL}
