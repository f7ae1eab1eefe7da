"""The numbers and the view `air` of the SQLite file, and files of the first version that get them."""

import asyncio
import io
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.items import ATTRIBUTES, COLUMNS, Item
from aqi_service.errors import Unavailable
from aqi_service.storage.local.store import LocalStore
from aqi_service.storage.sensor_reads import SensorRange
from tests import ROOT
from tests.doubles import first_table
from tests.doubles.first_table import LASTING
from tests.doubles.local_helpers import opened, other_program
from tests.doubles.program import CAPTURE, environment, ran
from tests.doubles.storage_items import FULL
from tests.doubles.stores import local_store
from tools.dist import extract

NUMBERS = (
    "latitude_number REAL GENERATED ALWAYS AS (latitude) VIRTUAL, "
    "longitude_number REAL GENERATED ALWAYS AS (longitude) VIRTUAL, "
    "altitude_number REAL GENERATED ALWAYS AS (altitude) VIRTUAL, "
    "pm25_number REAL GENERATED ALWAYS AS (pm25) VIRTUAL, "
    "pm10_number REAL GENERATED ALWAYS AS (pm10) VIRTUAL, "
    "aqi_number INTEGER GENERATED ALWAYS AS (aqi) VIRTUAL, "
    "sensor_id_number INTEGER GENERATED ALWAYS AS (sensor_id) VIRTUAL, "
    "indoor_number INTEGER GENERATED ALWAYS AS (indoor) VIRTUAL)"
)

DAYS = ", hours_p25 TEXT, hours_p10 TEXT)"
LOAD = ("--load-only", "--local", "d")
WHOLE_TABLE = first_table.ITEMS.removesuffix(")") + ", " + NUMBERS.removesuffix(")") + DAYS


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    async with local_store(tmp_path) as opened_store:
        yield opened_store


def asked(folder: Path, query: str) -> list[Any]:
    with other_program(folder) as connection:
        return connection.execute(query).fetchall()


def table_of(folder: Path) -> str:
    return str(asked(folder, "SELECT sql FROM sqlite_master WHERE name = 'items'")[0][0])


class TestView:
    async def test_it_begins_with_a_csvs_columns_and_has_every_attribute(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        await store.check()
        names = [column[1] for column in asked(tmp_path, "PRAGMA table_info(air)")]
        assert names == [each.name for each in ATTRIBUTES]
        assert names[:11] == [each.name for each in COLUMNS]

    async def test_its_numbers_are_numbers_and_its_texts_texts(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        await store.put([LASTING], conditional=False)
        names = [each.name for each in ATTRIBUTES]
        kinds = {name: asked(tmp_path, f'SELECT typeof("{name}") FROM air')[0][0] for name in names}  # noqa: S608
        texts = {each.name for each in ATTRIBUTES if each.kind == "S"} - {"id"}
        assert {name for name, kind in kinds.items() if kind == "text"} == texts
        reals = ["latitude", "longitude", "altitude", "P2.5", "P10"]
        assert [name for name, kind in kinds.items() if kind == "real"] == reals
        assert asked(tmp_path, 'SELECT id, altitude, "P2.5", P10, AQI, sensor_id, indoor FROM air') == [
            (18456691289, -3.5, 0.9, 12.0, 1, 141, 0)
        ]

    async def test_more_is_more(self, store: LocalStore, tmp_path: Path) -> None:
        values = ("9.99", "805.8", "10", "0.5", "3." + "8" * 37)
        items = [LASTING._replace(id=str(n), pm25=value, aqi=str(n * 2)) for n, value in enumerate(values, 1)]
        await store.put(items, conditional=False)
        assert asked(tmp_path, 'SELECT max("P2.5"), min("P2.5"), max(AQI) FROM air') == [(805.8, 0.5, 10)]
        assert asked(tmp_path, "SELECT count(*) FROM air WHERE AQI >= 7") == [(2,)]
        assert asked(tmp_path, 'SELECT id FROM air ORDER BY "P2.5"') == [(4,), (5,), (1,), (3,), (2,)]
        assert (await store.read(["5"]))["5"].pm25 == values[4]

    async def test_what_a_record_lacks_is_null(self, store: LocalStore, tmp_path: Path) -> None:
        await store.put([Item("7")], conditional=False)
        [row] = asked(tmp_path, "SELECT * FROM air")
        assert row == (7, *[None] * (len(ATTRIBUTES) - 1))

    async def test_expired_records_are_not_in_it(self, store: LocalStore, tmp_path: Path) -> None:
        now = int(time.time())
        times = {"1": now - 10, "2": now + 10_000, "3": None}
        await store.put([FULL._replace(id=i, expires_at=at) for i, at in times.items()], conditional=False)
        assert asked(tmp_path, "SELECT id FROM air ORDER BY id") == [(2,), (3,)]

    async def test_a_record_is_found_by_its_id_without_reading_the_others(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        await store.check()
        [plan] = asked(tmp_path, "EXPLAIN QUERY PLAN SELECT * FROM air WHERE id = 5")
        assert "INTEGER PRIMARY KEY" in plan[3]

    async def test_of_the_capture_it_tells_what_the_exact_text_does(self, tmp_path: Path) -> None:
        done = await ran(*LOAD, "--from", str(CAPTURE), cwd=tmp_path)
        assert done.code == 0
        texts = asked(tmp_path / "d", "SELECT pm25, aqi FROM items")
        worst = max(float(pm25) for pm25, _ in texts if pm25)
        bad = sum(int(aqi) >= 7 for _, aqi in texts)
        assert (bad, worst) == (39, 722.37)
        assert asked(tmp_path / "d", "SELECT count(*) FROM air WHERE AQI >= 7") == [(bad,)]
        assert asked(tmp_path / "d", 'SELECT max("P2.5") FROM air') == [(worst,)]


class TestFilesOfTheFirstVersion:
    async def test_one_gets_what_it_lacks_and_keeps_number_identity_and_items(self, tmp_path: Path) -> None:
        with closing(first_table.make(tmp_path, LASTING)) as old:
            before = old.execute(first_table.IDENTITY).fetchone()
        async with local_store(tmp_path) as store:
            assert await store.get(LASTING.id) == LASTING
            assert (await store.identity(),) == before
        assert asked(tmp_path, "PRAGMA user_version") == [(1,)]
        assert asked(tmp_path, "SELECT id, P10 FROM air") == [(18456691289, 12.0)]
        assert table_of(tmp_path) == WHOLE_TABLE

    async def test_the_first_version_goes_on_using_it_before_and_after_and_meanwhile(
        self, tmp_path: Path
    ) -> None:
        with closing(first_table.make(tmp_path, LASTING)) as old:
            first_table.use(old)
            async with local_store(tmp_path) as store:
                first_table.use(old)
                await store.put([FULL], conditional=True)
                with other_program(tmp_path) as later:
                    first_table.use(later)
                assert await store.get("8") == LASTING._replace(id="8")

    async def test_a_reader_of_one_reads_it_and_adds_nothing(self, tmp_path: Path) -> None:
        with closing(first_table.make(tmp_path, LASTING)):
            async with opened(tmp_path, read_only=True) as replica:
                await replica.check()
                assert await replica.get(LASTING.id) == LASTING
        assert table_of(tmp_path) == first_table.ITEMS

    async def test_hours_of_days_are_numbers_in_the_view(self, tmp_path: Path) -> None:
        first_table.make(tmp_path, LASTING).close()
        async with local_store(tmp_path) as store:
            day = LASTING._replace(id="9202312200000000141", hours_p25="24", hours_p10="9")
            await store.put([day], conditional=True)
            assert await store.get(day.id) == day
        found = asked(tmp_path, "SELECT hours_p25, hours_p10 FROM air ORDER BY id")
        assert found == [(None, None), (24, 9)]

    async def test_a_reader_that_has_it_open_sees_hours_once_they_are_there(self, tmp_path: Path) -> None:
        first_table.make(tmp_path, LASTING).close()
        day = LASTING._replace(id="9202312200000000141", hours_p25="24", hours_p10="9")
        async with opened(tmp_path, read_only=True) as replica:
            assert (await replica.get_many([LASTING.id]))[LASTING.id] == LASTING
            async with local_store(tmp_path) as store:
                await store.put([day], conditional=True)
                assert await replica.get(day.id) == day
                asked_for = SensorRange(141, 0, 2**40)
                assert day in (await replica.sensor_page(asked_for, 0)).items

    async def test_a_reader_that_has_it_open_reads_on(self, tmp_path: Path) -> None:
        first_table.make(tmp_path, LASTING).close()
        async with opened(tmp_path, read_only=True) as replica:
            assert await replica.get(LASTING.id) == LASTING
            async with local_store(tmp_path) as store:
                await store.put([LASTING._replace(pm10="13")], conditional=False)
                assert await replica.get(LASTING.id) == LASTING._replace(pm10="13")

    async def test_a_lookup_does_not_keep_it_from_getting_them(self, tmp_path: Path) -> None:
        with closing(first_table.make(tmp_path, LASTING)) as old:
            old.execute("BEGIN")
            assert old.execute(first_table.GET, (int(LASTING.id),)).fetchone()
            async with local_store(tmp_path):
                assert old.execute(first_table.GET, (int(LASTING.id),)).fetchone()
        assert asked(tmp_path, "SELECT count(*) FROM air") == [(1,)]

    async def test_one_that_is_being_written_is_left_until_the_next_use(self, tmp_path: Path) -> None:
        with closing(first_table.make(tmp_path, LASTING)) as old:
            old.execute("BEGIN IMMEDIATE")
            async with opened(tmp_path) as store:
                with pytest.raises(Unavailable, match="in use by another process"):
                    await store.check()
                old.execute("COMMIT")
                await store.check()
        assert table_of(tmp_path) == WHOLE_TABLE

    async def test_killed_at_any_statement_it_is_whole_at_the_next_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect, live = sqlite3.connect, tmp_path / "live"
        left: list[Path] = []

        class Copied(sqlite3.Connection):
            """Leaves after each statement the files that a process killed there would leave."""

            def execute(self, *statement: Any) -> sqlite3.Cursor:
                done = super().execute(*statement)
                left.append(tmp_path / str(len(left)))
                left[-1].mkdir()
                for file in (live / "air_quality.db", live / "air_quality.db-wal"):
                    shutil.copy(file, left[-1])
                return done

        with closing(first_table.make(live, LASTING)):  # open, so that the log stays
            monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Copied))
            async with local_store(live):
                monkeypatch.undo()
        assert len(left) > 15
        for folder in left:
            assert table_of(folder) in (first_table.ITEMS, WHOLE_TABLE)
            async with local_store(folder) as store:
                assert await store.get(LASTING.id) == LASTING
            assert table_of(folder) == WHOLE_TABLE
            assert asked(folder, "SELECT additions, (SELECT count(*) FROM air) FROM about") == [(2, 1)]

    async def test_two_that_open_it_at_once_add_once(self, tmp_path: Path) -> None:
        first_table.make(tmp_path, LASTING).close()
        async with opened(tmp_path) as one, opened(tmp_path) as other:
            await asyncio.gather(one.check(), other.check())
        assert table_of(tmp_path) == WHOLE_TABLE

    async def test_a_view_of_that_name_that_a_person_made_stays(self, tmp_path: Path) -> None:
        with closing(first_table.make(tmp_path, LASTING)) as old:
            old.execute("CREATE VIEW air AS SELECT 'mine' AS whose")
        async with local_store(tmp_path):
            pass
        assert asked(tmp_path, "SELECT * FROM air") == [("mine",)]
        assert table_of(tmp_path) == WHOLE_TABLE

    async def test_an_sqlite_without_generated_columns_does_without_the_view(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first_table.make(tmp_path, LASTING).close()
        monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 30, 1))
        async with local_store(tmp_path) as store:
            assert await store.known_receipts([str(await store.receipt())])
        assert table_of(tmp_path) == first_table.ITEMS.removesuffix(")") + DAYS
        monkeypatch.undo()
        async with local_store(tmp_path):
            pass
        assert asked(tmp_path, "SELECT count(*) FROM air") == [(1,)]

    async def test_the_first_version_itself_opens_loads_and_finds_it_again(self, tmp_path: Path) -> None:
        await unpack_first_version(tmp_path / "first")
        await loaded_by_first_version(tmp_path, str(CAPTURE))
        assert table_of(tmp_path / "d") == first_table.ITEMS
        done = await ran(*LOAD, "--from", "archive", "--force", cwd=tmp_path)
        assert (done.code, done.reports[0]["unchanged"]) == (0, 3565)
        assert table_of(tmp_path / "d") == WHOLE_TABLE
        again = await loaded_by_first_version(tmp_path, str(CAPTURE), "--snapshot-time", "2017-08-10T11:24")
        assert '"unchanged":3565' in again
        assert '"records":0' in await loaded_by_first_version(tmp_path, "archive")  # both are finished


async def unpack_first_version(folder: Path) -> None:
    git = ("git", "-C", str(ROOT), "archive", first_table.COMMIT, "aqi_service")
    packed = await asyncio.to_thread(subprocess.run, git, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip("the repository's history is not here: the recorded statements stand in for it")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        extract(files, folder)


async def loaded_by_first_version(folder: Path, source: str, *options: str) -> str:
    """Load into folder/d; return the reports that it printed."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "aqi_service", "--load-only", "--local", "../d", "--from", source, *options],
        cwd=folder / "first",
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()
