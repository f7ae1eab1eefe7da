"""Days of daily files loaded: what a report and a manifest say, what stays as it is, and every way to end."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.report import LoadReport, Status
from aqi_service.core.scales import SCALES
from aqi_service.core.selection import Selection
from aqi_service.core.snapshot_names import days_scale_key
from aqi_service.errors import ConfigError, Unavailable
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.select import choose
from aqi_service.snapshots.sources import Source
from aqi_service.storage.backend import SnapshotLocations
from aqi_service.storage.ports import Storage
from tests.doubles.day_files import DAY, csv_of, day_of, hours, name_of
from tests.doubles.load_helpers import TABLE, document, fates, run, written
from tests.doubles.load_places import Place, place
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, Stuck, failing, in_memory

__all__ = ["place"]  # a fixture

NOW = 1_703_300_000.0
"""2023-12-23T02:53:20Z."""

IDS = [f"920231220000000000{n}" for n in (1, 2)]


async def day(folder: Path) -> Source:
    """Give the one day of a folder, ready to be loaded."""
    [source] = await choose([str(folder)], SnapshotLocations(MemoryArchive()), Selection(), 0, NOW)
    assert source.prepare
    return await source.prepare()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A day of two sensors with values, one with too few hours, one without particles."""
    found = tmp_path / "files"
    found.mkdir()
    (found / name_of(1)).write_bytes(day_of(1))
    (found / name_of(2)).write_bytes(day_of(2, 20, p1="1999.9"))
    (found / name_of(3)).write_bytes(day_of(3, 17))
    (found / name_of(4, kind="bme280")).write_bytes(
        csv_of(hours(1, sensor=4), "sensor_id;timestamp;humidity")
    )
    return found


async def into(place: Place, source: object, **how: Any) -> LoadReport:
    return await run(source, place.storage, table=place.table, now=NOW, **how)


async def test_a_day_is_one_report_and_one_manifest_and_nothing_of_it_is_archived(
    place: Place, folder: Path
) -> None:
    source = await day(folder)
    report = await into(place, source)
    assert (report.status, report.error, report.sha256) == (Status.COMPLETE, None, None)
    assert (report.records, fates(report)) == (4, {"stored": 2, "rejected": 1, "without_pm": 1})
    assert (report.reasons, report.warnings) == ({"too_few_hours": 1}, {"bad_value": 20})
    assert report.bytes == size_of(folder)
    assert report.day
    assert source.day
    assert (report.day.files, report.day.days, report.day.hours_missing) == (4, 3, 4 + 7)
    name = f"day_{DAY}_{source.day.digest[:16]}"
    documents = await place.documents()
    noted = days_scale_key(place.table)
    assert set(documents) == {noted, *(f"{what}/{place.table}/{name}" + end
                              for what, end in (("manifests", ".json"), ("rejects", ".ndjson")))}  # fmt: skip
    manifest = json.loads(documents[f"manifests/{place.table}/{name}.json"])
    assert manifest.items() >= report.as_json().items()
    assert manifest["digest"] == source.day.digest


async def test_hours_are_stored_beside_the_means(place: Place, folder: Path) -> None:
    await into(place, await day(folder))
    items = await place.items()
    assert sorted(items) == IDS
    first, second = (items[i] for i in IDS)
    assert (first["hours_p25"], first["hours_p10"], first["P2.5"], first["P10"]) == (
        "24",
        "24",
        "7.5",
        "12.5",
    )
    assert (second["hours_p25"], second["hours_p10"], "P10" in second) == ("20", "0", False)


async def test_a_finished_day_is_known_by_its_files_and_again_it_changes_nothing(
    place: Place, folder: Path
) -> None:
    source = await day(folder)
    await into(place, source)
    manifests = ManifestStore(place.storage, place.table)
    assert source.named
    assert await manifests.finished(source.named[0], "daqi")
    assert not await manifests.finished(source.named[0], "us-epa")
    before = await place.items()
    again = await into(place, await day(folder))
    assert fates(again) == {"unchanged": 2, "rejected": 1, "without_pm": 1}
    assert await place.items() == before


async def test_the_latest_snapshot_stays_the_latest_whatever_is_loaded_of_days(
    place: Place, folder: Path, tmp_path: Path
) -> None:
    await into(place, written(tmp_path, document(1), "data_18_12_23_18_00.json"), snapshot_time=None)
    latest = (await place.documents())[f"manifests/{place.table}/latest.json"]
    assert (await into(place, await day(folder))).status is Status.COMPLETE
    assert (await place.documents())[f"manifests/{place.table}/latest.json"] == latest


async def test_a_table_of_days_alone_is_on_their_scale_until_it_is_scored_anew_or_made_anew(
    place: Place, folder: Path
) -> None:
    manifests = ManifestStore(place.storage, place.table)
    await into(place, await day(folder))
    await manifests.check_scale("daqi")
    await ManifestStore(place.storage, "another").check_scale("us-epa")
    with pytest.raises(ConfigError, match="is scored on daqi, not us-epa: add --rescore"):
        await manifests.check_scale("us-epa")
    again = await into(place, await day(folder), scale=SCALES["us-epa"], rescore=True)
    assert again.status is Status.COMPLETE
    await manifests.check_scale("us-epa")
    with pytest.raises(ConfigError, match="is scored on us-epa, not daqi"):
        await manifests.check_scale("daqi")


async def test_a_finished_snapshot_says_the_tables_scale_whatever_days_are_loaded_beside_it(
    folder: Path, tmp_path: Path
) -> None:
    store = MemoryStore()
    storage = Storage(MemoryArchive(), store)
    manifests = ManifestStore(storage, TABLE)
    await run(
        written(tmp_path, document(1), "data_18_12_23_18_00.json"), storage, now=NOW, snapshot_time=None
    )
    await run(await day(folder), storage, now=NOW, scale=SCALES["us-epa"], rescore=True)
    with pytest.raises(ConfigError, match="is scored on daqi, not us-epa"):
        await manifests.check_scale("us-epa")
    await manifests.check_scale("daqi")
    store.table_id = "made anew"
    for scale in ("daqi", "us-epa"):
        await manifests.check_scale(scale)


async def test_a_sensor_that_is_left_out_is_left_out_of_days_too(place: Place, folder: Path) -> None:
    report = await into(place, await day(folder), excluded=frozenset({1}))
    assert report.reasons == {"excluded": 1, "too_few_hours": 1}
    assert sorted(await place.items()) == IDS[1:]


async def test_on_the_reports_scale_a_mean_of_too_few_hours_counts_as_missing(folder: Path) -> None:
    (folder / name_of(1)).write_bytes(
        csv_of([*hours(*range(20), sensor=1, p1=""), *hours(1, sensor=1, p1="90")])
    )
    store = MemoryStore()
    await run(await day(folder), in_memory(store=store), now=NOW, scale=SCALES["report"])
    assert (store.items[IDS[0]].aqi, store.items[IDS[0]].pm10) == ("1", None)


async def test_expired_days_are_counted_and_not_written(folder: Path) -> None:
    store = MemoryStore()
    report = await run(await day(folder), in_memory(store=store), now=NOW, ttl=86_400)
    assert (fates(report)["expired"], store.writes) == (2, 0)


async def test_a_table_that_fails_leaves_the_day_to_be_continued(folder: Path) -> None:
    store = MemoryStore()
    archive = MemoryArchive()
    broken = Storage(archive, Before(store, put=failing(Unavailable("no answer"))))
    report = await run(await day(folder), broken, now=NOW)
    assert (report.status, fates(report)["pending"]) == (Status.INCOMPLETE, 2)
    [key] = [key for key in archive.documents if key.startswith("manifests/")]
    assert json.loads(archive.documents[key])["status"] == "incomplete"
    report = await run(await day(folder), Storage(archive, store), now=NOW)
    assert (report.status, sorted(store.items)) == (Status.COMPLETE, IDS)


async def test_with_a_deadline_a_table_that_fails_once_gets_the_rest_out_of_the_files_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqi_service.load.resume.WAIT_BASE", 0)
    store = MemoryStore()
    calls = iter([Unavailable("no answer")])

    async def once() -> None:
        for error in calls:
            raise error

    report = await run(await day(folder), in_memory(store=Before(store, put=once)), now=NOW, deadline=60)
    assert (report.status, fates(report)["stored"], sorted(store.items)) == (Status.COMPLETE, 2, IDS)
    assert report.day
    assert report.day.files == 4


async def test_a_day_whose_file_cannot_be_read_fails_and_leaves_no_manifest(folder: Path) -> None:
    source = await day(folder)
    (folder / name_of(3)).unlink()
    archive = MemoryArchive()
    report = await run(source, in_memory(archive=archive), now=NOW)
    assert (report.status, report.snapshot, archive.documents) == (Status.FAILED, None, {})
    assert "cannot be read: No such file" in str(report.error)


async def test_interrupted_it_ends_in_order_and_again_completes(folder: Path) -> None:
    store, stuck, archive = MemoryStore(), Stuck(), MemoryArchive()
    storage = Storage(archive, Before(store, put=stuck))
    task = asyncio.create_task(run(await day(folder), storage, now=NOW))
    await stuck.reached.wait()
    task.cancel()
    report = await task
    assert (report.status, report.error, fates(report)["pending"]) == (Status.INCOMPLETE, "interrupted", 2)
    assert TABLE in next(iter(archive.documents))
    assert (await run(await day(folder), Storage(archive, store), now=NOW)).status is Status.COMPLETE


async def test_a_day_larger_than_allowed_is_rejected(folder: Path) -> None:
    report = await run(await day(folder), in_memory(), now=NOW, max_bytes=3000)
    assert (report.status, report.snapshot) == (Status.REJECTED, None)
    assert report.error == "the day's files are larger than 3000 bytes; --max-bytes allows more"


async def test_a_day_ahead_of_the_clock_is_not_loaded(folder: Path) -> None:
    report = await run(await day(folder), in_memory(), now=1_703_080_000.0)
    assert (report.status, report.clock_off) == (Status.FAILED, True)
