"""What the ports promise, kept by every implementation in `tests.doubles.stores`."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from aqi_service.core.items import Item
from aqi_service.errors import ArchiveFailed, NameInUse
from aqi_service.storage.ports import DOCUMENT_LIMIT, READ_LIMIT, Archive, SnapshotInfo, Store
from tests.doubles.snapshot_name import INFO, NAME, SECOND
from tests.doubles.storage_items import FULL, ITEMS
from tests.doubles.stores import ARCHIVES, STORES
from tests.profiles import SHARED

MANIFEST = f"manifests/air_quality_data/{NAME}"
MEETINGS = [
    ((20, 50), (10, 60), False),
    ((20, 50), (20, 40), False),
    ((20, 50), (20, 50), True),
    ((20, 50), (20, 60), True),
    ((20, 50), (30, 40), True),
    ((20, None), (20, 5), True),
    ((20, 1), (20, 0), False),
    ((0, 6), (0, 5), False),
    ((None, None), (0, 0), True),
]
"""When an item was measured, and when its snapshot, that is there, and one that comes; which then wins."""

NO_IDS = [
    "",
    "abc",
    "-1",
    "+1",
    "1.0",
    "1_0",
    " 1",
    "1\n",
    "lease",
    str(2**63),
    "9" * 19,
    "1" * 20,
    "\uff11\uff12",
]


@pytest.fixture(params=ARCHIVES)
async def archive(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Archive]:
    async with ARCHIVES[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[request.param](tmp_path) as opened:
        yield opened


async def keep(
    archive: Archive, chunks: Iterable[bytes], name: str = NAME, info: SnapshotInfo = INFO
) -> None:
    async with archive.upload(name, info) as upload:
        for chunk in chunks:
            await upload.write(chunk)
        await upload.complete()


async def bytes_of(archive: Archive, name: str = NAME, offset: int = 0) -> bytes:
    return b"".join([piece async for piece in archive.read(name, offset)])


class TestArchive:
    async def test_a_fresh_one_passes_its_check_and_has_no_snapshots(self, archive: Archive) -> None:
        await archive.check()
        assert list(await archive.names()) == []

    async def test_a_completed_snapshot_is_named_and_reads_back_as_written(self, archive: Archive) -> None:
        await keep(archive, [b"[", b"", b'{"id": 1}', b"]"])
        assert list(await archive.names()) == [NAME]
        assert await bytes_of(archive) == b'[{"id": 1}]'

    @pytest.mark.parametrize("size", [1, 65_536, 5 * 2**20 - 1, 5 * 2**20, 5 * 2**20 + 1, 11 * 2**20])
    async def test_sizes_around_pieces_and_parts_come_back_whole(self, archive: Archive, size: int) -> None:
        body = random.Random(size).randbytes(size)  # noqa: S311 (a body that no compression shortens)
        await keep(archive, (body[at : at + 100_003] for at in range(0, size, 100_003)))
        assert await bytes_of(archive) == body

    @pytest.mark.parametrize("offset", [0, 1, 65_535, 65_536, 199_999])
    async def test_reading_from_an_offset_gives_the_rest(self, archive: Archive, offset: int) -> None:
        body = bytes(range(250)) * 800
        await keep(archive, [body])
        assert await bytes_of(archive, offset=offset) == body[offset:]

    async def test_a_reading_may_be_left_before_the_end(self, archive: Archive) -> None:
        await keep(archive, [b"x" * 1_000_000])
        async for piece in archive.read(NAME):
            assert set(piece) == {ord("x")}
            break
        assert len(await bytes_of(archive)) == 1_000_000

    async def test_reading_an_unknown_snapshot_fails(self, archive: Archive) -> None:
        with pytest.raises(ArchiveFailed, match=NAME):
            await bytes_of(archive)

    async def test_nothing_shows_before_complete(self, archive: Archive) -> None:
        async with archive.upload(NAME, INFO) as upload:
            await upload.write(b"[]")
            assert list(await archive.names()) == []
            assert await archive.info(NAME) is None
            await upload.complete()
        assert list(await archive.names()) == [NAME]

    async def test_leaving_without_complete_leaves_nothing(self, archive: Archive) -> None:
        async with archive.upload(NAME, INFO) as upload:
            await upload.write(b"[]")
        assert list(await archive.names()) == []
        assert await archive.info(NAME) is None

    async def test_an_error_in_the_block_passes_and_leaves_nothing(self, archive: Archive) -> None:
        def broken() -> Iterator[bytes]:
            yield b"[" * 6_000_000
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await keep(archive, broken())
        assert list(await archive.names()) == []

    async def test_a_cancelled_upload_leaves_nothing(self, archive: Archive) -> None:
        begun = asyncio.Event()

        async def load() -> None:
            async with archive.upload(NAME, INFO) as upload:
                await upload.write(b"[" * 6_000_000)
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(load())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list(await archive.names()) == []

    async def test_a_change_is_made_of_what_is_there_or_of_nothing(self, archive: Archive) -> None:
        given: list[bytes | None] = []

        def longer(there: bytes | None) -> bytes | None:
            given.append(there)
            return (there or b"") + b"x" if len(given) < 3 else None

        for _ in range(3):
            await archive.change(MANIFEST, longer)
        assert (given, await archive.get(MANIFEST)) == ([None, b"x", b"xx"], b"xx")

    async def test_changes_beside_each_other_lose_nothing(self, archive: Archive) -> None:
        def longer(there: bytes | None) -> bytes:
            return (there or b"") + b"x"

        await asyncio.gather(*(archive.change(MANIFEST, longer) for _ in range(4)))
        assert await archive.get(MANIFEST) == b"xxxx"

    async def test_a_change_that_is_refused_leaves_what_is_there(self, archive: Archive) -> None:
        def refuse(there: bytes | None) -> bytes:
            raise ZeroDivisionError(there)

        await archive.put(MANIFEST, b"{}")
        with pytest.raises(ZeroDivisionError):
            await archive.change(MANIFEST, refuse)
        assert await archive.get(MANIFEST) == b"{}"

    async def test_a_name_that_was_given_up_can_be_taken(self, archive: Archive) -> None:
        async with archive.upload(NAME, INFO) as upload:
            await upload.write(b"[1]")
        await keep(archive, [b"[2]"])
        assert await bytes_of(archive) == b"[2]"

    async def test_a_taken_name_is_refused_and_its_snapshot_stays(self, archive: Archive) -> None:
        await keep(archive, [b"[1]"])
        with pytest.raises(NameInUse, match=NAME):
            await keep(archive, [b"[2]"], info=SnapshotInfo("elsewhere", "load-2"))
        assert await bytes_of(archive) == b"[1]"
        assert await archive.info(NAME) == INFO

    async def test_of_two_uploads_of_one_name_one_appears_whole(self, archive: Archive) -> None:
        bodies = {b"[1]": SnapshotInfo("a", "load-a"), b"[2]": SnapshotInfo("b", "load-b")}
        loads = [keep(archive, [body], info=info) for body, info in bodies.items()]
        failures = [done for done in await asyncio.gather(*loads, return_exceptions=True) if done]
        assert [type(failure) for failure in failures] == [NameInUse]
        assert await archive.info(NAME) == bodies[await bytes_of(archive)]

    async def test_uploads_of_two_names_run_side_by_side(self, archive: Archive) -> None:
        await asyncio.gather(keep(archive, [b"[1]"]), keep(archive, [b"[2]"], name=SECOND))
        assert sorted(await archive.names()) == sorted([NAME, SECOND])
        assert await bytes_of(archive, SECOND) == b"[2]"

    @pytest.mark.parametrize(
        "info",
        [
            INFO,
            SnapshotInfo("captures/Köln 2017.json", "x", etag='W/"5f-1"', last_modified="Wed, 20 Dec 2023"),
            SnapshotInfo("https://example.org/", "x", source_id="0123456789abcdef" * 4),
        ],
    )
    async def test_what_is_kept_beside_it_comes_back(self, archive: Archive, info: SnapshotInfo) -> None:
        await keep(archive, [b"[]"], info=info)
        assert await archive.info(NAME) == info

    @pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256)), b"x" * DOCUMENT_LIMIT])
    async def test_a_document_comes_back_as_it_was_put(self, archive: Archive, body: bytes) -> None:
        await archive.put(MANIFEST, body)
        assert await archive.get(MANIFEST) == body

    async def test_of_a_document_past_the_limit_only_so_much_is_read_that_this_shows(
        self, archive: Archive
    ) -> None:
        given: list[bytes | None] = []
        await archive.put(MANIFEST, b"x" * (DOCUMENT_LIMIT + 300_000))
        await archive.change(MANIFEST, given.append)
        assert [len(body or b"") for body in (*given, await archive.get(MANIFEST))] == [
            DOCUMENT_LIMIT + 1
        ] * 2

    async def test_an_unknown_document_is_none(self, archive: Archive) -> None:
        assert await archive.get(MANIFEST) is None

    async def test_a_document_replaces_the_older_one_of_its_key(self, archive: Archive) -> None:
        await archive.put(MANIFEST, b"older and longer")
        await archive.put(MANIFEST, b"newer")
        assert await archive.get(MANIFEST) == b"newer"

    async def test_of_documents_put_at_a_time_one_stays_whole(self, archive: Archive) -> None:
        bodies = [bytes([65 + number]) * 200_000 for number in range(8)]
        await asyncio.gather(*(archive.put(MANIFEST, body) for body in bodies))
        assert await archive.get(MANIFEST) in bodies

    async def test_documents_are_no_snapshots(self, archive: Archive) -> None:
        for folder in ("manifests/air_quality_data", "rejects/air_quality_data"):
            await archive.put(f"{folder}/{NAME}", b"{}")
        assert list(await archive.names()) == []

    async def test_it_may_be_closed_twice(self, archive: Archive) -> None:
        await archive.close()
        await archive.close()


async def table(store: Store, items: Iterable[Item]) -> dict[str, Item | None]:
    return {item.id: await store.get(item.id) for item in items}


class TestStore:
    async def test_a_fresh_one_passes_its_check_and_holds_nothing(self, store: Store) -> None:
        await store.check()
        assert await store.get(FULL.id) is None

    @settings(max_examples=50, suppress_health_check=SHARED)
    @given(item=ITEMS)
    async def test_any_item_comes_back_as_it_was_put(self, store: Store, item: Item) -> None:
        assert await store.put([item], conditional=False) == (frozenset(), {})
        assert await store.get(item.id) == item
        assert await store.read([item.id]) == {item.id: item}

    async def test_what_can_be_no_id_is_not_found(self, store: Store) -> None:
        await store.put([FULL, Item("1")], conditional=False)
        assert {text: await store.get(text) for text in NO_IDS} == dict.fromkeys(NO_IDS)

    async def test_the_smallest_and_the_largest_id_are_found(self, store: Store) -> None:
        items = {record_id: FULL._replace(id=record_id) for record_id in ("0", "1", str(2**63 - 1))}
        for item in items.values():
            await store.put([item], conditional=True)
        assert await table(store, items.values()) == items

    @pytest.mark.parametrize("conditional", [False, True])
    async def test_as_many_items_as_the_limit_are_written_and_read_at_once(
        self, store: Store, conditional: bool
    ) -> None:
        items = {str(number): FULL._replace(id=str(number)) for number in range(READ_LIMIT)}
        assert await store.put(list(items.values()), conditional=conditional) == (frozenset(), {})
        assert await store.read(list(items)) == items

    async def test_a_write_under_the_condition_goes_over_what_is_dated_ahead_and_over_nothing_newer(
        self, store: Store
    ) -> None:
        now, cases = int(time.time()), {"1": (3700, 0), "2": (3500, 0), "3": (3700, 1), "4": (-1, 1)}
        bare = FULL._replace(measured_at=now)
        there = [bare._replace(id=i, snapshot_at=now + ahead) for i, (ahead, _) in cases.items()]
        new = [
            bare._replace(id=i, measured_at=now - older, snapshot_at=now - 10, pm25="16")
            for i, (_, older) in cases.items()
        ]
        await store.put(there, conditional=False)
        assert await store.put(new, conditional=True) == (frozenset({"2", "3", "4"}), {})
        assert await table(store, new) == {item.id: item for item in (new[0], *there[1:])}

    async def test_a_read_leaves_absent_ids_out(self, store: Store) -> None:
        await store.put([FULL], conditional=False)
        assert await store.read(["5", FULL.id, "6"]) == {FULL.id: FULL}

    async def test_many_are_looked_up_at_once_and_each_id_has_its_answer(self, store: Store) -> None:
        items = {str(number): FULL._replace(id=str(number)) for number in range(0, 2 * READ_LIMIT, 2)}
        await store.put(list(items.values()), conditional=False)
        ids = [str(number) for number in range(READ_LIMIT - len(NO_IDS))] + NO_IDS
        assert await store.get_many(ids) == {each: items.get(each) for each in ids}

    @pytest.mark.parametrize("conditional", [False, True])
    async def test_no_items_and_no_ids_are_no_error(self, store: Store, conditional: bool) -> None:
        assert await store.put([], conditional=conditional) == (frozenset(), {})
        assert await store.read([]) == {}
        assert await store.get_many([]) == {}
        assert await store.get_many(["lease", "-1"]) == {"lease": None, "-1": None}

    @pytest.mark.parametrize("conditional", [False, True])
    async def test_a_field_that_the_new_item_lacks_is_gone(self, store: Store, conditional: bool) -> None:
        bare = Item(FULL.id, measured_at=FULL.measured_at, snapshot_at=FULL.snapshot_at)
        await store.put([FULL], conditional=False)
        await store.put([bare], conditional=conditional)
        assert await store.get(FULL.id) == bare

    async def test_an_unconditional_write_replaces_even_a_newer_item(self, store: Store) -> None:
        await store.put([FULL], conditional=False)
        older = FULL._replace(measured_at=5, pm10="7")
        assert await store.put([older], conditional=False) == (frozenset(), {})
        assert await store.get(FULL.id) == older

    async def test_a_conditional_write_yields_to_a_newer_item_only(self, store: Store) -> None:
        old = [
            FULL._replace(id=str(number), measured_at=there[0], snapshot_at=there[1])
            for number, (there, _, _) in enumerate(MEETINGS)
        ]
        new = [
            FULL._replace(id=str(number), measured_at=comes[0], snapshot_at=comes[1], pm10="7")
            for number, (_, comes, _) in enumerate(MEETINGS)
        ]
        for each in old:
            await store.put([each], conditional=False)
        results = [await store.put([each], conditional=True) for each in new]
        lost = [number for number, (*_, wins) in enumerate(MEETINGS) if not wins]
        assert results == [(frozenset({str(n)} if n in lost else ()), {}) for n in range(len(MEETINGS))]
        assert await table(store, new) == {
            str(n): (old if n in lost else new)[n] for n in range(len(MEETINGS))
        }

    async def test_a_superseded_item_costs_its_neighbours_nothing(self, store: Store) -> None:
        await store.put([FULL._replace(id="2")], conditional=False)
        late = [FULL._replace(id=each, measured_at=5) for each in ("1", "2", "3")]
        assert (await store.put(late, conditional=True)).superseded == {"2"}
        kept = await table(store, late)
        assert kept == {"1": late[0], "2": FULL._replace(id="2"), "3": late[2]}

    async def test_writes_at_one_time_are_all_kept(self, store: Store) -> None:
        items = [FULL._replace(id=str(number)) for number in range(80)]
        batches = [items[at : at + 10] for at in range(0, 80, 10)]
        await asyncio.gather(*(store.put(batch, conditional=True) for batch in batches))
        await store.settle()
        expected = {item.id: item for item in items}
        assert await store.read(list(expected)) == expected

    async def test_settling_and_expiring_leave_what_has_not_expired(self, store: Store) -> None:
        await store.put([FULL, Item("1", measured_at=5)], conditional=False)
        await store.settle()
        await store.expire(1703091600)
        assert await store.read([FULL.id, "1"]) == {FULL.id: FULL, "1": Item("1", measured_at=5)}

    async def test_it_may_be_closed_twice(self, store: Store) -> None:
        await store.close()
        await store.close()
