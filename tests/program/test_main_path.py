"""The main job, end to end, on one machine and on AWS (moto): from the feed to the archive, items, a reply.

The real capture goes into the local store, the generated one to moto, which is slow, and to both key types.
"""

import gzip
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.client import Client
from aqi_service.core.items import ATTRIBUTES, Item
from aqi_service.core.snapshot_names import manifest_key, rejects_key
from aqi_service.lookup.lookup import Lookup
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.storage.aws.create_bucket import BucketMaker
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.ports import Storage
from tests.doubles.aws_backends import dynamo_store, numbered_store, on_moto, s3_archive
from tests.doubles.documents import CUT, GENERATED, real_capture
from tests.doubles.load_helpers import NOW, TABLE, document, fates, run, written
from tests.doubles.plain_reading import plain
from tests.doubles.stores import local_archive, local_store
from tests.doubles.wire_fixtures import serving


@dataclass(frozen=True)
class Capture:
    """A document, its name and time, and what becomes of its records."""

    body: bytes
    name: str
    taken: str
    fates: dict[str, int]
    reasons: dict[str, int]
    looked_up: tuple[str, str, str, str]

    def file(self, folder: Path) -> Path:
        return written(folder, gzip.compress(self.body), f"{self.name}.gz")


REAL = Capture(
    real_capture(),
    "data_10_08_17_11_23.json",
    "2017-08-10 11:23",
    {"stored": 3565, "rejected": 47, "without_pm": 3262},
    {"not_mass": 40, "no_pm_value": 7},
    ("250451653", "36.37", "49.43", "4"),
)
MADE = Capture(
    GENERATED,
    "data_23_11_26_15_00.json",
    "2026-11-23 15:00",
    {"stored": 55, "merged": 1, "rejected": 6, "without_pm": 41},
    {"not_mass": 1, "no_pm_value": 2, "bad_id": 1, "bad_timestamp": 2},
    ("28600001402", "64.4", "101", "10"),
)
AFTER = 1_829_325_665.0
"""2027-12-20T18:01:05Z: after both captures were taken."""

PLACES = {
    "local": (local_archive, local_store, REAL),
    "aws": (s3_archive, dynamo_store, MADE),
    "aws, key of type N": (s3_archive, numbered_store, MADE),
}


@pytest.fixture(params=list(PLACES.values()), ids=list(PLACES))
def place(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
async def storage(place: Any, tmp_path: Path) -> AsyncIterator[Storage]:
    archive, store, _ = place
    async with archive(tmp_path / "kept") as opened_archive, store(tmp_path / "kept") as opened_store:
        yield Storage(opened_archive, opened_store)


@pytest.fixture
def capture(place: Any) -> Capture:
    found: Capture = place[2]
    return found


def attributes(item: Item) -> dict[str, object]:
    """Give an item's attributes as the table names them, without what only this load knows."""
    return {a.name: v for a, v in zip(ATTRIBUTES, item, strict=True) if v is not None}


async def test_the_capture_is_archived_to_the_byte_and_every_record_has_one_fate(
    storage: Storage, capture: Capture, tmp_path: Path
) -> None:
    report = await run(capture.file(tmp_path), storage, now=AFTER)
    assert (report.status, report.snapshot) == ("complete", capture.name)
    assert fates(report) == capture.fates
    assert report.reasons == capture.reasons
    kept = b"".join([chunk async for chunk in storage.archive.read(capture.name)])
    assert kept == capture.body
    assert report.sha256 == hashlib.sha256(kept).hexdigest()


async def test_the_table_holds_what_the_specification_makes_of_the_capture(
    storage: Storage, capture: Capture, tmp_path: Path
) -> None:
    await run(capture.file(tmp_path), storage, now=AFTER)
    wanted = plain(capture.body, "daqi", capture.taken).items
    ids = [str(item["id"]) for item in wanted]
    found: dict[str, Item] = {}
    for start in range(0, len(ids), 100):
        found |= await storage.store.read(ids[start : start + 100])
    assert [attributes(found[i]) for i in ids] == wanted


async def test_the_manifest_is_the_report_and_the_rejects_name_their_bytes(
    storage: Storage, capture: Capture, tmp_path: Path
) -> None:
    report = await run(capture.file(tmp_path), storage, now=AFTER)
    manifest = await storage.archive.get(manifest_key(TABLE, capture.name))
    told = report.as_json() | {"table_id": await storage.store.identity()}
    kept = orjson.loads(manifest or b"")
    latest = await ManifestStore(storage, TABLE).latest() or {}
    assert {key: value for key, value in latest.items() if key != "witness"} == kept
    assert {key: value for key, value in kept.items() if key != "receipt"} == told
    lines = (await storage.archive.get(rejects_key(TABLE, capture.name)) or b"").splitlines()
    assert len(lines) == capture.fates["rejected"]
    for reject in map(orjson.loads, lines):
        text = reject["record"].encode()
        assert capture.body[reject["offset"] :].startswith(text)
        assert reject["id"] in (str(orjson.loads(text)["id"]), None)


async def test_the_same_snapshot_again_is_unchanged_and_leaves_nothing(
    storage: Storage, capture: Capture, tmp_path: Path
) -> None:
    await run(capture.file(tmp_path), storage, now=AFTER)
    again = await run(capture.file(tmp_path), storage, now=AFTER)
    assert (again.status, again.snapshot) == ("unchanged", None)
    assert again.fates.unchanged == capture.fates["stored"]
    assert again.fates.stored == 0
    assert list(await storage.archive.names()) == [capture.name]


async def test_a_cut_file_fails_says_why_and_leaves_no_object(storage: Storage, tmp_path: Path) -> None:
    report = await run(written(tmp_path, CUT), storage)
    assert (report.status, report.snapshot) == ("failed", None)
    assert report.error == "the document is cut short: after 60900 bytes its JSON array is not closed"
    assert list(await storage.archive.names()) == []
    assert await ManifestStore(storage, TABLE).latest() is None


async def test_an_older_snapshot_replayed_later_changes_nothing(storage: Storage, tmp_path: Path) -> None:
    newer = written(tmp_path, document(1, 2, timestamp="2023-12-20 17:30:00"), "data_20_12_23_18_00.json")
    older = written(tmp_path, document(1, 2, timestamp="2023-12-20 16:30:00"), "data_20_12_23_17_00.json")
    await run(newer, storage)
    report = await run(older, storage)
    assert (report.status, report.fates.superseded, report.fates.stored) == ("complete", 2, 0)
    item = await storage.store.get("1")
    assert item is not None
    assert item.timestamp == "2023-12-20 17:30:00"


async def test_a_record_is_answered_over_the_wire(storage: Storage, capture: Capture, tmp_path: Path) -> None:
    await run(capture.file(tmp_path), storage, now=AFTER)
    record_id, pm25, pm10, aqi = capture.looked_up
    lookup = Lookup(storage.store, lambda: NOW)
    async with serving(lookup.answer) as served, Client("127.0.0.1", served.port) as client:
        record = await client.lookup(record_id)
        assert record is not None
        assert (record["P2.5"], record["P10"], record["AQI"]) == (pm25, pm10, aqi)
        assert await client.lookup("1") is None


async def test_a_load_that_fails_leaves_no_multipart_upload_open(tmp_path: Path) -> None:
    async with on_moto() as (clients, moto), dynamo_store(tmp_path) as store:
        await BucketMaker(clients.s3, moto.bucket, None).make()
        report = await run(written(tmp_path, CUT), Storage(S3Archive(clients.s3, moto.bucket), store))
        answer = await clients.s3.list_multipart_uploads(Bucket=moto.bucket)
        assert (report.status, answer.get("Uploads", [])) == ("failed", [])
