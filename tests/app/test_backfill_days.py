"""Backfills of daily files as a person runs them: folders, S3, again, in shares, and what is asked after."""

import csv
import io
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests import ROOT
from tests.doubles.backfills import WRITES, backfill, files, keys, said
from tests.doubles.day_files import DAY, SPS30, csv_of, day_of, hours, name_of
from tests.doubles.faults.shim import Shim
from tests.doubles.load_helpers import document, written
from tests.doubles.moto_names import Moto
from tests.doubles.program import Ran, ran, running

DAYS = [f"2023-12-{day}" for day in range(10, 16)]
LOCAL = ("--load-only", "--local", "d")


def download(folder: Path, *days: str, sensors: int = 2) -> Path:
    """Lay out days as wget brings them."""
    for day in days:
        (folder / day).mkdir(parents=True)
        for sensor in range(1, sensors + 1):
            (folder / day / name_of(sensor, day)).write_bytes(day_of(sensor, day=day))
    return folder


async def load(cwd: Path, *options: str) -> Ran:
    done = await ran(*LOCAL, *options, cwd=cwd)
    assert done.code == 0, done.err
    return done


async def test_a_folder_of_days_loaded_twice_writes_nothing_the_second_time(tmp_path: Path) -> None:
    download(tmp_path / "archive.sensor.community", *DAYS)
    first = await load(tmp_path, "archive.sensor.community")
    assert (said(first, "status"), said(first, "stored")) == (["complete"] * 6, [2] * 6)
    assert [report["source"][-10:] for report in first.reports] == DAYS
    assert [(report["files"], report["days"], report["hours_missing"]) for report in first.reports] == [
        (2, 2, 0)
    ] * 6
    before = files(tmp_path)
    again = await load(tmp_path, "archive.sensor.community")
    assert (said(again, "status"), said(again, "records")) == (["unchanged"] * 6, [0] * 6)
    assert again.last == "6 of 6 snapshots were finished already: --force loads them again"
    assert files(tmp_path) == before
    forced = await load(tmp_path, "--force", "archive.sensor.community")
    assert (said(forced, "status"), said(forced, "unchanged")) == (["complete"] * 6, [2] * 6)
    assert not any((tmp_path / "d" / "snapshots").iterdir())


async def test_only_what_was_added_to_a_day_is_written_when_its_files_are_others(tmp_path: Path) -> None:
    folder = download(tmp_path / "x", DAY)
    await load(tmp_path, "x")
    (folder / DAY / name_of(3)).write_bytes(day_of(3))
    again = await load(tmp_path, "x")
    assert (said(again, "stored"), said(again, "unchanged"), said(again, "files")) == ([1], [2], [3])


async def test_workers_of_an_array_load_each_day_once(tmp_path: Path) -> None:
    download(tmp_path / "x", *DAYS)
    shares = [await load(tmp_path, "x", "--shard", f"{n}/4") for n in range(4)]
    loaded = [report["source"][-10:] for share in shares for report in share.reports]
    assert sorted(loaded) == DAYS
    assert {status for share in shares for status in said(share, "status")} == {"complete"}


async def test_with_a_time_to_live_that_is_over_one_warning_comes_before_the_first_day(
    tmp_path: Path,
) -> None:
    download(tmp_path / "x", *DAYS)
    done = await load(tmp_path, "x", "--ttl-days", "30")
    assert done.err.count("old_days_expire") == 1
    assert "count=6 of=6 hint='records expire --ttl-days after their own time: " in done.err
    assert (said(done, "expired"), said(done, "stored")) == ([2] * 6, [0] * 6)
    longer = await load(tmp_path, "x", "--ttl-days", "36500")
    assert ("old_days_expire" in longer.err, said(longer, "stored")) == (False, [2] * 6)


async def test_what_only_expired_is_read_again_without_a_time_to_live_and_then_no_more(
    tmp_path: Path,
) -> None:
    download(tmp_path / "x", DAY)
    (tmp_path / "x" / "feed.json").write_bytes(document(1, 2))
    runs = [await load(tmp_path, "x", *ttl) for ttl in (("--ttl-days", "30"), ("--ttl-days", "29"), (), ())]
    assert [said(each, "expired") for each in runs] == [[2, 2], [0, 0], [0, 0], [0, 0]]
    assert [said(each, "stored") for each in runs] == [[0, 0], [0, 0], [2, 2], [0, 0]]
    assert [said(each, "records") for each in runs] == [[2, 2], [0, 0], [2, 2], [0, 0]]


async def test_a_dry_run_says_what_would_be_and_writes_nothing(tmp_path: Path) -> None:
    download(tmp_path / "x", DAY)
    done = await ran("--load-only", "--dry-run", "x", cwd=tmp_path)
    assert (done.code, said(done, "stored"), said(done, "files")) == (0, [2], [2])
    assert set(files(tmp_path)) == {*(tmp_path / "x").rglob("*.csv")}


async def test_days_prefers_the_row_out_of_the_files_and_says_its_hours_and_a_csv_by_id_is_as_ever(
    tmp_path: Path,
) -> None:
    (tmp_path / name_of(7, kind="sps30", ending="_indoor.csv")).write_bytes(
        csv_of([*hours(*range(4, 23), sensor=7, sensor_type="SPS30"), *hours(23, sensor=7, p1="")], SPS30)
    )
    await load(tmp_path, name_of(7, kind="sps30", ending="_indoor.csv"))
    async with running("--serve-only", "--local", "d", "--port", "0", "--no-http", cwd=tmp_path) as program:
        days, row = await program.ask(b"days 7 2023-12-20 2023-12-21", b"9202312200000000007")
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0
    [day] = rows(days)
    assert day == {
        "sensor_id": "7", "date": DAY, "hours": "20", "P2.5": "7.5", "P10": "12.5", "AQI": "1",
        "AQI_range": "Low", "AQI_pollutant": "P2.5", "scale": "daqi", "id": "9202312200000000007",
        "timestamp": f"{DAY} 23:59:59", "hours_p25": "20", "hours_p10": "19",
    }  # fmt: skip
    assert list(rows(row)[0]) == [
        "id", "latitude", "longitude", "altitude", "country", "timestamp", "date", "P2.5", "P10", "AQI",
        "AQI_range",
    ]  # fmt: skip


def rows(reply: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(reply.decode(), newline="")))


async def test_a_prefix_of_days_loaded_twice_reads_and_writes_no_item_and_no_file_the_second_time(
    moto: Moto, tmp_path: Path
) -> None:
    other, s3 = f"{moto.bucket}-other", moto.client("s3")
    s3.create_bucket(Bucket=other)
    for day in DAYS[:3]:
        for sensor in range(1, 4):
            s3.put_object(Bucket=other, Key=f"csv/{day}/{name_of(sensor, day)}", Body=day_of(sensor, day=day))
    source = f"s3://{other}/csv/"
    async with Shim(moto.endpoint) as shim:
        first = await backfill(moto, tmp_path, source, AWS_ENDPOINT_URL=shim.endpoint)
        assert (first.code, said(first, "stored"), said(first, "files")) == (0, [3] * 3, [3] * 3)
        shim.renew()
        second = await backfill(moto, tmp_path, source, AWS_ENDPOINT_URL=shim.endpoint)
        calls = [record.call for record in shim.journal.records]
    assert (second.code, said(second, "status")) == (0, ["unchanged"] * 3)
    asked = {call.operation for call in calls}
    assert asked & WRITES == set()
    assert "BatchGetItem" not in asked
    assert keys(moto, moto.bucket) == []
    assert len(keys(moto, moto.bucket, f"manifests/{moto.table}/day_")) == 3


WGET = """#!/bin/sh
echo "$*" >> "$0.called"
case "$*" in *"--input-file -"*) cat > "$0.asked";; esac
"""


def test_each_download_that_the_manual_shows_is_one_wget_which_waits_between_files(tmp_path: Path) -> None:
    """Several would not wait: `--wait` is between the files of one."""
    wget = written(tmp_path, WGET.encode(), "wget")
    wget.chmod(0o755)
    page = (ROOT / "docs" / "backfill.md").read_text(encoding="utf-8")
    shown = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for block in shown:
        done = subprocess.run(
            ["/bin/bash", "-ec", block], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False
        )
        assert done.returncode == 0
    called = (tmp_path / "wget.called").read_text().splitlines()
    assert len(called) == len(shown) == 2
    assert all("--wait " in each and "--random-wait" in each for each in called)
    asked = [url.rpartition("/")[2] for url in (tmp_path / "wget.asked").read_text().split()]
    assert asked == [name_of(day=f"2023-12-{number:02}") for number in range(1, 32)]
