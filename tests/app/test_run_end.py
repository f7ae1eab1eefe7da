"""What a `--load-only` says at its end: what it came to, what it would cost, which indices changed."""

import json
from pathlib import Path

import pytest

from tests.doubles.backfills import BODIES, NAMES, backfill, fill, said
from tests.doubles.faults.shim import Shim
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.program import Ran, ran

DRY = ("--load-only", "--dry-run", "captures")
EPA = ("--rescore", "--scale", "us-epa")


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Three snapshots of three records each; four of the five ids are in more than one."""
    (tmp_path / "captures").mkdir()
    for name in NAMES[:3]:
        (tmp_path / "captures" / name).write_bytes(BODIES[name])
    return tmp_path


async def load(folder: Path, *options: str) -> Ran:
    return await ran("--load-only", "--local", "d", *options, cwd=folder)


async def test_a_run_over_several_ends_with_a_line_that_sums_it_up(captures: Path) -> None:
    (captures / "captures" / NAMES[1]).write_bytes(b"{}")
    done = await load(captures, "captures")
    assert (done.code, said(done, "status")) == (1, ["complete", "rejected", "complete"])
    assert done.last.startswith("3 of 3 snapshots in ")
    assert done.last.partition(" s: ")[2] == (
        "2 complete, 1 rejected; 6 records, 5 stored; the same command again loads what is missing"
    )
    (captures / "captures" / NAMES[1]).write_bytes(BODIES[NAMES[1]])
    again = await load(captures, "captures")
    assert (again.code, said(again, "status")) == (0, ["unchanged", "complete", "unchanged"])
    summary, skipped = again.err.splitlines()[-2:]
    assert summary.partition(" s: ")[2] == "1 complete, 2 unchanged; 3 records, 0 stored"
    assert skipped == "2 of 3 snapshots were finished already: --force loads them again"


async def test_a_lone_snapshot_has_no_summary(captures: Path) -> None:
    done = await load(captures, f"captures/{NAMES[0]}")
    assert "snapshots in" not in done.err


@pytest.mark.parametrize("place", [(), ("--local", "d")])
async def test_a_dry_run_over_several_ends_with_an_estimate_that_counts_each_item_once(
    place: tuple[str, ...], captures: Path
) -> None:
    done = await ran(*DRY, *place, cwd=captures)
    assert (done.code, said(done, "stored"), said(done, "superseded")) == (0, [3, 1, 1], [0, 2, 2])
    assert done.last == (
        "estimate for DynamoDB: 5 items, 10 write units, 0.00 dollars at 0.625 a million "
        "(the price of 1 November 2024)"
    )


async def test_an_estimate_says_how_many_snapshots_it_knows_nothing_of(captures: Path) -> None:
    (captures / "captures" / NAMES[1]).write_bytes(b"{}")
    done = await ran(*DRY, cwd=captures)
    assert done.code == 1
    assert done.last.startswith("estimate for DynamoDB: 5 items, 10 write units, ")
    assert done.last.endswith("; 1 of 3 snapshots are not in it, or not whole")


async def test_an_estimate_goes_by_the_price_and_the_cap_that_are_given(captures: Path) -> None:
    options = ("--price-per-million", "250000", "--max-write-units", "1", "--log-format", "json")
    done = await ran(*DRY, *options, cwd=captures)
    line = json.loads(done.last)
    assert line["message"] == (
        "estimate for DynamoDB: 5 items, 10 write units, 2.50 dollars at 250000 a million, "
        "0.00 hours at --max-write-units 1"
    )
    assert (line["event"], line["items"], line["write_units"], line["dollars"]) == ("estimate", 5, 10, 2.5)
    assert line["hours"] == pytest.approx(10 / 0.7 / 3600)


async def test_a_table_scored_anew_says_how_many_indices_changed_and_which(captures: Path) -> None:
    await load(captures, "captures")
    dry = await load(captures, "captures", *EPA, "--dry-run")
    assert (dry.code, said(dry, "stored")) == (0, [3, 1, 1])
    told = "5 indices would change, 5 up and 0 down; 1 → 42: 5"
    assert told in dry.err.splitlines()
    done = await load(captures, "captures", *EPA)
    assert done.code == 0
    assert said(done, "indices") == [
        {"changed": count, "up": count, "down": 0, "commonest": {"1 → 42": count}} for count in (3, 1, 1)
    ]
    assert done.last == "5 indices changed, 5 up and 0 down; 1 → 42: 5"
    again = await load(captures, "captures", *EPA)
    assert again.last == "0 indices changed, 0 up and 0 down"
    [lone] = (await load(captures, f"captures/{NAMES[0]}", "--rescore")).reports
    assert lone["indices"] == {"changed": 3, "up": 0, "down": 3, "commonest": {"42 → 1": 3}}


async def test_a_dry_rescore_of_a_folder_writes_nothing_and_needs_its_table(captures: Path) -> None:
    absent = await load(captures, "captures", *EPA, "--dry-run")
    assert (absent.code, absent.out) == (2, "")
    assert not (captures / "d").exists()
    await load(captures, "captures")
    before = {path: path.read_bytes() for path in (captures / "d").rglob("*") if path.is_file()}
    await load(captures, "--from", "archive", *EPA, "--dry-run")
    assert {path: path.read_bytes() for path in before} == before
    assert {each.name for each in (captures / "d").rglob("*") if each.is_file() and each not in before} <= {
        "air_quality.db-wal", "air_quality.db-shm",
    }  # fmt: skip


async def test_a_dry_rescore_on_aws_reads_the_table_and_the_archive_and_writes_nothing(
    moto: Moto, tmp_path: Path
) -> None:
    fill(moto, moto.bucket, *NAMES[:2])
    await backfill(moto, tmp_path, "--from", "archive")
    async with Shim(moto.endpoint) as shim:
        options = ("--from", "archive", *EPA, "--dry-run")
        done = await backfill(moto, tmp_path, *options, AWS_ENDPOINT_URL=shim.endpoint)
        asked = {record.call.operation for record in shim.journal.records}
    assert (done.code, said(done, "status"), said(done, "stored")) == (0, ["complete"] * 2, [3, 1])
    assert "4 indices would change, 4 up and 0 down; 1 → 42: 4" in done.err
    assert asked == {"ListObjectsV2", "GetObject", "DescribeTable", "BatchGetItem"}


async def test_a_lone_load_that_scores_anew_says_so_too(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(document(1, 2))
    await load(tmp_path, "x.json", "--snapshot-time", "2023-12-20T18:00Z")
    done = await load(tmp_path, "x.json", "--snapshot-time", "2023-12-20T18:00Z", *EPA)
    assert done.last == "2 indices changed, 2 up and 0 down; 1 → 42: 2"
