"""Backfills as a person runs them: the archive, objects and prefixes of S3, ranges, shares, and again."""

from pathlib import Path

import pytest

from tests.doubles.backfills import BODIES, NAMES, WRITES, backfill, files, fill, keys, said
from tests.doubles.faults.effects import Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.program import ran

FEW = NAMES[:6]


def shelve(folder: Path, *names: str) -> None:
    """Put snapshots into a folder's archive by hand."""
    (folder / "snapshots").mkdir(parents=True)
    for name in names:
        (folder / "snapshots" / name).write_bytes(BODIES[name])


async def test_the_archive_loaded_twice_writes_nothing_the_second_time_on_aws(
    moto: Moto, tmp_path: Path
) -> None:
    fill(moto, moto.bucket, *FEW)
    async with Shim(moto.endpoint) as shim:
        options = ("--from", "archive")
        first = await backfill(moto, tmp_path, *options, AWS_ENDPOINT_URL=shim.endpoint)
        assert (first.code, said(first), set(said(first, "status"))) == (0, FEW, {"complete"})
        assert (
            sum(said(first, "stored")) + sum(said(first, "unchanged")) + sum(said(first, "superseded")) == 18
        )
        shim.renew()
        second = await backfill(moto, tmp_path, *options, AWS_ENDPOINT_URL=shim.endpoint)
        asked = {record.call.operation for record in shim.journal.records}
    assert (second.code, said(second), set(said(second, "status"))) == (0, FEW, {"unchanged"})
    assert second.last == "6 of 6 snapshots were finished already: --force loads them again"
    assert asked & WRITES == set()
    assert asked & {"BatchGetItem", "GetObject", "DescribeTable"} == {"GetObject", "DescribeTable"}


async def test_the_archive_loaded_twice_writes_nothing_the_second_time_in_a_folder(tmp_path: Path) -> None:
    shelve(tmp_path / "d", *FEW)
    options = ("--load-only", "--local", "d", "--from", "archive")
    first = await ran(*options, cwd=tmp_path)
    assert (first.code, said(first), set(said(first, "status"))) == (0, FEW, {"complete"})
    before = files(tmp_path)
    second = await ran(*options, cwd=tmp_path)
    assert (second.code, said(second), set(said(second, "status"))) == (0, FEW, {"unchanged"})
    assert files(tmp_path) == before
    forced = await ran(*options, "--force", cwd=tmp_path)
    assert (forced.code, set(said(forced, "status")), sum(said(forced, "records"))) == (0, {"complete"}, 18)
    assert sum(said(forced, "stored")) == 0


async def test_a_second_table_is_filled_from_the_archive(tmp_path: Path) -> None:
    shelve(tmp_path / "d", *NAMES[:2])
    for table in ("one", "two"):
        options = ("--local", "d", "--table", table, "--from", "archive")
        done = await ran("--load-only", *options, cwd=tmp_path)
        assert (done.code, said(done, "status")) == (0, ["complete"] * 2)


async def test_ranges_and_shares_choose_by_time(moto: Moto, tmp_path: Path) -> None:
    fill(moto, moto.bucket, *NAMES)
    options = ("--from", "archive", "--since", "2023-12-22", "--until", "2023-12-24T18:00Z")
    assert said(await backfill(moto, tmp_path, *options)) == NAMES[3:8]
    assert said(await backfill(moto, tmp_path, *options, "--shard", "1/2", "--force")) == NAMES[4:8:2]
    worker = {"AQI_SHARD_COUNT": "3", "JOB_COMPLETION_INDEX": "2"}
    assert said(await backfill(moto, tmp_path, *options, "--force", **worker)) == NAMES[5:8:3]
    beyond = await backfill(moto, tmp_path, *options, "--shard", "9/10")
    assert (beyond.code, beyond.out) == (0, "")
    assert (
        beyond.last == "aqi-service: nothing to load: no snapshot is in the range, or in this worker's share"
    )


async def test_a_prefix_takes_json_packed_or_not_and_leaves_notes_out(moto: Moto, tmp_path: Path) -> None:
    other = f"{moto.bucket}-other"
    notes = [f"old/{folder}/t/{NAMES[0]}" for folder in ("rejects", "manifests", "uploads")]
    fill(moto, other, f"old/{NAMES[1]}.gz", f"old/deep/{NAMES[0]}", *notes, "old/readme.txt", NAMES[5])
    done = await backfill(moto, tmp_path, "--from", f"s3://{other}/old/")
    assert (done.code, said(done), said(done, "status")) == (0, NAMES[:2], ["complete"] * 2)
    assert said(done, "source") == [f"s3://{other}/old/deep/{NAMES[0]}", f"s3://{other}/old/{NAMES[1]}.gz"]
    assert sorted(keys(moto, moto.bucket)) == sorted(NAMES[:2])


async def test_an_object_outside_the_bucket_is_archived_and_one_inside_is_not_archived_again(
    moto: Moto, tmp_path: Path
) -> None:
    other = f"{moto.bucket}-other"
    fill(moto, moto.bucket, NAMES[1], f"old/{NAMES[2]}")
    fill(moto, other, "some/snapshot.json")
    outside = await backfill(
        moto, tmp_path, "--from", f"s3://{other}/some/snapshot.json", "--snapshot-time", "2023-12-19"
    )
    inside = await backfill(
        moto, tmp_path, *(f"--from=s3://{moto.bucket}/{key}" for key in (f"old/{NAMES[2]}", NAMES[1]))
    )
    assert said(outside) == ["data_19_12_23_00_00.json"]
    assert (said(inside), said(inside, "status")) == ([NAMES[1], None], ["complete"] * 2)
    assert sorted(keys(moto, moto.bucket)) == sorted(["data_19_12_23_00_00.json", NAMES[1]])
    assert keys(moto, moto.bucket, f"manifests/{moto.table}/data_20") == []
    assert keys(moto, moto.bucket, f"manifests/{moto.table}/{NAMES[1]}") != []


async def test_an_object_that_may_not_be_read_is_reported_and_keeps_no_other_back(
    moto: Moto, tmp_path: Path
) -> None:
    other = f"{moto.bucket}-other"
    fill(moto, other, *(f"old/{name}" for name in NAMES[:3]))
    async with Shim(moto.endpoint) as shim:
        shim.book.add(Rule("GetObject", Refuse("AccessDenied"), resource=f"{other}/old/{NAMES[1]}"))
        done = await backfill(moto, tmp_path, "--from", f"s3://{other}/old/", AWS_ENDPOINT_URL=shim.endpoint)
    assert (done.code, said(done, "status")) == (2, ["complete", "failed", "complete"])
    assert f"failed: s3://{other}/old/{NAMES[1]}: access is denied" in done.err


async def test_snapshots_of_one_minute_are_loaded_in_the_order_of_their_suffixes(tmp_path: Path) -> None:
    """Ten sorts before two, as text; the one that is loaded last wins."""
    stem = NAMES[0].removesuffix(".json")
    (tmp_path / "d" / "snapshots").mkdir(parents=True)
    names = [f"{stem}{suffix}.json" for suffix in ("-10", "", "-2")]
    for number, name in enumerate(names):
        (tmp_path / "d" / "snapshots" / name).write_bytes(document(number))
    done = await ran("--load-only", "--local", "d", "--from", "archive", cwd=tmp_path)
    assert said(done) == [names[1], names[2], names[0]]


async def test_an_object_can_be_loaded_into_a_folder(moto: Moto, tmp_path: Path) -> None:
    fill(moto, moto.bucket, f"old/{NAMES[1]}")
    options = ("--load-only", "--local", "d", "--from", f"s3://{moto.bucket}/old/")
    done = await ran(*options, cwd=tmp_path, env=moto.environment)
    assert (done.code, said(done), said(done, "stored")) == (0, [NAMES[1]], [3])


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "s3://{}/absent/",
            (
                "s3://{}/absent/: no object under it ends in .json or .json.gz, and there is no daily file "
                "(2023-12-20_sds011_sensor_123.csv, also .gz; tars and zips are read from a disk): "
                "name another prefix"
            ),
        ),
        ("s3://no-such-bucket-here/", "s3://no-such-bucket-here/: there is no such bucket"),
        ("s3://no-such-bucket-here/x.json", "s3://no-such-bucket-here/x.json: there is no such bucket"),
    ],
)
async def test_a_place_with_nothing_is_exit_2_and_one_sentence(
    source: str, sentence: str, moto: Moto, tmp_path: Path
) -> None:
    done = await backfill(moto, tmp_path, "--from", source.format(moto.bucket))
    assert (done.code, done.out, done.last) == (2, "", f"aqi-service: {sentence.format(moto.bucket)}")


@pytest.mark.parametrize("absent", ["s3://{}/absent.json", "absent.json", "absent/"])
async def test_a_source_that_is_not_there_is_exit_2_and_nothing_is_loaded(
    absent: str, moto: Moto, tmp_path: Path
) -> None:
    fill(moto, moto.bucket, f"old/{NAMES[1]}")
    (tmp_path / NAMES[0]).write_bytes(BODIES[NAMES[0]])
    there = (NAMES[0], f"s3://{moto.bucket}/old/{NAMES[1]}")
    done = await backfill(moto, tmp_path, *there, absent.format(moto.bucket))
    kind = "object" if absent.startswith("s3:") else "file"
    told = f"aqi-service: {absent.format(moto.bucket)}: there is no such {kind}"
    assert (done.code, done.out, done.last) == (2, "", told)
    assert keys(moto, moto.bucket) == []


@pytest.mark.parametrize(
    "sources", [("captures",), ("--from", "captures/"), tuple(f"captures/{name}" for name in NAMES[:3])]
)
async def test_a_folder_and_what_a_shell_makes_of_a_pattern_are_loaded_in_the_order_of_their_times(
    sources: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "captures").mkdir()
    for name in reversed(NAMES[:3]):
        (tmp_path / "captures" / name).write_bytes(BODIES[name])
    done = await ran("--load-only", "--local", "d", *sources, cwd=tmp_path)
    assert (done.code, said(done), set(said(done, "status"))) == (0, NAMES[:3], {"complete"})


async def test_the_archive_s_own_files_named_one_by_one_are_not_archived_again(tmp_path: Path) -> None:
    shelve(tmp_path / "d", *NAMES[:2])
    names = [f"d/snapshots/{name}" for name in NAMES[:2]]
    done = await ran("--load-only", "--local", "d", *names, cwd=tmp_path)
    assert (done.code, said(done)) == (0, NAMES[:2])
    assert sorted(path.name for path in (tmp_path / "d" / "snapshots").iterdir()) == sorted(NAMES[:2])


async def test_an_empty_archive_is_nothing_to_load_and_exit_0(tmp_path: Path) -> None:
    done = await ran("--load-only", "--local", "d", "--from", "archive", cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    assert "nothing to load" in done.last


async def test_a_dry_run_reads_the_local_archive_and_writes_nothing(tmp_path: Path) -> None:
    shelve(tmp_path / "d", NAMES[0])
    before = files(tmp_path)
    done = await ran("--load-only", "--dry-run", "--local", "d", "--from", "archive", cwd=tmp_path)
    assert (done.code, said(done), said(done, "stored")) == (0, [NAMES[0]], [3])
    assert files(tmp_path) == before
