"""Loads after loads: what is there already is neither archived nor written again, and the newest stays."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.core.scales import SCALES
from aqi_service.errors import ConfigError, Unavailable
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.storage.ports import SnapshotInfo, Storage
from tests.doubles.documents import document_of
from tests.doubles.feed_server import FeedServer, answer, feed_server
from tests.doubles.load_helpers import NAME, NOW, TABLE, document, fates, manifest_of, records, run, written
from tests.doubles.load_places import Place, local_place, place
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, failing, in_memory

__all__ = ["place"]  # a fixture

BODY = document(*range(1, 151))
HOUR = 3600
VALIDATORS = {"ETag": '"v1"', "Last_Modified": "Wed, 20 Dec 2023 17:00:00 GMT"}
NOT_MODIFIED = (answer(status="304 Not Modified"),)


async def into(place: Place, source: object, **how: Any) -> LoadReport:
    return await run(source, place.storage, table=place.table, **how)


async def latest(place: Place) -> Any:
    return json.loads((await place.documents())[f"manifests/{place.table}/latest.json"])["snapshot"]


@pytest.mark.parametrize("live", [True, False], ids=["live", "replay"])
async def test_the_same_bytes_again_are_unchanged_and_leave_nothing(
    place: Place, tmp_path: Path, live: bool
) -> None:
    source = written(tmp_path, BODY)
    first = await into(place, source, live=live)
    before = await place.documents(), await place.items()
    again = await into(place, source, live=live, now=NOW + HOUR)
    assert (again.status, again.snapshot, again.error) == (Status.UNCHANGED, None, None)
    assert (again.sha256, again.warnings) == (first.sha256, {})
    assert (fates(first), fates(again)) == ({"stored": 150}, {"unchanged": 150})
    assert (await place.documents(), await place.items()) == before
    assert await place.under_way() == []


async def test_snapshots_of_one_minute_get_a_suffix_each_and_the_last_is_the_newest(
    place: Place, tmp_path: Path
) -> None:
    names = []
    for count in (1, 2, 3):
        report = await into(place, written(tmp_path, document(*range(count))))
        assert report.snapshot_time == NOW // 60 * 60
        names.append(report.snapshot)
    assert names == [NAME, "data_20_12_23_18_01-2.json", "data_20_12_23_18_01-3.json"]
    found = await place.documents()
    assert [found[str(name)] for name in names] == [document(*range(count)) for count in (1, 2, 3)]
    assert {f"manifests/{place.table}/{name}" for name in names} <= found.keys()
    assert await latest(place) == names[-1]
    assert (await into(place, written(tmp_path, document(*range(3))))).status is Status.UNCHANGED


async def test_the_same_bytes_for_a_minute_that_has_them_are_unchanged_behind_a_newer_snapshot(
    tmp_path: Path,
) -> None:
    archive, source = MemoryArchive(), written(tmp_path, BODY)
    await run(source, in_memory(archive))
    await run(written(tmp_path, document(1), "newer.json"), in_memory(archive), now=NOW + HOUR)
    again = await run(source, in_memory(archive))
    assert (again.status, again.snapshot, len(archive.snapshots)) == (Status.UNCHANGED, None, 2)


async def test_the_newest_finished_snapshot_moves_only_forward_in_time(place: Place, tmp_path: Path) -> None:
    for offset, newest in ((HOUR, 1), (0, 1), (2 * HOUR, 2), (HOUR, 2)):
        body = document(offset, len(await place.documents()))
        report = await into(place, written(tmp_path, body), now=NOW + offset)
        assert report.status is Status.COMPLETE
        assert await latest(place) == f"data_20_12_23_{18 + newest}_01.json"


@pytest.mark.parametrize("live", [True, False], ids=["live", "replay"])
async def test_an_older_snapshot_after_a_newer_one_changes_nothing_that_is_newer(
    place: Place, tmp_path: Path, live: bool
) -> None:
    newer, older = "2023-12-20 17:00:00", "2023-12-20 16:00:00"
    new = document_of(*records([1, 2], timestamp=newer), *records([3], timestamp=older))
    old = document_of(
        *records([1], timestamp=older),  # measured earlier
        *[one | {"location": {}} for one in records([2], timestamp=newer)],  # as it was seen earlier
        *records([3, 4], timestamp=older),  # the same, and one that the newer does not have
    )
    await into(place, written(tmp_path, new), now=NOW + HOUR)
    before = await place.items()
    report = await into(place, written(tmp_path, old), now=NOW, live=live)
    assert fates(report) == {"superseded": 2, "unchanged": 1, "stored": 1}
    after = await place.items()
    assert after.pop("4")["snapshot_at"] == NOW // 60 * 60
    assert after == before


async def test_replays_at_one_time_leave_the_table_as_one_after_the_other(
    place: Place, tmp_path: Path
) -> None:
    sources = []
    for hour in range(4):
        body = document(*range(hour, 60 + hour), timestamp=f"2023-12-20 1{hour}:00:00")
        sources.append(written(tmp_path, body, f"data_20_12_23_1{hour}_30.json"))
    reports = await asyncio.gather(*(into(place, source) for source in sources))
    assert [report.status for report in reports] == [Status.COMPLETE] * 4
    assert [sum(fates(report).values()) for report in reports] == [60] * 4
    expected = {str(i): f"2023-12-20 1{min(3, i)}:00:00" for i in range(63)}
    assert {i: item["timestamp"] for i, item in (await place.items()).items()} == expected


async def test_what_the_feed_has_nothing_newer_than_is_unchanged_and_not_sent(place: Place) -> None:
    async with feed_server((answer(BODY, **VALIDATORS),), NOT_MODIFIED) as feed:
        await into(place, feed.url(), live=True)
        before = await place.documents()
        again = await into(place, feed.url(), live=True, now=NOW + HOUR)
    assert (again.status, again.records, again.bytes, again.error) == (Status.UNCHANGED, 0, 0, None)
    assert await place.documents() == before
    assert conditions(feed) == [
        {},
        {"if-none-match": '"v1"', "if-modified-since": VALIDATORS["Last_Modified"]},
    ]


def conditions(feed: FeedServer) -> list[dict[str, str]]:
    """Give the conditions of every request."""
    return [{k: v for k, v in request.headers.items() if k.startswith("if-")} for request in feed.requests]


async def second_request(storage: Storage, storage_then: Storage, **how: Any) -> dict[str, str]:
    """Load twice from a feed that always sends all; give the conditions of the second request."""
    async with feed_server((answer(BODY, **VALIDATORS),)) as feed:
        await run(feed.url(), storage, live=True)
        await run(feed.url(), storage_then, **{"live": True, "now": NOW + HOUR} | how)
        assert len(feed.requests) == 2
    return conditions(feed)[1]


async def test_only_the_live_feed_is_asked_on_condition() -> None:
    storage = in_memory()
    assert await second_request(storage, storage)
    storage = in_memory()
    assert await second_request(storage, storage, live=False) == {}


async def test_after_a_load_that_did_not_finish_the_feed_is_asked_for_all() -> None:
    archive, store = MemoryArchive(), MemoryStore()
    broken = Storage(archive, Before(store, put=failing(Unavailable("throttled"))))
    assert await second_request(broken, Storage(archive, store)) == {}
    assert len(store.items) == 150


async def test_after_a_load_that_archived_nothing_the_feed_is_asked_for_all() -> None:
    archive, store = MemoryArchive(), MemoryStore()
    broken = Storage(Before(archive, complete=failing(Unavailable("down"))), store)
    assert await second_request(broken, Storage(archive, store)) == {}
    assert set(archive.snapshots) == {"data_20_12_23_19_01.json"}


async def test_when_the_table_is_to_be_scored_on_another_scale_the_feed_is_asked_for_all() -> None:
    storage = in_memory()
    assert await second_request(storage, storage, scale=SCALES["us-epa"], rescore=True) == {}


async def test_for_another_table_the_feed_is_asked_for_all() -> None:
    archive = MemoryArchive()
    assert await second_request(in_memory(archive), in_memory(archive), table="another") == {}


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff"])
async def test_without_a_manifest_that_can_be_read_the_same_content_is_found_and_gets_one(
    damage: bytes, tmp_path: Path
) -> None:
    archive = MemoryArchive()
    source = written(tmp_path, BODY)
    await run(source, in_memory(archive))
    archive.documents = dict.fromkeys(archive.documents, damage)
    report = await run(source, in_memory(archive))
    assert (report.status, report.snapshot) == (Status.COMPLETE, "data_20_12_23_18_01.json")
    assert list(archive.snapshots) == [report.snapshot]
    assert json.loads(archive.documents[f"manifests/{TABLE}/latest.json"])["snapshot"] == report.snapshot


async def test_the_same_content_on_another_scale_is_recorded_as_that_snapshot_on_that_scale(
    place: Place, tmp_path: Path
) -> None:
    source, manifests = written(tmp_path, BODY), ManifestStore(place.storage, place.table)
    await run(source, place.storage, table=place.table)
    again = await run(source, place.storage, table=place.table, scale=SCALES["us-epa"], rescore=True)
    assert (again.status, again.snapshot) == (Status.COMPLETE, NAME)
    await manifests.check_scale("us-epa")
    with pytest.raises(ConfigError, match="is scored on us-epa, not daqi"):
        await manifests.check_scale("daqi")
    assert [key for key in await place.documents() if key.startswith("data_")] == [NAME]


async def test_the_same_content_for_another_table_is_not_archived_again(tmp_path: Path) -> None:
    archive, source = MemoryArchive(), written(tmp_path, BODY)
    await run(source, in_memory(archive))
    report = await run(source, in_memory(archive), table="another")
    assert (report.status, report.snapshot, list(archive.snapshots)) == (Status.COMPLETE, NAME, [NAME])
    assert manifest_of(archive.documents, table="another") == report.as_json()


async def test_a_table_that_was_made_anew_is_filled_again(tmp_path: Path) -> None:
    archive, old, new = MemoryArchive(), MemoryStore(), MemoryStore()
    new.table_id = "made anew"
    source = written(tmp_path, BODY)
    await run(source, Storage(archive, old))
    report = await run(source, Storage(archive, new))
    assert (report.status, report.snapshot, len(new.items)) == (Status.COMPLETE, NAME, len(old.items))
    assert (await run(source, Storage(archive, new))).status is Status.UNCHANGED


async def test_a_source_whose_path_is_no_utf_8_is_loaded_and_reported(tmp_path: Path) -> None:
    report = await run(written(tmp_path, BODY, os.fsdecode(b"a\xff.json")), in_memory())
    assert (report.status, report.source) == (Status.COMPLETE, f"{tmp_path}/a\\xff.json")


async def test_a_load_whose_name_another_is_writing_takes_the_next_one(tmp_path: Path) -> None:
    async with local_place(tmp_path / "d") as place:
        async with place.storage.archive.upload(NAME, SnapshotInfo("elsewhere", "another load")):
            report = await run(written(tmp_path, BODY), place.storage)
        assert (report.status, report.snapshot) == (Status.COMPLETE, NAME.replace(".json", "-2.json"))
