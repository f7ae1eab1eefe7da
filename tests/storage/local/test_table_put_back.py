"""An older table put back, another's, an empty one or none: what it lacks does not count as finished."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.core.snapshot_names import manifest_key
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.unfinished import UnfinishedSnapshots
from aqi_service.storage.ports import Storage
from tests.doubles import first_table
from tests.doubles.load_helpers import NAME, NOW, TABLE, document, run, written
from tests.doubles.local_helpers import count, other_program
from tests.doubles.program import ran
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


async def test_a_manifest_of_the_first_version_counts_as_it_did(tmp_path: Path) -> None:
    async with local_archive(tmp_path / "d") as archive, local_store(tmp_path / "d") as store:
        storage = Storage(archive, store)
        await load(tmp_path, storage, 1)
        key = manifest_key(TABLE, NAME)
        manifest: dict[str, Any] = orjson.loads(await archive.get(key) or b"")
        assert len(manifest.pop("receipt")) == 16
        await archive.put(key, orjson.dumps(manifest))
        assert await ManifestStore(storage, TABLE).finished(NAME, "daqi")
        await archive.put(key, orjson.dumps(manifest | {"receipt": "of a later load"}))
        assert not await ManifestStore(storage, TABLE).finished(NAME, "daqi")


async def test_a_table_knows_its_own_receipts_alone_and_each_is_another(tmp_path: Path) -> None:
    async with local_store(tmp_path) as store:
        assert await store.known_receipts(["x", ""]) == frozenset()
        one, other = str(await store.receipt()), str(await store.receipt())
        assert one != other
        assert await store.known_receipts([one, "x"]) == {one}
