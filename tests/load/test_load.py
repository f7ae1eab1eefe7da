"""The write path from end to end, into a folder and into AWS as moto plays it: what a load leaves behind."""

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aqi_service import __version__
from aqi_service.core.report import Status
from aqi_service.core.scales import SCALES
from aqi_service.core.times import DAY
from aqi_service.snapshots.sources import archived_source, source_of
from aqi_service.storage.dry import DryArchive, DryStore
from aqi_service.storage.ports import Storage
from tests.doubles.documents import GENERATED, document_of, real_capture, record
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import AGENT, NAME, NOW, document, fates, manifest_of, records, run, written
from tests.doubles.load_places import Place, place
from tests.doubles.plain_reading import Plain, plain
from tests.doubles.storage_doubles import MemoryArchive, MemoryStore, in_memory

__all__ = ["place"]  # a fixture

SNAPSHOT = 1_795_446_000
"""2026-11-23T15:00:00Z, the time that the generated capture is made for."""

GENERATED_NAME = "data_23_11_26_15_00.json"


def written_items(expected: Plain) -> dict[str, dict[str, Any]]:
    """Give the table that a capture comes to: of one id the newest, of several such the last."""
    table: dict[str, dict[str, Any]] = {}
    for item in expected.items:
        if item["id"] not in table or table[item["id"]]["measured_at"] <= item["measured_at"]:
            table[item["id"]] = item
    return table


def expected_report(body: bytes, source: Path, expected: Plain, **others: Any) -> dict[str, Any]:
    """Give the report of the first load of a capture, as far as the recomputation knows it."""
    stored = len(written_items(expected))
    reasons = [reason for reason, _ in expected.rejected]
    return {
        "status": "complete",
        "source": str(source),
        "sha256": hashlib.sha256(body).hexdigest(),
        "bytes": len(body),
        "scale": "daqi",
        "version": __version__,
        "records": len(json.loads(body)),
        "stored": stored,
        "unchanged": 0,
        "superseded": len(expected.items) - stored,
        "merged": expected.merged,
        "rejected": len(reasons),
        "without_pm": expected.without_pm,
        "expired": 0,
        "pending": 0,
        "newest": max(expected.items, key=lambda item: int(item["measured_at"]))["timestamp"],
        "reasons": {reason: reasons.count(reason) for reason in reasons},
        "started": "2023-12-20T18:01:05Z",
        "dry_run": False,
        "error": None,
    } | others


def pm25_over_pm10(expected: Plain) -> int:
    both = [item for item in expected.items if "P2.5" in item and "P10" in item]
    return sum(Decimal(item["P2.5"]) > Decimal(item["P10"]) for item in both)


async def check_what_is_left(place: Place, name: str, body: bytes, report: Any, expected: Plain) -> None:
    """See that archive and table hold just what the capture and its report come to."""
    found = await place.documents()
    manifest, rejects = f"manifests/{place.table}/{name}", f"rejects/{place.table}/{name[:-5]}.ndjson"
    assert set(found) == {name, manifest, rejects, f"manifests/{place.table}/latest.json"}
    assert found[name] == body
    kept = json.loads(found[manifest])
    receipt = kept.pop("receipt", None)
    assert await place.storage.store.known_receipts({receipt} - {None}) == {receipt} - {None}
    assert kept == report | {"table_id": await place.storage.store.identity()}
    latest = json.loads(found[f"manifests/{place.table}/latest.json"])
    assert latest.pop("witness")["records"] == len(expected.items)
    assert latest == json.loads(found[manifest])
    lines = [json.loads(line) for line in found[rejects].decode().splitlines()]
    assert [(line["reason"], line["id"]) for line in lines] == expected.rejected
    for line in lines:
        text = line["record"].encode()
        assert body[line["offset"] :].startswith(text)
        assert line["id"] in (None, str(json.loads(text)["id"]).lstrip("0"))
    assert await place.items() == written_items(expected)
    assert await place.under_way() == []


async def test_the_real_capture_is_archived_byte_by_byte_and_each_record_has_its_fate(
    place: Place, tmp_path: Path
) -> None:
    body, source = real_capture(), written(tmp_path, real_capture(), "feed.json")
    report = (await run(source, place.storage, live=True, table=place.table)).as_json()
    expected = plain(body, "daqi", "2023-12-20 18:01")
    facts = expected_report(body, source, expected)
    facts |= {"snapshot": NAME, "snapshot_time": "2023-12-20T18:01:00Z", "table": place.table}
    facts |= {"seconds": report["seconds"]}
    facts |= {"warnings": {"not_24h_mean": 1, "old_snapshot": 1, "pm25_over_pm10": pm25_over_pm10(expected)}}
    facts |= {"sensors": 1667}
    assert report == facts
    assert (facts["records"], facts["stored"], facts["rejected"]) == (6874, 3565, 47)
    assert facts["sha256"] == "0d2ce8c8c07f2eaebebccd17876f7f3ca05993b914a2888d0f6451e46aaf3e41"
    await check_what_is_left(place, NAME, body, report, expected)


async def test_the_generated_capture_with_every_oddity_is_loaded_as_a_replay(
    place: Place, tmp_path: Path
) -> None:
    source = written(tmp_path, GENERATED)
    report = (
        await run(source, place.storage, now=SNAPSHOT, table=place.table, snapshot_time=SNAPSHOT)
    ).as_json()
    expected = plain(GENERATED, "daqi", "2026-11-23 15:00")
    facts = expected_report(GENERATED, source, expected, snapshot=GENERATED_NAME, table=place.table)
    facts |= dict.fromkeys(("snapshot_time", "started"), "2026-11-23T15:00:00Z")
    assert {name: value for name, value in report.items() if name in facts} == facts
    assert facts["stored"] > 30
    assert report["warnings"]["pm25_over_pm10"] == pm25_over_pm10(expected)
    await check_what_is_left(place, GENERATED_NAME, GENERATED, report, expected)


@pytest.mark.parametrize("name", ["data_10_08_17_11_23.json", "data_10_08_17_11_23-2.json.gz"])
async def test_a_replay_of_what_is_named_like_a_snapshot_keeps_name_and_time(
    place: Place, tmp_path: Path, name: str
) -> None:
    source = written(tmp_path, document(1, timestamp="2017-08-10T11:22:00"), name)
    report = await run(source, place.storage, table=place.table, snapshot_time=SNAPSHOT)
    assert (report.snapshot, report.snapshot_time) == (name.removesuffix(".gz"), 1_502_364_180)
    assert (await place.items())["1"]["snapshot_at"] == 1_502_364_180


async def test_what_the_feed_says_of_itself_is_kept_beside_the_snapshot_without_secrets(place: Place) -> None:
    last_modified = "Wed, 20 Dec 2023 17:00:00 GMT"
    body = document_of(*records([1, 2]), record("x", p1="1"))
    async with feed_server((answer(body, ETag='W/"v1"', Last_Modified=last_modified),)) as feed:
        url = feed.url("/data_10_08_17_11_23.json?token=hunter2", user="me:hunter2")
        report = await run(url, place.storage, live=True, table=place.table)
        label = feed.url("/data_10_08_17_11_23.json")
    assert (report.source, report.snapshot) == (label, NAME)  # the live feed is named by the time of reading
    info = await place.storage.archive.info(NAME)
    assert info is not None
    assert (info.source, info.etag, info.last_modified) == (label, 'W/"v1"', last_modified)
    assert len(info.load_id) == 32
    everything = json.dumps(report.as_json()).encode() + b"".join((await place.documents()).values())
    assert b"hunter2" not in everything + repr(info).encode()
    assert feed.requests[0].headers["user-agent"] == AGENT


async def test_with_a_ttl_records_expire_by_their_own_time_and_expired_ones_are_not_written(
    place: Place, tmp_path: Path
) -> None:
    old, new = "2023-12-18 18:01:05", "2023-12-18 18:01:06"
    body = document_of(*records([1], timestamp=old), *records([2], timestamp=new))
    report = await run(written(tmp_path, body), place.storage, table=place.table, ttl=2 * DAY)
    assert fates(report) == {"stored": 1, "expired": 1}
    assert {i: item["expires_at"] for i, item in (await place.items()).items()} == {"2": int(NOW) + 1}
    assert manifest_of(await place.documents(), table=place.table)["ttl"] == 2 * DAY


async def test_a_load_deletes_what_has_expired_by_the_second_of_its_end(tmp_path: Path) -> None:
    store = MemoryStore()
    a_minute_on = document(1, timestamp="2023-12-20 18:02:05")
    await run(written(tmp_path, a_minute_on), in_memory(store=store), now=NOW + 0.75)
    assert store.expired == [int(NOW)]


async def test_a_load_deletes_what_has_expired_beside_the_newest_record_where_that_is_older_than_the_clock(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    body = document(1, timestamp="2023-12-20 17:00:00")
    await run(written(tmp_path, body), in_memory(store=store), now=NOW + 60 * DAY)
    assert store.expired == [1_703_091_600]


async def test_a_load_deletes_nothing_while_no_record_tells_how_old_the_data_is(tmp_path: Path) -> None:
    store = MemoryStore()
    await run(written(tmp_path, b"[]"), in_memory(store=store))
    assert store.expired == []


async def test_what_is_not_to_be_kept_is_stored_and_reported_without_a_snapshot(tmp_path: Path) -> None:
    archive, store = MemoryArchive(), MemoryStore()
    source = replace(source_of(str(written(tmp_path, document(1, 2), NAME))), to_archive=False)
    report = await run(source, in_memory(archive, store))
    assert (report.status, report.snapshot, fates(report)) == (Status.COMPLETE, None, {"stored": 2})
    assert (archive.snapshots, archive.documents, set(store.items)) == ({}, {}, {"1", "2"})


async def test_an_archived_snapshot_that_is_loaded_again_gets_its_manifest() -> None:
    archive = MemoryArchive()
    archive.snapshots[NAME] = document(1, 2)
    report = await run(archived_source(archive, NAME, int(NOW)), in_memory(archive))
    assert (report.status, report.snapshot, fates(report)) == (Status.COMPLETE, NAME, {"stored": 2})
    assert list(archive.snapshots) == [NAME]
    assert manifest_of(archive.documents) == report.as_json()


async def test_a_scale_is_told_in_report_and_items(tmp_path: Path) -> None:
    store = MemoryStore()
    body = document_of(record(1, p1="20", p2="9.1"))
    report = await run(written(tmp_path, body), in_memory(store=store), scale=SCALES["us-epa"])
    item = store.items["1"]
    assert (report.scale, item.scale) == ("us-epa", "us-epa")
    assert (item.aqi, item.aqi_range, item.aqi_pollutant) == ("51", "Moderate", "P2.5")


async def test_a_dry_run_counts_all_and_writes_nothing(tmp_path: Path) -> None:
    body = document_of(*records([1, 1, 2]), record("x", p1="1"))
    report = await run(written(tmp_path, body), Storage(DryArchive(), DryStore()), dry_run=True)
    assert (report.status, report.dry_run, report.as_json()["dry_run"]) == (Status.COMPLETE, True, True)
    assert fates(report) == {"stored": 2, "superseded": 1, "rejected": 1}


async def test_progress_tells_the_bytes_and_records_read_so_far_and_how_many_bytes_will_come(
    tmp_path: Path,
) -> None:
    body, told = document(*range(1000)), []
    await run(written(tmp_path, body), in_memory(), progress=lambda *counts: told.append(counts))
    assert told == sorted(told)
    assert told[-1][0] == len(body)
    assert 0 < told[-1][1] <= 1000
    assert {total for *_, total in told} == {len(body)}
