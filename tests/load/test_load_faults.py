"""An archive or a table that fails, and documents that are odd as a whole: how the load ends."""

import json
import logging
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.rejects import LINES_LIMIT
from aqi_service.core.report import Status
from aqi_service.core.scales import SCALES
from aqi_service.core.snapshot_names import newest_name
from aqi_service.errors import (
    AccessDenied,
    AqiError,
    ArchiveFailed,
    ConfigError,
    FetchFailed,
    Unavailable,
)
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.snapshots.sources import stored_source
from aqi_service.storage.ports import Storage
from tests.doubles.documents import CUT, document_of, record
from tests.doubles.load_helpers import NAME, NOW, TABLE, document, fates, manifest_of, records, run, written
from tests.doubles.load_places import Place, place
from tests.doubles.log_lines import lines
from tests.doubles.storage_doubles import Before, MemoryArchive, MemoryStore, failing, in_memory

__all__ = ["place"]  # a fixture

BODY = document(*range(1, 401))
LATEST = f"manifests/{TABLE}/latest.json"
REJECTS = f"rejects/{TABLE}/{NAME.removesuffix('.json')}.ndjson"


async def test_a_table_that_fails_leaves_the_snapshot_archived_and_the_rest_pending(
    place: Place, tmp_path: Path
) -> None:
    store = Before(place.storage.store, put=failing(Unavailable("throttled for ever"), after=2))
    source = written(tmp_path, BODY)
    report = await run(source, Storage(place.storage.archive, store), live=True, table=place.table)
    assert (report.status, report.error, report.snapshot) == (Status.INCOMPLETE, "throttled for ever", NAME)
    assert fates(report) == {"stored": 200, "pending": 200}
    assert len(await place.items()) == 200
    found = await place.documents()
    assert found[NAME] == BODY
    assert manifest_of(found, table=place.table) == report.as_json()
    assert f"manifests/{place.table}/latest.json" not in found
    again = await run(source, place.storage, live=True, table=place.table)
    assert fates(again) == {"stored": 200, "unchanged": 200}


async def test_a_cut_file_fails_and_what_was_read_of_it_is_stored(place: Place, tmp_path: Path) -> None:
    report = await run(written(tmp_path, CUT), place.storage, table=place.table)
    assert (report.status, report.records, report.fates.pending) == (Status.FAILED, 158, 0)
    assert "cut short" in str(report.error)
    assert (report.snapshot, report.sha256) == (None, None)
    assert (await place.documents(), await place.under_way()) == ({}, [])
    assert len(await place.items()) == report.fates.stored > 50


async def test_a_document_that_turns_out_bad_leaves_what_was_stored_and_no_object(
    place: Place, tmp_path: Path
) -> None:
    report = await run(written(tmp_path, BODY + b"<html>"), place.storage, live=True, table=place.table)
    assert (report.status, fates(report)) == (Status.REJECTED, {"stored": 400})
    assert (await place.documents(), await place.under_way()) == ({}, [])
    assert len(await place.items()) == 400


@pytest.mark.parametrize(
    "error", [FetchFailed("asks to wait", 7.5), FetchFailed("is gone", for_good=True), FetchFailed("is shut")]
)
async def test_a_source_that_fails_is_told_with_how_long_it_asks_to_be_left_alone_or_for_good(
    error: FetchFailed,
) -> None:
    async def read() -> AsyncGenerator[bytes, None]:
        yield BODY[:-1]
        raise error

    report = await run(stored_source("feed", read), in_memory())
    assert (report.status, report.error) == (Status.FAILED, str(error))
    assert (report.retry_after, report.for_good) == (error.retry_after, error.for_good)


FAILURES = {
    "listing": ("names", {"stored": 0}),
    "the newest manifest": ("get", {"stored": 0}),
    "beginning": ("upload", {"stored": 0}),
    "a part": ("write", {"stored": 0}),
    "completing": ("complete", {"stored": 400}),
}


@pytest.mark.parametrize("error", [ArchiveFailed("no room"), Unavailable("no room")])
@pytest.mark.parametrize("phase", FAILURES)
async def test_an_archive_that_fails_fails_the_load(tmp_path: Path, phase: str, error: AqiError) -> None:
    method, expected = FAILURES[phase]
    archive, store = MemoryArchive(), MemoryStore()
    archive.snapshots["data_19_12_23_00_00.json"] = b"[]"
    broken = Before(archive, **{method: failing(error)})
    report = await run(written(tmp_path, BODY), Storage(broken, store))
    assert (report.status, report.error, report.snapshot) == (Status.FAILED, "no room", None)
    assert report.fates.stored == len(store.items) == expected["stored"]
    assert (archive.open, archive.documents, len(archive.snapshots)) == (0, {}, 1)


@pytest.mark.parametrize("method", ["names", "get", "upload", "write", "complete", "change"])
async def test_an_archive_that_refuses_raises_what_waiting_cannot_mend(tmp_path: Path, method: str) -> None:
    archive = MemoryArchive()
    archive.snapshots["data_19_12_23_00_00.json"] = b"[]"
    broken = Before(archive, **{method: failing(AccessDenied("denied"))})
    with pytest.raises(AccessDenied):
        await run(written(tmp_path, BODY), in_memory(broken))
    assert archive.open == 0


async def test_expired_items_that_cannot_be_deleted_now_do_not_fail_the_load(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Before(MemoryStore(), expire=failing(Unavailable("in use")))
    with caplog.at_level(logging.WARNING):
        report = await run(written(tmp_path, BODY), in_memory(store=store))
    assert (report.status, report.error) == (Status.COMPLETE, None)
    assert lines(caplog) == ["expire_failed error='in use' hint='the next load tries again'"]


async def test_a_manifest_that_cannot_be_written_makes_the_load_incomplete(tmp_path: Path) -> None:
    archive = MemoryArchive()
    broken = Before(archive, change=failing(Unavailable("down")))
    report = await run(written(tmp_path, BODY), in_memory(broken))
    why = "the manifest could not be written: down"
    assert (report.status, report.error, fates(report)) == (Status.INCOMPLETE, why, {"stored": 400})


async def test_a_manifest_that_cannot_be_written_costs_the_report_no_warning(tmp_path: Path) -> None:
    archive = MemoryArchive()
    await run(written(tmp_path, BODY), in_memory(archive))
    broken = Before(archive, change=failing(Unavailable("down")))
    report = await run(written(tmp_path, document(1)), in_memory(broken), now=NOW + 3600)
    assert (report.status, report.warnings) == (Status.INCOMPLETE, {"halved_feed": 1})


async def test_what_the_table_refuses_is_rejected_and_listed_with_its_reason(tmp_path: Path) -> None:
    archive = MemoryArchive()
    body = document_of(*records(range(10)), record("x", p1="1"))
    store = MemoryStore(refuses={"3": "the item is too large"})
    report = await run(written(tmp_path, body), in_memory(archive, store))
    assert (report.status, fates(report)) == (Status.COMPLETE, {"stored": 9, "rejected": 2})
    assert report.reasons == {"bad_id": 1, "refused": 1}
    bad, refused = (json.loads(line) for line in archive.documents[REJECTS].splitlines())
    assert (bad["reason"], bad["id"], bad["offset"] > 0) == ("bad_id", None, True)
    assert refused == {"offset": None, "id": "3", "reason": "refused: the item is too large", "record": ""}


@pytest.mark.parametrize("count", [LINES_LIMIT - 1, LINES_LIMIT, LINES_LIMIT + 5_000])
async def test_at_most_10000_rejects_are_listed_and_all_are_counted(tmp_path: Path, count: int) -> None:
    archive, store = MemoryArchive(), MemoryStore(refuses={"7": "too large"})
    body = document_of(
        record(7, p1="1"), record(8, p1="1"), b",".join(b'"%d"' % number for number in range(count))
    )
    report = await run(written(tmp_path, body), in_memory(archive, store))
    assert report.reasons == {"not_an_object": count, "refused": 1}
    lines = [json.loads(line) for line in archive.documents[REJECTS].splitlines()]
    assert len(lines) == LINES_LIMIT
    assert [line["record"] for line in lines[:count]] == [f'"{n}"' for n in range(min(count, LINES_LIMIT))]


async def test_of_a_long_reject_4_kib_are_listed_and_broken_text_is_shown(tmp_path: Path) -> None:
    archive = MemoryArchive()
    body = document_of(b'{"a":"%b"}' % ("é" * 40_000).encode(), b'{"a":"\xff"}')
    await run(written(tmp_path, body), in_memory(archive))
    long, broken = (json.loads(line) for line in archive.documents[REJECTS].splitlines())
    assert (long["reason"], long["offset"]) == ("too_long", 1)
    assert 4096 <= len(long["record"].encode()) <= 4100  # the last letter is cut, and shown as its byte
    assert broken["record"] == '{"a":"\\xff"}'


async def warnings_after(tmp_path: Path, *bodies: bytes) -> dict[str, int]:
    """Load documents one after the other; give the last one's warnings, which its manifest has as well."""
    archive = MemoryArchive()
    for hour, body in enumerate(bodies):
        report = await run(written(tmp_path, body), in_memory(archive), now=NOW + 3600 * hour, live=True)
        assert report.status is Status.COMPLETE
    assert manifest_of(archive.documents, str(report.snapshot))["warnings"] == report.warnings
    return dict(report.warnings)


def of_one_sensor(count: int) -> bytes:
    return document_of(*(record(i, p1="1") for i in range(count)))


ODD: dict[str, tuple[Sequence[bytes], dict[str, int]]] = {
    "nothing odd": ([document(1, 2), document(3)], {}),
    "empty": ([b"[]"], {"empty_feed": 1}),
    "empty after another": ([document(1), b"[]"], {"empty_feed": 1, "halved_feed": 1}),
    "under half": ([document(1, 2, 3), document(4)], {"halved_feed": 1}),
    "just half": ([document(1, 2), document(3)], {}),
    "after an empty one": ([document(1, 2, 3), b"[]", document(4)], {}),
    "one sensor often": ([of_one_sensor(2)], {"not_24h_mean": 1}),
    "mostly rejected": ([document_of(record(1, p1="x"), record(2, p1="x"), record(3, p1="1"))],
                        {"mostly_rejected": 1, "not_24h_mean": 1}),
    "mostly no records": ([b"[1, 2, 3, " + document(1)[1:]], {}),
    "just half of them rejected": ([document_of(record("x", p1="1"), *records([3]))], {}),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
async def test_a_snapshot_that_is_odd_as_a_whole_is_loaded_and_flagged(tmp_path: Path, case: str) -> None:
    bodies, expected = ODD[case]
    assert await warnings_after(tmp_path, *bodies) == expected


async def test_another_scale_than_the_tables_is_refused_with_what_to_do(tmp_path: Path) -> None:
    storage = in_memory()
    manifests = ManifestStore(storage, TABLE)
    await manifests.check_scale("us-epa")
    await run(written(tmp_path, BODY), storage)
    await manifests.check_scale("daqi")
    with pytest.raises(ConfigError, match="is scored on daqi, not us-epa: add --rescore"):
        await manifests.check_scale("us-epa")
    with pytest.raises(ConfigError, match="is scored on daqi, not us-epa: add --rescore"):
        await run(written(tmp_path, document(9001)), storage, scale=SCALES["us-epa"])
    assert await storage.store.get("9001") is None
    assert await storage.archive.names() == [NAME]
    assert await manifests.finished(NAME, "daqi")
    assert not await manifests.finished(NAME, "us-epa")


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        ([], None),
        (["data_31_01_23_00_00.json", "data_01_02_23_00_00.json"], "data_01_02_23_00_00.json"),
        (["data_01_02_23_00_00-2.json", "data_01_02_23_00_00.json"], "data_01_02_23_00_00-2.json"),
        (["data_01_02_23_00_00-9.json", "data_01_02_23_00_00-10.json"], "data_01_02_23_00_00-10.json"),
    ],
)
def test_the_newest_snapshot_is_that_of_the_latest_time_and_the_highest_suffix(
    names: list[str], newest: Any
) -> None:
    assert newest_name(names) == newest_name(names[::-1]) == newest
