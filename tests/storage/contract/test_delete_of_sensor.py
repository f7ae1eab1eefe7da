"""What is deleted of a sensor that is left out, in every store that can be asked by sensor."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from random import Random
from sqlite3 import Connection, connect
from typing import Any

import pytest

from aqi_service.app.delete_excluded import items_of_sensor
from aqi_service.storage.local.store import FILE
from aqi_service.storage.ports import Store
from tests.doubles.storage_items import FULL
from tests.doubles.stores import SENSOR_STORES, local_store

OTHERS = [FULL._replace(id=str(number), sensor_id="142") for number in range(1, 4)]


@pytest.fixture(params=SENSOR_STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with SENSOR_STORES[request.param](tmp_path) as opened:
        await opened.put(OTHERS, conditional=False)
        yield opened


async def there(store: Store, *ids: str) -> set[str]:
    return set(await store.read(ids))


async def test_items_of_the_sensor_go_and_those_of_others_stay_whatever_ids_are_named(store: Store) -> None:
    mine = [FULL._replace(id=str(number), sensor_id="141") for number in range(10, 13)]
    await store.put(mine, conditional=False)
    assert await store.delete_of_sensor(141, ["10", "11", "1", "77", "lease", "-1", "x", ""]) == 2
    assert await there(store, "1", "2", "3", "10", "11", "12") == {"1", "2", "3", "12"}
    assert await store.delete_of_sensor(141, ["10", "11", "12"]) == 1
    assert await store.delete_of_sensor(141, []) == 0


async def test_one_that_became_another_sensor_s_between_reading_and_deleting_stays(store: Store) -> None:
    await store.put([FULL._replace(id="9", sensor_id="141")], conditional=False)
    await store.put([FULL._replace(id="9", sensor_id="142")], conditional=False)
    assert await store.delete_of_sensor(141, ["9"]) == 0
    assert await there(store, "9") == {"9"}


async def test_all_that_the_index_has_of_a_sensor_is_counted_and_deleted_also_what_has_expired(
    store: Store,
) -> None:
    mine = [
        FULL._replace(id=str(1000 + number), sensor_id="141", measured_at=number, expires_at=number + 1)
        for number in range(7)
    ]
    await store.put(mine, conditional=False)
    for counts_only, expected in ((True, (7, 0)), (False, (7, 7)), (False, (0, 0))):
        assert await items_of_sensor(store, 141, counts_only=counts_only, page_limit=3) == expected
    assert await items_of_sensor(store, 142, counts_only=True) == (3, 0)


async def test_the_file_has_nothing_of_what_was_deleted_also_where_its_room_is_free(tmp_path: Path) -> None:
    marks = (b"48.7712345", b"9.1812345", b"99887766554")
    latitude, longitude, altitude = (mark.decode() for mark in marks)
    mine = FULL._replace(id="9", sensor_id="141", latitude=latitude, longitude=longitude, altitude=altitude)
    for deleted, left in ((False, list(marks)), (True, [])):
        folder = tmp_path / str(deleted)
        async with local_store(folder) as store:
            await store.put([mine, *OTHERS], conditional=False)
            if deleted:
                assert await items_of_sensor(store, 141, counts_only=False) == (1, 1)
        assert [mark for mark in marks if mark in (folder / FILE).read_bytes()] == left
        with closing(connect(folder / FILE)) as file:
            assert file.execute("SELECT count(*) FROM items").fetchone() == (len(OTHERS) + (not deleted),)


async def test_nor_has_it_what_was_replaced_moved_or_expired_before_also_where_sqlite_keeps_such_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keeping(*arguments: Any, **named: Any) -> Connection:
        """Connect as a SQLite does that was built without SECURE_DELETE, unlike Debian's."""
        connection: Connection = connect(*arguments, **named)
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    monkeypatch.setattr(sqlite3, "connect", keeping)
    mark, numbers = "48.7712345", list(range(1000, 2200))
    order = Random(19)  # noqa: S311  # no secret
    async with local_store(tmp_path) as store:
        for at, value in enumerate(("7.5", "12.3456789123", "1")):
            order.shuffle(numbers)
            items = [
                FULL._replace(
                    id=str(number), sensor_id=str(number % 30), pm25=value, measured_at=at,
                    latitude=None if number % 30 else mark, expires_at=9 if number % 60 else None,
                )
                for number in numbers
            ]  # fmt: skip
            for start in range(0, len(items), 100):
                await store.put(items[start : start + 100], conditional=True)
        await store.settle()
        assert (tmp_path / FILE).read_bytes().count(mark.encode()) >= 40
        assert await store.expire(10) == 1180
        assert await items_of_sensor(store, 0, counts_only=False) == (20, 20)
    assert (tmp_path / FILE).read_bytes().count(mark.encode()) == 0
