"""The store in SQLite beside others: readers, other loaders, replicas, and what a dead one left."""

import asyncio
import itertools
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.items import Item
from aqi_service.errors import ConfigError, NoTableYet, Unavailable
from aqi_service.storage.local import sqlite as local_table
from aqi_service.storage.local.statements import SCHEMAS
from aqi_service.storage.local.store import LocalStore
from tests.doubles.local_helpers import count, numbered, opened, other_program
from tests.doubles.storage_items import FULL
from tests.doubles.stores import local_store

LOAD_FOR_EVER = """
import asyncio, itertools, sys
from pathlib import Path
from aqi_service.core.items import Item
from aqi_service.storage.local.store import LocalStore

async def load(folder, first, batches):
    store = LocalStore(Path(folder))
    await store.check()
    for batch in itertools.islice(itertools.count(), int(batches)):
        ids = range(int(first) + batch * 100, int(first) + batch * 100 + 100)
        await store.put([Item(str(each), measured_at=1) for each in ids], conditional=True)
        print(batch + 1, flush=True)
    await store.settle()
    await store.close()

asyncio.run(load(*sys.argv[1:]))
"""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    async with local_store(tmp_path) as opened:
        yield opened


async def test_a_lookup_does_not_wait_for_an_open_transaction(store: LocalStore, tmp_path: Path) -> None:
    await store.put([FULL], conditional=False)
    with other_program(tmp_path) as loader:
        loader.execute("BEGIN IMMEDIATE")
        loader.execute("UPDATE items SET pm10 = '99'")
        assert await store.get(FULL.id) == FULL
        with pytest.raises(Unavailable, match="in use by another process"):
            await store.put([FULL], conditional=False)
        loader.execute("ROLLBACK")
    assert await store.put([FULL], conditional=True) == (frozenset(), {})


async def test_a_table_that_is_there_is_opened_while_another_process_writes(
    store: LocalStore, tmp_path: Path
) -> None:
    await store.put([FULL], conditional=False)
    with other_program(tmp_path) as loader:
        loader.execute("BEGIN IMMEDIATE")
        async with opened(tmp_path) as late:
            await late.check()
            assert await late.read([FULL.id]) == {FULL.id: FULL}


async def test_an_older_table_gets_what_newer_schemas_add_and_keeps_its_items(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put([FULL], conditional=False)
    newer = (*SCHEMAS, ("CREATE TABLE more (text)",))
    monkeypatch.setattr(local_table, "SCHEMAS", newer)
    async with opened(tmp_path) as late:
        assert await late.read([FULL.id]) == {FULL.id: FULL}
    with other_program(tmp_path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM more").fetchone() == (0,)


async def test_a_file_that_was_just_made_is_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, calls = sqlite3.connect, itertools.count()

    def counting(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        next(calls)
        connection: sqlite3.Connection = connect(*args, **kwargs)
        return connection

    monkeypatch.setattr(sqlite3, "connect", counting)
    async with opened(tmp_path / "local") as store:
        for _ in range(3):
            await store.put([FULL], conditional=False)
    assert next(calls) == 1


def test_an_error_that_has_no_code_is_told_with_its_text(tmp_path: Path) -> None:
    link = local_table.SqliteConnection(tmp_path / "x.db", read_only=False, busy_seconds=0)
    with pytest.raises(Unavailable, match=r"x\.db cannot be used \(strange\)"), link.use():
        raise sqlite3.ProgrammingError("strange")


async def test_settling_does_not_wait_for_a_reader(store: LocalStore, tmp_path: Path) -> None:
    await store.put([FULL], conditional=False)
    with other_program(tmp_path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM items").fetchall()
        await store.put(numbered(0, 100), conditional=False)
        await store.settle()
    assert count(tmp_path) == 101


async def test_a_replica_reads_what_a_loader_stores_and_changes_nothing(
    store: LocalStore, tmp_path: Path
) -> None:
    async with opened(tmp_path, read_only=True) as replica:
        await replica.check()
        await store.put([FULL], conditional=False)
        assert await replica.get(FULL.id) == FULL
        assert await replica.read([FULL.id]) == {FULL.id: FULL}
        for change in (replica.put([FULL], conditional=True), replica.expire(0), replica.settle()):
            with pytest.raises(ConfigError, match="cannot be written"):
                await change


@pytest.mark.parametrize("empty", [False, True])
async def test_a_replica_before_the_first_load_says_what_is_missing(tmp_path: Path, empty: bool) -> None:
    folder = tmp_path / "local"
    if empty:
        folder.mkdir()
        (folder / "air_quality.db").touch()
    async with opened(folder, read_only=True) as replica:
        with pytest.raises(NoTableYet, match="holds no table yet: start a loader"):
            await replica.check()
        assert folder.exists() == empty
        async with local_store(folder) as store:
            await store.put([FULL], conditional=False)
        assert await replica.get(FULL.id) == FULL


async def test_a_deleted_file_is_told_and_written_anew(store: LocalStore, tmp_path: Path) -> None:
    await store.put([FULL], conditional=False)
    assert await store.get(FULL.id) == FULL
    for ending in ("", "-wal", "-shm"):
        (tmp_path / f"air_quality.db{ending}").unlink()
    with pytest.raises(NoTableYet):
        await store.get(FULL.id)
    await store.put([Item("1")], conditional=False)
    assert await store.get("1") == Item("1")
    assert await store.get(FULL.id) is None
    assert count(tmp_path) == 1


async def test_loaders_in_two_processes_keep_all_they_put(tmp_path: Path) -> None:
    loads = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", LOAD_FOR_EVER, tmp_path / "local", str(first), "30", stdout=PIPE
        )
        for first in (0, 1_000_000)
    ]
    assert [await load.communicate() and load.returncode for load in loads] == [0, 0]
    assert count(tmp_path / "local") == 6_000


@pytest.mark.parametrize("batches", [1, 20, 150])
async def test_a_loader_that_is_killed_leaves_whole_batches_for_a_replica(
    tmp_path: Path, batches: int
) -> None:
    load = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOAD_FOR_EVER, tmp_path, "0", "1000000", stdout=PIPE
    )
    assert load.stdout is not None
    for _ in range(batches):
        await load.stdout.readline()
    load.kill()
    await load.communicate()
    async with opened(tmp_path, read_only=True) as replica:
        await replica.check()
        assert await replica.get(str(batches * 100 - 1)) == Item(str(batches * 100 - 1), measured_at=1)
    assert count(tmp_path) % 100 == 0
