"""Manifests and the newest finished snapshot: what is written over what, whoever else writes meanwhile."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from aqi_service.core.load_notes import Note
from aqi_service.core.report import LoadReport, Status
from aqi_service.core.snapshot_names import latest_key
from aqi_service.core.times import DAY
from aqi_service.errors import AccessDenied, AqiError, ArchiveFailed, Unavailable
from aqi_service.snapshots.manifests import ManifestStore
from aqi_service.storage.ports import DOCUMENT_LIMIT, Storage
from tests.doubles.load_helpers import NAME, NOW, TABLE, document, manifest_of, run, written
from tests.doubles.log_lines import lines
from tests.doubles.storage_doubles import TABLE_ID, Before, MemoryArchive, MemoryStore, in_memory

BODY = document(1, 2, 3)
OTHER = "data_20_12_23_17_01.json"
HOUR = 3600


async def loaded(folder: Path, storage: Storage, **how: Any) -> LoadReport:
    return await run(written(folder, BODY), storage, **how)


def at(report: LoadReport, hours: int) -> LoadReport:
    """Give the report of a snapshot that was taken so many hours later."""
    return replace(report, snapshot_time=report.snapshot_time + hours * HOUR, records=hours)


async def wrote(
    manifests: ManifestStore, report: LoadReport, rejects: bytes = b"", *, replay: bool = False
) -> None:
    """Write a report as a load does that wrote nothing to the table."""
    note = Note(report.snapshot_time + DAY, int(NOW), leased=False, what="")
    await manifests.write(report, rejects, await manifests.latest_json.noted("a load", note, replay=replay))


def of_latest(archive: MemoryArchive) -> Any:
    return orjson.loads(archive.documents[latest_key(TABLE)])


async def test_a_manifest_that_says_finished_stays_whatever_a_later_load_comes_to(tmp_path: Path) -> None:
    archive = MemoryArchive()
    storage = in_memory(archive)
    report = await loaded(tmp_path, storage)
    before = dict(archive.documents)
    await wrote(ManifestStore(storage, TABLE), replace(report, status=Status.INCOMPLETE), b"rejects")
    assert archive.documents == before


async def test_a_manifest_past_the_limit_is_named_and_counts_as_none_and_the_next_load_replaces_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = MemoryArchive()
    storage = in_memory(archive)
    report = await loaded(tmp_path, storage)
    key = latest_key(TABLE)
    archive.documents[key] += b" " * DOCUMENT_LIMIT
    assert await ManifestStore(storage, TABLE).latest() is None
    assert lines(caplog) == [f"manifest_too_large key={key} most_bytes={DOCUMENT_LIMIT}"]
    await wrote(ManifestStore(storage, TABLE), at(report, 1), b"")
    assert of_latest(archive)["records"] == 1


@pytest.mark.parametrize("change", ["scale", "table"])
async def test_a_manifest_of_another_scale_or_table_is_replaced_by_a_lesser_one(
    tmp_path: Path, change: str
) -> None:
    archive, store = MemoryArchive(), MemoryStore()
    storage = in_memory(archive, store)
    report = await loaded(tmp_path, storage)
    if change == "table":
        store.table_id = "another table of that name"
    lesser = replace(report, status=Status.INCOMPLETE, scale="us-epa" if change == "scale" else "daqi")
    await wrote(ManifestStore(storage, TABLE), lesser, b"")
    assert manifest_of(archive.documents, NAME)["status"] == "incomplete"


async def test_the_newest_snapshot_only_moves_forward_in_time(tmp_path: Path) -> None:
    archive = MemoryArchive()
    storage = in_memory(archive)
    report, manifests, seen = await loaded(tmp_path, storage), ManifestStore(storage, TABLE), []
    for hours in (2, 1, 2, 3, 1):
        await wrote(manifests, at(report, hours))
        seen.append(of_latest(archive)["records"])
    assert seen == [2, 2, 2, 3, 3]


async def test_the_newest_snapshot_of_a_deleted_table_gives_way_to_the_new_tables(tmp_path: Path) -> None:
    archive, store = MemoryArchive(), MemoryStore()
    storage = in_memory(archive, store)
    report = await loaded(tmp_path, storage)
    store.table_id = "made anew"
    await wrote(ManifestStore(storage, TABLE), at(report, -1), b"")
    assert (of_latest(archive)["records"], of_latest(archive)["table_id"]) == (-1, "made anew")


@pytest.mark.parametrize(("fate", "newest"), [("stored", 1_703_091_600), ("expired", None)])
async def test_the_newest_record_is_told_by_a_load_of_which_the_table_has_something(
    fate: str, newest: int | None
) -> None:
    archive = MemoryArchive()
    manifests = ManifestStore(in_memory(archive), TABLE)
    assert await manifests.data_time() is None
    told = {"snapshot": NAME, "newest": "2023-12-20 17:00:00", "stored": 0, "expired": 0} | {fate: 3}
    archive.documents[latest_key(TABLE)] = orjson.dumps(told)
    assert await manifests.data_time() == newest


async def test_writers_beside_each_other_leave_the_newest(tmp_path: Path) -> None:
    archive = MemoryArchive()
    storage = in_memory(archive)
    report = await loaded(tmp_path, storage)
    stores = [ManifestStore(storage, TABLE) for _ in range(6)]
    await asyncio.gather(*(wrote(each, at(report, n)) for n, each in enumerate(stores)))
    assert of_latest(archive)["records"] == 5
    assert of_latest(archive)["table_id"] == TABLE_ID


class Unreadable(MemoryArchive):
    """An archive whose snapshots cannot be read."""

    def __init__(self, error: AqiError) -> None:
        super().__init__()
        self.error = error

    async def read(self, name: str, offset: int = 0) -> Any:
        del name, offset
        raise self.error
        yield b""


@pytest.mark.parametrize("error", [ArchiveFailed("damaged"), Unavailable("Glacier"), AccessDenied("no key")])
async def test_a_newest_snapshot_that_cannot_be_read_stops_no_load(
    tmp_path: Path, error: AqiError, caplog: pytest.LogCaptureFixture
) -> None:
    archive = Unreadable(error)
    archive.snapshots[OTHER] = BODY
    with caplog.at_level(logging.WARNING):
        report = await loaded(tmp_path, in_memory(archive))
    assert (report.status, report.snapshot) == (Status.COMPLETE, NAME)
    told = str(error)
    shown = repr(told) if " " in told else told
    assert lines(caplog) == [f"digest_unreadable snapshot={OTHER} error={shown}"]


async def test_content_that_another_load_archived_meanwhile_is_not_archived_again(tmp_path: Path) -> None:
    archive = MemoryArchive()

    async def overtake() -> None:
        if not archive.snapshots:
            await run(written(tmp_path, BODY, "other.json"), in_memory(archive), now=NOW - HOUR)

    report = await loaded(tmp_path, in_memory(Before(archive, write=overtake)))
    assert list(archive.snapshots) == [OTHER]
    assert (report.status, report.snapshot) == (Status.UNCHANGED, None)


OLD = "2023-10-20 17:00:00"


@pytest.mark.parametrize(
    ("there", "ours", "replay", "moves"),
    [
        ((0, "2023-12-20 17:00:00"), (2, OLD), True, False),  # an old file that was named now
        ((0, "2023-12-20 17:00:00"), (2, OLD), False, True),  # the live feed only moves forward in time
        ((2, OLD), (0, "2023-12-20 17:00:00"), True, True),  # and gives way to newer data, whatever its name
        ((2, OLD), (0, "2023-12-20 17:00:00"), False, True),
        ((0, "2023-12-20 17:00:00"), (2, "2023-12-20 16:59:59Z"), True, False),
        ((0, "2023-12-20 17:00:00"), (2, "2023-12-20T18:00:00+01:00"), True, True),
        ((0, "2023-12-20 17:00:00"), (-1, "2023-12-20 17:00:00"), True, False),
        ((0, "2023-12-20 17:00:00"), (2, None), True, False),
        ((0, None), (2, "2023-12-20 17:00:00"), True, True),
    ],
)
async def test_a_replay_moves_the_newest_snapshot_to_no_older_data(
    tmp_path: Path,
    there: tuple[int, str | None],
    ours: tuple[int, str | None],
    replay: bool,
    moves: bool,
) -> None:
    archive = MemoryArchive()
    storage = in_memory(archive)
    report = await loaded(tmp_path, storage)
    del archive.documents[latest_key(TABLE)]
    manifests = ManifestStore(storage, TABLE)
    for (hours, newest), is_replay in ((there, False), (ours, replay)):
        await wrote(manifests, replace(at(report, hours), newest=newest), replay=is_replay)
    assert of_latest(archive)["newest"] == (ours if moves else there)[1]


async def test_a_file_of_two_months_ago_without_a_name_is_flagged_and_does_not_become_the_latest(
    tmp_path: Path,
) -> None:
    archive = MemoryArchive()
    storage = in_memory(archive)
    await loaded(tmp_path, storage, live=True)
    old = written(tmp_path, document(7, 8, 9, timestamp=OLD), "old.json")
    report = await run(old, storage, now=NOW + HOUR)
    assert (report.status, dict(report.warnings)) == (Status.COMPLETE, {"old_snapshot": 1})
    assert of_latest(archive)["snapshot"] == NAME
