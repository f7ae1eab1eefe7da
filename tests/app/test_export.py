"""`--load-only --export`: what comes out, where the reports go, and that there is no half file."""

import asyncio
import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aqi_service.app.open import NO_PYARROW, open_export
from aqi_service.errors import ConfigError
from tests.doubles.config import config
from tests.doubles.day_files import day_of, name_of
from tests.doubles.exports import ids, rows
from tests.doubles.load_helpers import document, written
from tests.doubles.local_helpers import stored
from tests.doubles.outside import needs_package
from tests.doubles.patience import patience
from tests.doubles.program import CAPTURE, environment, ran, running

PARQUET = ("aqi_service.storage.local.parquet_file", "aqi_service.storage.local.export_parquet")
MANY = document(*range(1, 601))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


async def into(stdout: int, cwd: Path) -> tuple[int, str]:
    """Export the capture to a stdout that is given; return exit code and stderr."""
    options = ("--load-only", "--dry-run", "--from", str(CAPTURE), "--export", "-")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aqi_service", *options),
        cwd=cwd,
        env=environment(),
        stdout=stdout,
        stderr=subprocess.PIPE,
    )
    async with patience():
        err = (await process.communicate())[1].decode()
    return process.returncode or 0, err


async def test_a_pipe_gets_each_record_as_csv_and_stderr_the_report_with_no_account_and_nothing_written(
    tmp_path: Path,
) -> None:
    body = gzip.decompress(CAPTURE.read_bytes())
    done = await ran("--load-only", "--from", "-", "--dry-run", "--export", "-", cwd=tmp_path, stdin=body)
    found = list(csv.DictReader(io.StringIO(done.out, newline="")))
    start, report, end = done.err.splitlines()
    assert (done.code, len(found), {row["scale"] for row in found}) == (0, 3565, {"daqi"})
    assert (json.loads(report)["status"], json.loads(report)["stored"]) == ("complete", 3565)
    assert "dry run, nothing is written" in start
    assert end == "3,565 records of 1 snapshot exported to stdout"
    assert files(tmp_path) == set()


async def test_a_reader_that_goes_away_is_exit_1_and_one_sentence(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    code, err = await into(theirs, tmp_path)
    os.close(theirs)
    assert (code, "Traceback" in err) == (1, False)
    last = err.splitlines()[-1]
    assert last.startswith("aqi-service: failed: ")
    assert last.endswith("The export cannot be written to stdout: nobody reads it any more.")


async def test_a_full_disk_behind_stdout_is_exit_1_and_one_sentence(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    code, err = await into(full, tmp_path)
    os.close(full)
    last = err.splitlines()[-1]
    assert (code, last.endswith("written to stdout: the disk is full; free some space.")) == (1, True)


async def test_a_stdout_that_is_closed_is_exit_1_and_one_sentence(tmp_path: Path) -> None:
    program = f"{sys.executable} -m aqi_service --load-only --dry-run --from {CAPTURE} --export - >&-"
    done = await asyncio.create_subprocess_shell(
        program, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE
    )
    async with patience():
        last = (await done.communicate())[1].decode().splitlines()[-1]
    assert (done.returncode, last.endswith("cannot be written to stdout: it is closed.")) == (1, True)


async def test_rows_on_stdout_are_utf_8_whatever_the_locale_is(tmp_path: Path) -> None:
    kind = "Bl\u00fcmel"
    source = written(tmp_path, document(1, sensor={"id": 7, "sensor_type": {"name": kind}}))
    options = ("--load-only", "--dry-run", "--from", str(source), "--export", "-")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aqi_service", *options),
        cwd=tmp_path,
        env=environment(PYTHONIOENCODING="latin-1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with patience():
        out = (await process.communicate())[0]
    assert (process.returncode, kind.encode() in out) == (0, True)


async def test_a_file_has_what_the_table_has_and_finished_snapshots_are_exported_again(
    tmp_path: Path,
) -> None:
    local = ("--load-only", "--local", "d")
    first = await ran(*local, "--from", str(CAPTURE), "--export", "a.csv.gz", cwd=tmp_path)
    again = await ran(*local, "--from", "archive", "--export", "b.csv", cwd=tmp_path)
    assert [(done.code, len(done.reports)) for done in (first, again)] == [(0, 1), (0, 1)]
    assert (again.reports[0]["records"], again.reports[0]["stored"]) == (6874, 0)
    assert len(ids(tmp_path / "a.csv.gz")) == stored(tmp_path / "d") == 3565
    assert rows(tmp_path / "b.csv") == rows(tmp_path / "a.csv.gz")
    assert "3,565 records of 1 snapshot exported to b.csv" in again.err


async def test_workers_that_share_snapshots_write_a_file_each_in_a_folder_that_is_made(
    tmp_path: Path,
) -> None:
    sources = [str(written(tmp_path, document(n), f"data_20_12_23_18_0{n}.json")) for n in (1, 2, 3)]
    for share in ("0/2", "1/2"):
        exporting = ("--load-only", "--dry-run", "--export", "new/folder/a.csv", "--shard", share)
        done = await ran(*exporting, *sources, cwd=tmp_path)
        assert (done.code, "exported to new/folder/a." in done.err) == (0, True)
    made = tmp_path / "new" / "folder"
    assert ids(made / "a.0-of-2.csv") == ["1", "3"]
    assert ids(made / "a.1-of-2.csv") == ["2"]
    assert len(files(made)) == 2


async def test_of_several_snapshots_the_whole_ones_are_in_the_file_and_without_one_there_is_none(
    tmp_path: Path,
) -> None:
    good, bad = written(tmp_path, document(1, 2), "good.json"), written(tmp_path, MANY + b"]", "bad.json")
    dry = ("--load-only", "--dry-run")
    some = await ran(*dry, str(good), str(bad), "--export", "some.csv", cwd=tmp_path)
    none = await ran(*dry, str(bad), "--export", "none.csv", cwd=tmp_path)
    assert (some.code, none.code) == (1, 1)
    assert ids(tmp_path / "some.csv") == ["1", "2"]
    assert files(tmp_path) == {"good.json", "bad.json", "some.csv"}


async def test_a_day_of_daily_files_comes_out_with_its_hours(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / name_of(7)).write_bytes(day_of(7))
    done = await ran("--load-only", "--dry-run", "days", "--export", "a.csv", cwd=tmp_path)
    [row] = rows(tmp_path / "a.csv")
    assert (done.code, row["id"], row["P2.5"], row["hours_p25"]) == (0, "9202312200000000007", "7.5", "24")


async def test_a_day_that_was_loaded_is_read_again_for_an_export(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / name_of(7)).write_bytes(day_of(7))
    loaded = await ran("--load-only", "--local", "d", "days", cwd=tmp_path)
    again = await ran("--load-only", "--local", "d", "days", "--export", "a.csv", cwd=tmp_path)
    assert (loaded.code, again.code) == (0, 0)
    assert ids(tmp_path / "a.csv") == ["9202312200000000007"]


@needs_package("pyarrow")
async def test_daily_files_that_were_touched_or_have_grown_replace_their_export_and_others_do_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "days").mkdir()
    file = tmp_path / "days" / name_of(7)
    exporting = ("--load-only", "--dry-run", "days", "--export", "air/")
    kept = []
    for body, seconds in ((day_of(7), 1_700_000_000), (day_of(7) + b"\n", 1_700_000_001)):
        file.write_bytes(body)
        os.utime(file, (seconds, seconds))
        assert (await ran(*exporting, cwd=tmp_path)).code == 0
        kept.append({each for each in files(tmp_path) if each.startswith("air/")})
    assert (len(kept[0]), kept[1]) == (1, kept[0])
    file.rename(file.with_name(name_of(8)))
    assert (await ran(*exporting, cwd=tmp_path)).code == 0
    assert len({each for each in files(tmp_path) if each.startswith("air/")}) == 2


async def test_a_run_that_is_told_to_stop_leaves_no_file(tmp_path: Path) -> None:
    options = ("--load-only", "--dry-run", "--from", "-", "--export", "a.csv")
    async with running(*options, cwd=tmp_path) as program:
        assert program.process.stdin
        program.process.stdin.write(MANY[:-1])
        await program.process.stdin.drain()
        await program.line("dry run, nothing is written")
        program.tell()
        assert await program.ended() == 1
    assert files(tmp_path) == set()


@needs_package("pyarrow")
async def test_a_folder_gets_parquet_of_the_scale_that_was_asked_for(tmp_path: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    dry = ("--load-only", "--dry-run", "--scale", "us-epa")
    done = await ran(*dry, "--from", str(CAPTURE), "--export", "air/", cwd=tmp_path)
    assert (done.code, done.reports[0]["stored"]) == (0, 3565)
    assert files(tmp_path) == {"air/snapshot_date=2017-08-10/data_10_08_17_11_23.parquet"}
    file = pq.ParquetFile(tmp_path / files(tmp_path).pop())
    kept = {name.decode(): value.decode() for name, value in file.metadata.metadata.items()}
    assert (file.metadata.num_rows, kept["scale"]) == (3565, "us-epa")
    assert kept["licence"].startswith("Open Database License")
    assert kept["attribution"].startswith("Sensor.Community")
    assert kept["version"]


async def test_without_pyarrow_a_folder_is_refused_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in PARQUET:
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for where in (str(tmp_path / "air"), "s3://bucket/air/"):
        with pytest.raises(ConfigError) as caught:
            async with open_export(config(load_only=True, export=where)):
                pass
        assert str(caught.value) == NO_PYARROW
    assert "pip install 'aqi-service[parquet]'" in NO_PYARROW
    assert files(tmp_path) == set()


def test_pyarrow_is_imported_only_where_parquet_is_asked_for() -> None:
    code = "import sys, aqi_service.app.daemon, aqi_service.app.load_only; print('pyarrow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
