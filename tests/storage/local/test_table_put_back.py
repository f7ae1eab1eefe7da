"""An older table put back, another's, an empty one or none: what it lacks does not count as finished."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.core.snapshot_names import manifest_key
from aqi_service.core.times import iso
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.unfinished import UnfinishedSnapshots
from aqi_service.storage.local.archive import LocalArchive
from aqi_service.storage.ports import Storage
from tests.doubles import first_table
from tests.doubles.load_helpers import NAME, NOW, TABLE, document, run, written
from tests.doubles.local_helpers import count, other_program
from tests.doubles.program import ran
from tests.doubles.storage_doubles import in_memory
from tests.doubles.stores import local_archive, local_store

HOUR = 3600
LATER = "data_20_12_23_19_01.json"
LOAD = ("--load-only", "--local", "d")


def back_up(folder: Path) -> Path:
    """Copy the table as the documents say."""
    copy = folder.with_name(f"{folder.name}.backup.db")
    with other_program(folder) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    return copy


def put_in_place(folder: Path, copy: Path | None) -> None:
    """Put a table where the folder's is, as the documents say; None is no table."""
    for file in folder.glob("air_quality.db*"):
        file.unlink()
    if copy is not None:
        shutil.copy(copy, folder / "air_quality.db")


async def load(folder: Path, storage: Storage, *ids: int, now: float = NOW) -> None:
    report = await run(written(folder, document(*ids), f"{now}.json"), storage, now=now)
    assert report.status == "complete"


async def test_an_older_table_put_back_is_filled_again_from_the_archive(tmp_path: Path) -> None:
    for name, number in ((NAME, 1), (LATER, 2)):
        (tmp_path / name).write_bytes(document(number))
    folder = tmp_path / "d"
    first = await ran(*LOAD, "--from", NAME, cwd=tmp_path)
    copy = back_up(folder)
    second = await ran(*LOAD, "--from", LATER, cwd=tmp_path)
    assert (first.code, second.code, count(folder)) == (0, 0, 2)
    put_in_place(folder, copy)
    assert count(folder) == 1
    stored = []
    for _ in range(2):
        again = await ran(*LOAD, "--from", "archive", cwd=tmp_path)
        stored.append([(report["records"], report["stored"]) for report in again.reports])
    assert stored == [[(0, 0), (1, 1)], [(0, 0), (0, 0)]]
    assert count(folder) == 2


async def test_a_daemon_that_runs_on_sees_that_an_older_table_was_put_back(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    async with local_archive(folder) as archive, local_store(folder) as store:
        storage = Storage(archive, store)
        rest = UnfinishedSnapshots(archive, ManifestStore(storage, TABLE), "daqi", lambda: NOW + 2 * HOUR)
        await load(tmp_path, storage, 1)
        copy = back_up(folder)
        await load(tmp_path, storage, 2, now=NOW + HOUR)
        assert await rest.recent() == []
        put_in_place(folder, copy)
        assert [source.named for source in await rest.recent()] == [(LATER, 1_703_098_860)]
        for source in await rest.recent():
            assert (await run(source, storage)).fates.stored == 1
        assert await rest.recent() == []
        assert count(folder) == 2


@pytest.mark.parametrize("other", ["none", "empty", "another folder's"])
async def test_another_table_in_its_place_lacks_all_of_the_archive(tmp_path: Path, other: str) -> None:
    folder, elsewhere = tmp_path / "d", tmp_path / "e"
    async with local_archive(elsewhere) as archive, local_store(elsewhere) as store:
        await load(tmp_path, Storage(archive, store), 7)
    async with local_archive(folder) as archive, local_store(folder) as store:
        storage = Storage(archive, store)
        rest = UnfinishedSnapshots(archive, ManifestStore(storage, TABLE), "daqi", lambda: NOW + HOUR)
        await load(tmp_path, storage, 1)
        assert await rest.recent() == []
        copies = {"none": None, "empty": tmp_path / "empty", "another folder's": back_up(elsewhere)}
        (tmp_path / "empty").touch()
        put_in_place(folder, copies[other])
        assert [source.named for source in await rest.recent()] == [(NAME, 1_703_095_260)]


async def test_of_a_file_that_is_gone_a_log_that_was_left_behind_brings_nothing_back(tmp_path: Path) -> None:
    with closing(first_table.make(tmp_path, first_table.LASTING)) as old:
        [identity] = old.execute(first_table.IDENTITY).fetchone()
        (tmp_path / "air_quality.db").unlink()
        assert (tmp_path / "air_quality.db-wal").stat().st_size
        async with local_store(tmp_path) as store:
            assert await store.get(first_table.LASTING.id) is None
            assert await store.identity() != identity


async def as_first_version(archive: LocalArchive, name: str) -> dict[str, Any]:
    """Take from a manifest what the first version did not write; give the rest."""
    manifest: dict[str, Any] = orjson.loads(await archive.get(manifest_key(TABLE, name)) or b"")
    assert len(manifest.pop("receipt")) == 16
    await archive.put(manifest_key(TABLE, name), orjson.dumps(manifest))
    return manifest


async def test_a_manifest_without_the_tables_receipt_is_of_no_finished_snapshot(tmp_path: Path) -> None:
    async with local_archive(tmp_path / "d") as archive, local_store(tmp_path / "d") as store:
        storage = Storage(archive, store)
        await load(tmp_path, storage, 1)
        assert await ManifestStore(storage, TABLE).finished(NAME, "daqi")
        manifest = await as_first_version(archive, NAME)
        assert not await ManifestStore(storage, TABLE).finished(NAME, "daqi")
        await archive.put(manifest_key(TABLE, NAME), orjson.dumps(manifest | {"receipt": "of a later load"}))
        assert not await ManifestStore(storage, TABLE).finished(NAME, "daqi")


async def test_snapshots_of_the_first_version_are_gone_through_once_and_an_older_table_beside_them_is_filled(
    tmp_path: Path,
) -> None:
    for name, number in ((NAME, 1), (LATER, 2)):
        (tmp_path / name).write_bytes(document(number))
    folder = tmp_path / "d"
    await ran(*LOAD, "--from", NAME, cwd=tmp_path)
    copy = back_up(folder)
    await ran(*LOAD, "--from", LATER, cwd=tmp_path)
    for name in (NAME, LATER):
        async with local_archive(folder) as archive:
            await as_first_version(archive, name)
    put_in_place(folder, copy)
    with other_program(folder) as connection:
        connection.execute("DELETE FROM receipts")
    stored = []
    for _ in range(2):
        again = await ran(*LOAD, "--from", "archive", cwd=tmp_path)
        assert again.code == 0
        stored.append([(report["records"], report["stored"]) for report in again.reports])
    assert stored == [[(1, 0), (1, 1)], [(0, 0), (0, 0)]]
    assert count(folder) == 2


async def test_at_a_start_the_first_versions_snapshots_of_two_days_are_gone_through_once_and_no_older_ones(
    tmp_path: Path,
) -> None:
    folder, hours = tmp_path / "d", (0, 1, 30, 47, 49, 500)
    async with local_archive(folder) as archive, local_store(folder) as store:
        storage = Storage(archive, store)
        for number, hour in enumerate(hours):
            stamp = iso(NOW - hour * HOUR - HOUR)
            body = written(tmp_path, document(number, timestamp=stamp), "feed.json")
            assert (await run(body, storage, now=NOW - hour * HOUR)).status == "complete"
        for name in await archive.names():
            await as_first_version(archive, name)
        for expected in (4, 0):
            rest = UnfinishedSnapshots(archive, ManifestStore(storage, TABLE), "daqi", lambda: NOW)
            sources = await rest.recent()
            assert len(sources) == expected
            for source in sources:
                assert (await run(source, storage)).fates.unchanged == 1
            assert await rest.older() == (2, 2)


async def test_where_a_table_gives_no_receipts_a_manifest_needs_none(tmp_path: Path) -> None:
    storage = in_memory()
    await load(tmp_path, storage, 1)
    assert await ManifestStore(storage, TABLE).finished(NAME, "daqi")


async def test_a_table_knows_its_own_receipts_alone_and_each_is_another(tmp_path: Path) -> None:
    async with local_store(tmp_path) as store:
        assert await store.known_receipts(["x", ""]) == frozenset()
        one, other = str(await store.receipt()), str(await store.receipt())
        assert one != other
        assert await store.known_receipts([one, "x"]) == {one}
