"""What of a load goes to --export: each scored record once, of whole snapshots alone."""

import asyncio
from pathlib import Path

import pytest

from aqi_service.app.export_stdout import StdoutExport
from aqi_service.core.report import Status
from aqi_service.errors import ConfigError, NameInUse
from aqi_service.storage.exports import ExportCounts, NoExport
from aqi_service.storage.local.export_file import open_file_export
from tests.doubles.documents import document_of, record
from tests.doubles.exports import FIRST, SECOND, exported, ids, into, rows
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document, records, run, written
from tests.doubles.local_helpers import files, files_up_to
from tests.doubles.storage_doubles import Before, MemoryArchive, Stuck, in_memory

MANY = document(*range(1, 601))
"""A document of several chunks, so that rows go out before its end is seen."""

BAD = MANY + b"]"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with nothing else in it."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


async def test_each_scored_record_is_a_row_in_the_document_s_order_and_no_other_is(
    out: Path, tmp_path: Path
) -> None:
    [one, two] = records((1, 2))
    halves = [record(3, p1="9"), record(3, p2="5")]
    nothing = [record(4), record(5, p1="9999", p2="9999")]
    body = document_of(one, *halves, *nothing, two, one | {"timestamp": "2023-12-20 17:30:00"})
    async with into(out / "a.csv") as export:
        report = await exported(export, tmp_path, body)
    assert (report.status, report.fates.merged, report.fates.superseded) == (Status.COMPLETE, 1, 1)
    assert ids(out / "a.csv") == ["1", "3", "2", "1"]
    assert [row["P10"] for row in rows(out / "a.csv")] == ["12.5", "9", "12.5", "12.5"]
    assert (export.records, export.snapshots, files(out)) == (4, 1, {"a.csv"})


async def test_a_record_past_its_expiry_is_a_row_all_the_same(out: Path, tmp_path: Path) -> None:
    async with into(out / "a.csv") as export:
        report = await exported(export, tmp_path, document(1), ttl=60)
    assert (report.fates.expired, ids(out / "a.csv")) == (1, ["1"])


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
async def test_a_snapshot_that_turns_out_bad_leaves_no_row_and_takes_none_of_others_away(
    out: Path, tmp_path: Path, name: str
) -> None:
    async with into(out / name) as export:
        for body in (document(1, 2), BAD, document(3), BAD):
            await exported(export, tmp_path, body)
    assert (ids(out / name), export.records, export.snapshots) == (["1", "2", "3"], 3, 2)
    assert files(out) == {name}


async def test_a_snapshot_that_the_archive_has_is_exported_again(out: Path, tmp_path: Path) -> None:
    storage, source = in_memory(), written(tmp_path, document(1, 2), FIRST)
    async with into(out / "a.csv") as export:
        loaded = [(await run(source, storage, export=export)).status for _ in range(2)]
    assert (loaded, ids(out / "a.csv")) == ([Status.COMPLETE, Status.UNCHANGED], ["1", "2", "1", "2"])


async def test_the_live_feed_is_asked_for_all_of_it_where_that_is_exported_though_nothing_changed(
    out: Path,
) -> None:
    storage = in_memory()
    async with feed_server((answer(document(1, 2), ETag='"a"'),)) as feed, into(out / "a.csv") as export:
        loaded = [(await run(feed.url(), storage, live=True, export=export)).status for _ in range(2)]
    assert (loaded, ids(out / "a.csv")) == ([Status.COMPLETE, Status.UNCHANGED], ["1", "2", "1", "2"])
    assert "if-none-match" not in feed.requests[1].headers


async def test_on_a_full_disk_the_load_fails_and_neither_file_nor_snapshot_is_there(
    out: Path, tmp_path: Path
) -> None:
    archive, source = MemoryArchive(), written(tmp_path, MANY, FIRST)
    with files_up_to(10_000):
        async with open_file_export(out / "a.csv") as export:
            report = await run(source, in_memory(archive), export=export)
    why = "the file would pass the size that this process may write"
    assert report.status is Status.FAILED
    assert report.error == f"The export cannot be written to {out / 'a.csv'}: {why}."
    assert (export.error, export.snapshots) == (report.error, 0)
    assert (files(out), archive.snapshots) == (set(), {})


async def test_a_run_that_is_not_finished_leaves_an_older_file_as_it_was(out: Path, tmp_path: Path) -> None:
    (out / "a.csv").write_text("old")
    async with open_file_export(out / "a.csv") as export:
        await exported(export, tmp_path, document(1))
    assert ((out / "a.csv").read_text(), files(out)) == ("old", {"a.csv"})


async def test_what_a_dead_process_left_half_written_goes_at_the_next_run(out: Path, tmp_path: Path) -> None:
    (out / ".a[1].csv.0badcafe.partial").write_text("half")
    (out / ".a1.csv.0badcafe.partial").write_text("another's")
    async with into(out / "a[1].csv") as export:
        await exported(export, tmp_path, document(1))
    assert files(out) == {"a[1].csv", ".a1.csv.0badcafe.partial"}


async def test_a_load_that_is_interrupted_leaves_no_row(out: Path, tmp_path: Path) -> None:
    stuck, source = Stuck(), written(tmp_path, MANY, FIRST)
    archive = Before(MemoryArchive(), complete=stuck)
    async with into(out / "a.csv") as export:
        load = asyncio.create_task(run(source, in_memory(archive), export=export))
        await stuck.reached.wait()
        load.cancel()
        assert (await load).status is Status.FAILED
    assert (ids(out / "a.csv"), export.snapshots) == ([], 0)


@pytest.mark.parametrize(("takes_back", "tries"), [(True, 3), (False, 1)])
async def test_a_load_begins_anew_only_where_its_rows_can_be_taken_back(
    tmp_path: Path, *, takes_back: bool, tries: int
) -> None:
    begun = 0

    async def taken() -> None:
        nonlocal begun
        begun += 1
        raise NameInUse("another load has the name")

    export = NoExport()
    export.takes_back = takes_back
    source = written(tmp_path, document(1), SECOND)
    report = await run(source, in_memory(Before(MemoryArchive(), complete=taken)), export=export)
    assert (report.status, begun) == (Status.FAILED, tries)


def test_what_went_to_stdout_cannot_be_taken_back_and_what_is_in_a_file_can() -> None:
    assert (StdoutExport.takes_back, ExportCounts.takes_back) == (False, True)


@pytest.mark.parametrize("name", ["/proc/a.csv", "file/a.csv"])
async def test_a_file_that_cannot_be_begun_is_for_a_person_to_mend(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^The export cannot be written to .*name another folder"):
        async with open_file_export(tmp_path / name):
            pass
