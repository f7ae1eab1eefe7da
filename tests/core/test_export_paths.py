"""Where --export puts records, by the look of a path, and what a snapshot's file is called."""

import pytest

from aqi_service.core.export_paths import (
    ExportedSnapshot,
    ExportForm,
    ExportNames,
    export_form,
    file_of_shard,
)
from aqi_service.core.selection import WHOLE, Shard

TAKEN = 1_703_098_500


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("-", ExportForm.STDOUT),
        ("out.csv", ExportForm.ROWS),
        ("a/b.c/out.csv.gz", ExportForm.ROWS),
        ("out.ndjson", ExportForm.ROWS),
        (".csv", ExportForm.ROWS),
        ("/tmp/out.ndjson.gz", ExportForm.ROWS),  # noqa: S108 (nothing is written)
        ("air", ExportForm.FOLDER),
        ("air.parquet/", ExportForm.FOLDER),
        ("a.b/air", ExportForm.FOLDER),
        ("..", ExportForm.FOLDER),
        (".hidden", ExportForm.FOLDER),
        ("s3://bucket", ExportForm.BUCKET),
        ("S3://bucket/a/b/", ExportForm.BUCKET),
        ("s3://bucket/a/out.csv", None),
        ("s3:///a/", None),
        ("https://example.org/a/", None),
        ("out.json", None),
        ("out.parquet", None),
        ("out.csv.zip", None),
        ("out.CSV", None),
        ("", None),
    ],
)
def test_a_path_says_by_its_look_what_is_written(path: str, form: ExportForm | None) -> None:
    assert export_form(path, is_folder=False) is form


@pytest.mark.parametrize("path", ["out.csv", "air.2023"])
def test_a_folder_that_is_there_is_one_whatever_it_is_called(path: str) -> None:
    assert export_form(path, is_folder=True) is ExportForm.FOLDER


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("air.csv", "air.2-of-8.csv"),
        ("a.csv/air.ndjson.gz", "a.csv/air.2-of-8.ndjson.gz"),
        (".csv.gz", ".2-of-8.csv.gz"),
    ],
)
def test_each_worker_of_several_has_a_file_of_its_own(path: str, name: str) -> None:
    assert file_of_shard(path, Shard(2, 8)) == name
    assert file_of_shard(path, WHOLE) == path


def test_a_file_lies_in_the_folder_of_its_snapshot_s_day_and_has_its_name() -> None:
    name = ExportNames().name_of(ExportedSnapshot("data_20_12_23_18_55.json", TAKEN, "a"))
    assert name == "snapshot_date=2023-12-20/data_20_12_23_18_55.parquet"


def test_a_day_of_daily_files_is_called_after_the_day() -> None:
    day = ExportedSnapshot("day_2023-12-20_0badcafe", TAKEN, "a")
    assert ExportNames().name_of(day) == "snapshot_date=2023-12-20/day_2023-12-20_0badcafe.parquet"


def test_a_snapshot_has_one_name_and_another_of_that_name_the_next_free_one() -> None:
    names = ExportNames()
    given = [
        names.name_of(ExportedSnapshot("data_20_12_23_18_55.json", TAKEN, content)).rpartition("/")[2]
        for content in ("a", "b", "a", "c", "b")
    ]
    assert given == [
        "data_20_12_23_18_55.parquet",
        "data_20_12_23_18_55-2.parquet",
        "data_20_12_23_18_55.parquet",
        "data_20_12_23_18_55-3.parquet",
        "data_20_12_23_18_55-2.parquet",
    ]
