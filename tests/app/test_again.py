"""Sources outside the archive, loaded again: what is finished is not read, nor is an item of the table."""

from collections import Counter
from pathlib import Path

import pytest

from aqi_service.core.snapshot_names import snapshot_name
from tests.doubles.backfills import START, backfill, said
from tests.doubles.faults.shim import Shim
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.outside import needs_package
from tests.doubles.program import Ran, ran

SIX = [snapshot_name(START + 3_600 * number) for number in range(6)]
SKIPPED = "{0} of {0} snapshots were finished already: --force loads them again"


def put(moto: Moto, bucket: str, key: str, number: int) -> None:
    moto.client("s3").put_object(Bucket=bucket, Key=key, Body=document(number, number + 1))


async def test_a_prefix_run_again_reads_no_object_and_no_item(moto: Moto, tmp_path: Path) -> None:
    other = f"{moto.bucket}-other"
    moto.client("s3").create_bucket(Bucket=other)
    for number, name in enumerate(SIX):
        put(moto, other, f"old/{name}", number)
    options = ("--from", f"s3://{other}/old/")
    first = await backfill(moto, tmp_path, *options)
    assert (first.code, said(first, "status")) == (0, ["complete"] * 6)
    async with Shim(moto.endpoint) as shim:
        second = await backfill(moto, tmp_path, *options, AWS_ENDPOINT_URL=shim.endpoint)
        asked = Counter(
            record.call.operation for record in shim.journal.records if record.call.service == "dynamodb"
        )
        objects = [record.call.key for record in shim.journal.records if record.call.operation == "GetObject"]
    assert (second.code, said(second), said(second, "status")) == (0, SIX, ["unchanged"] * 6)
    assert said(second, "source") == [f"s3://{other}/old/{name}" for name in SIX]
    assert second.last == SKIPPED.format(6)
    assert set(asked) <= {"DescribeTable", "DescribeTimeToLive"}
    assert not [key for key in objects if key.startswith("old/")]
    assert len(objects) <= 2 * 6 + 1  # a note and a manifest each, and the newest one's
    put(moto, other, f"old/{SIX[4]}", 77)
    third = await backfill(moto, tmp_path, *options)
    assert Counter(said(third, "status")) == {"unchanged": 5, "complete": 1}
    assert said(third)[4] == SIX[4].replace(".json", "-2.json")


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Three files, one of them not named like a snapshot."""
    (tmp_path / "captures").mkdir()
    for number, name in enumerate((*SIX[:2], "mine.json")):
        (tmp_path / "captures" / name).write_bytes(document(number))
    return tmp_path


async def load(folder: Path, *options: str) -> Ran:
    return await ran("--load-only", "--local", "d", "captures", *options, cwd=folder)


async def test_a_folder_run_again_is_skipped_unread_whatever_its_files_are_called(captures: Path) -> None:
    first = await load(captures)
    assert (first.code, said(first, "status")) == (0, ["complete"] * 3)
    for path in (captures / "captures").iterdir():
        path.chmod(0o444)
    second = await load(captures)
    assert (said(second, "status"), said(second, "records"), said(second)) == (
        ["unchanged"] * 3, [0] * 3, said(first),
    )  # fmt: skip
    assert second.last == SKIPPED.format(3)


@pytest.mark.parametrize(
    "options", [("--force",), ("--dry-run",), ("--rescore",), ("--rescore", "--scale", "us-epa")]
)
async def test_a_source_outside_the_archive_is_read_again_where_that_is_asked_for(
    options: tuple[str, ...], captures: Path
) -> None:
    await load(captures)
    again = await load(captures, *options)
    assert (again.code, said(again, "records")) == (0, [1, 1, 1])


@needs_package("pyarrow")
async def test_what_is_read_again_has_the_snapshots_and_the_exported_files_that_it_had(
    captures: Path,
) -> None:
    (captures / "captures" / SIX[2]).write_bytes(document(1))  # as its neighbour: the feed may stand still
    kept = []
    for _ in range(2):
        done = await load(captures, "--export", "air/")
        assert (done.code, len(done.reports)) == (0, 4)
        folders = (captures / "air", captures / "d" / "snapshots")
        kept.append([sorted(path.name for path in folder.rglob("data_*")) for folder in folders])
    assert kept[0] == kept[1]


async def test_a_name_that_is_asked_for_is_given_although_the_source_is_known(captures: Path) -> None:
    options = ("--load-only", "--local", "d", "captures/mine.json", "--snapshot-time")
    await ran(*options, "2023-12-19", cwd=captures)
    await ran(*options[:3], f"captures/{SIX[0]}", cwd=captures)
    again = await ran(*options, "2023-12-21", cwd=captures)
    assert (said(again, "records"), said(again)) == ([1], ["data_21_12_23_00_00.json"])


async def test_a_table_scored_anew_reads_them_again(captures: Path) -> None:
    await load(captures)
    await load(captures, "--rescore", "--scale", "us-epa")
    back = await load(captures, "--rescore")
    assert said(back, "records") == [1, 1, 1]
