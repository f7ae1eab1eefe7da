"""The store in SQLite: what is in the file, who may have it open at a time, and how it is refused."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aqi_service.core.items import Item, Verdict, judge
from aqi_service.core.parse.document import Position
from aqi_service.core.parse.splitter import Batch
from aqi_service.errors import ConfigError, Unavailable
from aqi_service.load.group_writer import GroupWriter
from aqi_service.load.table_writer import TableWriter
from aqi_service.storage.local.statements import to_row
from aqi_service.storage.local.store import LocalStore
from aqi_service.storage.ports import PutResult
from tests.doubles.faults.clock import HandClock
from tests.doubles.first_table import ITEMS
from tests.doubles.local_helpers import (
    cancel_from_thread,
    count,
    failing,
    files_up_to,
    numbered,
    opened,
    other_program,
)
from tests.doubles.storage_doubles import Before
from tests.doubles.storage_items import FULL
from tests.doubles.stores import local_store
from tests.profiles import SHARED

ON_ONE_STORE = settings(max_examples=100, suppress_health_check=SHARED)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    async with local_store(tmp_path) as opened:
        yield opened


def open_files() -> list[Path]:
    return [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


async def outcome(work: Awaitable[PutResult]) -> PutResult | Unavailable:
    try:
        return await work
    except Unavailable as error:
        return error


class TestFile:
    async def test_its_columns_go_with_its_schema_number(self, store: LocalStore, tmp_path: Path) -> None:
        await store.check()
        with other_program(tmp_path) as connection:
            written = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'items'").fetchone()[0]
            assert connection.execute("PRAGMA user_version").fetchone() == (1,)
            assert connection.execute("PRAGMA application_id").fetchone() == (0x41514931,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert written.startswith(ITEMS.removesuffix(")")), "a changed column needs a new number"

    @pytest.mark.parametrize(
        ("query", "index"),
        [
            ("SELECT * FROM items WHERE sensor_id = '141' ORDER BY measured_at DESC", "items_by_sensor"),
            ("SELECT id FROM items WHERE expires_at <= 5 LIMIT 9", "items_by_expiry"),
        ],
    )
    async def test_searches_by_sensor_and_by_expiry_use_an_index(
        self, store: LocalStore, tmp_path: Path, query: str, index: str
    ) -> None:
        await store.check()
        with other_program(tmp_path) as connection:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
        assert [step[3].split(" USING ")[1].split()[-3:] != [] and index in step[3] for step in plan] == [
            True
        ]

    async def test_decimals_stay_the_text_they_were(self, store: LocalStore, tmp_path: Path) -> None:
        await store.put([FULL], conditional=False)
        with other_program(tmp_path) as connection:
            row = connection.execute("SELECT pm25, pm10, latitude, measured_at FROM items").fetchone()
        assert row == ("0.9", "12", "48.8", 1703091600)

    async def test_a_newer_schema_is_left_alone(self, tmp_path: Path) -> None:
        async with local_store(tmp_path):
            pass
        with other_program(tmp_path) as connection:
            connection.execute("PRAGMA user_version = 2")
        async with opened(tmp_path) as store:
            with pytest.raises(ConfigError, match="has schema 2, this version knows 1: install a newer"):
                await store.check()

    async def test_another_programs_database_is_left_alone(self, tmp_path: Path) -> None:
        with other_program(tmp_path) as connection:
            connection.execute("CREATE TABLE notes (text)")
        before = (tmp_path / "air_quality.db").read_bytes()
        for read_only in (False, True):
            async with opened(tmp_path, read_only=read_only) as store:
                with pytest.raises(ConfigError, match="another program's database: move it away"):
                    await store.check()
        assert (tmp_path / "air_quality.db").read_bytes() == before

    async def test_a_file_that_is_no_database_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "air_quality.db").write_bytes(b"id,latitude\r\n" * 100)
        async with opened(tmp_path) as store:
            with pytest.raises(ConfigError, match=r"air_quality\.db is no SQLite database; move it away"):
                await store.check()

    async def test_a_damaged_database_is_named(self, tmp_path: Path) -> None:
        async with local_store(tmp_path) as store:
            await store.put(numbered(0, 100), conditional=False)
        with (tmp_path / "air_quality.db").open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 4096)
        async with opened(tmp_path) as store:
            with pytest.raises(ConfigError, match=r"air_quality\.db is damaged; move it away"):
                await store.get("5")

    async def test_a_folder_in_its_place_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "air_quality.db").mkdir()
        async with opened(tmp_path) as store:
            with pytest.raises(ConfigError, match=r"air_quality\.db cannot be opened"):
                await store.check()

    async def test_a_file_in_the_folders_place_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "local").write_bytes(b"")
        async with opened(tmp_path / "local") as store:
            with pytest.raises(ConfigError, match="a file is in the place of a folder"):
                await store.check()


class TestItems:
    @ON_ONE_STORE
    @given(text=st.text(st.characters(exclude_categories=["Cs"])))
    async def test_any_text_comes_back(self, store: LocalStore, text: str) -> None:
        item = FULL._replace(timestamp=text, sensor_type=text)
        await store.put([item], conditional=False)
        assert await store.get(item.id) == item

    @pytest.mark.parametrize(
        ("poison", "says"),
        [
            (FULL._replace(id="lease"), "id is not an integer"),
            (FULL._replace(id=str(2**63)), "id is not an integer"),
            (FULL._replace(id="2", sensor_type="\ud800"), "surrogates not allowed"),
            (FULL._replace(id="2", measured_at=2**63), "too large"),
        ],
    )
    async def test_an_item_that_no_table_takes_costs_its_neighbours_nothing(
        self, store: LocalStore, poison: Item, says: str
    ) -> None:
        first, last = FULL._replace(id="1"), FULL._replace(id="3")
        result = await store.put([first, poison, last], conditional=False)
        assert list(result.refused) == [poison.id]
        assert says in result.refused[poison.id]
        assert await store.read(["1", "2", "3"]) == {"1": first, "3": last}

    async def test_a_row_that_a_trigger_refuses_is_refused_alone_and_in_its_words(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        with other_program(tmp_path) as connection:
            connection.execute(
                "CREATE TRIGGER no BEFORE INSERT ON items WHEN new.id = 2 "
                "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
            )
            connection.commit()
        result = await store.put(numbered(1, 4), conditional=False)
        assert result.refused == {"2": "not this one"}
        assert set(await store.read(["1", "2", "3"])) == {"1", "3"}

    async def test_a_table_that_somebody_changed_is_for_a_person_to_mend(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        with other_program(tmp_path) as connection:
            connection.execute("ALTER TABLE items RENAME COLUMN pm25 TO pm")
            connection.commit()
        with pytest.raises(ConfigError, match=r"another form than this program gives it .*pm25.*load again"):
            await store.put([FULL], conditional=False)

    async def test_a_live_load_leaves_what_became_newer_since_it_was_read(self, store: LocalStore) -> None:
        newer = FULL._replace(measured_at=(FULL.measured_at or 0) + 1)

        async def meanwhile() -> None:
            await store.put([newer], conditional=True)

        live = Before(store, put=meanwhile)
        writer = TableWriter(GroupWriter(live, partial(live.put, conditional=False), now=lambda: 0.0))
        writer.announce(1)
        await writer.add([FULL], Position(0, Batch(0, b"", [])))
        await writer.flush()
        assert (writer.counts.superseded, await store.get(FULL.id)) == (1, newer)

    @ON_ONE_STORE
    @given(times=st.lists(st.none() | st.integers(0, 2), min_size=4, max_size=4))
    async def test_a_conditional_write_judges_as_the_core_does(
        self, store: LocalStore, times: list[int | None]
    ) -> None:
        old = FULL._replace(measured_at=times[0], snapshot_at=times[1], pm10="1")
        new = FULL._replace(measured_at=times[2], snapshot_at=times[3], pm10="2")
        await store.put([old], conditional=False)
        result = await store.put([new], conditional=True)
        assert bool(result.superseded) == (judge(new, old) is Verdict.SUPERSEDED)

    async def test_expired_items_are_deleted_however_many_and_counted(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        for first in range(0, 2_600, 100):
            ids = range(first, first + 100)
            items = [FULL._replace(id=str(each), expires_at=None if each < 50 else each) for each in ids]
            await store.put(items, conditional=False)
        assert await store.expire(2_499) == 2_450
        assert await store.expire(2_499) == 0
        assert count(tmp_path) == 150


class TestRefusal:
    async def test_a_full_disk_fails_a_write_whole_and_the_next_one_works(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        batches = [numbered(first, first + 100) for first in range(0, 5_000, 100)]
        with files_up_to(200_000):
            results = [await outcome(store.put(batch, conditional=False)) for batch in batches]
        assert isinstance(results[-1], Unavailable)
        assert "disk" in str(results[-1])
        kept = [
            batch for batch, result in zip(batches, results, strict=True) if isinstance(result, PutResult)
        ]
        assert kept
        assert count(tmp_path) == 100 * len(kept)
        await store.put(batches[-1], conditional=False)
        await store.settle()
        assert count(tmp_path) == 100 * len(kept) + 100

    @pytest.mark.parametrize("conditional", [False, True])
    async def test_a_write_cancelled_at_any_item_is_kept_whole(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditional: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(store.put(numbered(0, 100), conditional=conditional))

        def cancelling(item: Item) -> tuple[int | str | None, ...]:
            if item.id == "50":
                cancel_from_thread(loop, task)
            return to_row(item)

        monkeypatch.setattr("aqi_service.storage.local.store.to_row", cancelling)
        await asyncio.wait([task])
        assert task.cancelled()
        assert count(tmp_path) == 100
        assert await store.get("99") is not None

    async def test_a_write_cancelled_before_its_turn_writes_nothing(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gate = threading.Event()
        monkeypatch.setattr("aqi_service.storage.local.store.to_row", gated(gate))
        first = asyncio.create_task(store.put(numbered(0, 100), conditional=False))
        second = asyncio.create_task(store.put(numbered(100, 200), conditional=False))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        assert second.cancelled()
        gate.set()
        await first
        assert count(tmp_path) == 100

    async def test_a_write_that_fails_half_way_leaves_nothing_of_it(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [to_row(FULL)]
        monkeypatch.setattr("aqi_service.storage.local.store.to_row", lambda _: rows.pop())
        with pytest.raises(IndexError):
            await store.put(numbered(0, 2), conditional=False)
        assert count(tmp_path) == 0

    async def test_a_folder_that_cannot_be_created_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("os.mkdir", failing(30))
        async with opened(tmp_path / "local") as store:
            with pytest.raises(ConfigError, match=r"air_quality\.db cannot be opened: .* mounted read-only"):
                await store.check()

    async def test_a_table_that_this_user_may_not_write_is_told_before_anything_is_loaded(
        self, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await store.put([FULL], conditional=False)
        monkeypatch.setattr("os.access", lambda _, mode: mode != os.W_OK)  # as of another user's file
        async with opened(tmp_path) as late:
            with pytest.raises(
                ConfigError, match=r"air_quality\.db cannot be written; let this user write it"
            ):
                await late.check()
        async with opened(tmp_path, read_only=True) as replica:
            assert await replica.get(FULL.id) == FULL

    async def test_closing_releases_every_thread_and_file(self, tmp_path: Path) -> None:
        before = set(threading.enumerate())
        async with local_store(tmp_path) as store:
            await store.put([FULL], conditional=False)
            await asyncio.gather(*(store.get(FULL.id) for _ in range(50)))
        held = open_files()
        assert set(threading.enumerate()) == before
        assert not [path for path in held if path.is_relative_to(tmp_path)]
        with pytest.raises(Unavailable, match="The table is closed"):
            await store.get(FULL.id)
        with pytest.raises(Unavailable, match="The table is closed"):
            await store.settle()


def gated(gate: threading.Event) -> Callable[[Item], tuple[int | str | None, ...]]:
    def wait(item: Item) -> tuple[int | str | None, ...]:
        gate.wait()
        return to_row(item)

    return wait


@pytest.mark.parametrize("by", [-3600, 3600])
async def test_what_is_dated_ahead_is_asked_by_the_clock_of_this_moment(
    by: int, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock(2_000_000_000.0)
    monkeypatch.setattr(time, "time", clock)
    there, new = (FULL._replace(pm25=str(at), snapshot_at=at) for at in (2_000_003_601, 1_999_999_000))
    await store.put([there], conditional=False)
    clock.advance(by)
    assert (await store.put([new], conditional=True)).superseded == ({new.id} if by > 0 else frozenset())
