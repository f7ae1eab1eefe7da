"""Sensors that are left out on AWS: a list in S3, and a sentence where there is no table, or no index."""

from pathlib import Path

import pytest

from aqi_service.app import delete_excluded
from aqi_service.app.commands import service
from aqi_service.app.excluded import MOST_BYTES
from aqi_service.errors import MissingIndex, MissingResource
from aqi_service.shutdown import Stop
from aqi_service.storage.aws.clients import open_clients
from tests.doubles.aws_backends import plain_table
from tests.doubles.config import config
from tests.doubles.load_helpers import document, written
from tests.doubles.moto_names import Moto
from tests.doubles.program import Ran, ran

URL = "s3://{bucket}/settings/left-out.txt"


def in_bucket(moto: Moto, body: bytes) -> str:
    """Put a list into the bucket; give its URL."""
    s3 = moto.client("s3")
    s3.create_bucket(Bucket=moto.bucket)
    s3.put_object(Bucket=moto.bucket, Key="settings/left-out.txt", Body=body)
    return URL.format(bucket=moto.bucket)


async def loaded(moto: Moto, folder: Path, url: str, *options: str) -> Ran:
    """Load three sensors' records with a list in S3."""
    source = written(folder, document(11, 12, 13), "data_20_12_23_17_00.json")
    listed = ("--exclude-sensors", url, "--from", str(source), *options)
    return await ran("--load-only", *listed, cwd=folder, env=moto.environment)


async def test_a_job_reads_its_list_out_of_s3_loads_nothing_of_it_and_deletes_what_is_there(
    moto: Moto, tmp_path: Path
) -> None:
    url, there = in_bucket(moto, b"12 # asked\n"), ("--bucket", moto.bucket, "--table", moto.table)
    done = await loaded(moto, tmp_path, url, *there, "--create")
    assert (done.code, done.reports[0]["stored"], done.reports[0]["reasons"]) == (0, 2, {"excluded": 1})
    assert " exclusions_read sensors=1" in done.err
    in_bucket(moto, b"11\n12\n")
    deleted = await ran(
        *("--delete-excluded", "--exclude-sensors", url, *there), cwd=tmp_path, env=moto.environment
    )
    assert [(each["sensor_id"], each["deleted"]) for each in deleted.reports] == [("11", 1), ("12", 0)]


@pytest.mark.parametrize("place", [("--local", "d"), ("--dry-run",)])
async def test_a_load_into_a_folder_or_nowhere_may_have_its_list_in_s3_as_well(
    moto: Moto, tmp_path: Path, place: tuple[str, ...]
) -> None:
    done = await loaded(moto, tmp_path, in_bucket(moto, b"12\n13\n"), *place)
    assert (done.code, done.reports[0]["stored"]) == (0, 1)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (None, "there is no such object"),
        (b"12\nx\n", "line 2 is no sensor's id"),
        (b"#\n" * MOST_BYTES, "is larger than 1 MiB"),
    ],
)
async def test_a_list_in_s3_that_is_not_there_or_no_good_is_for_a_person_to_mend_and_nothing_is_loaded(
    moto: Moto, tmp_path: Path, body: bytes | None, sentence: str
) -> None:
    url = in_bucket(moto, b"12\n") + "x" if body is None else in_bucket(moto, body)
    done = await loaded(moto, tmp_path, url, "--dry-run", "--export", "air.csv")
    assert (done.code, sentence in done.last, url in done.last, done.reports) == (2, True, True, [])
    assert not (tmp_path / "air.csv").exists()


async def test_a_folder_of_s3_is_no_list(moto: Moto, tmp_path: Path) -> None:
    done = await loaded(moto, tmp_path, "s3://lists/settings/", "--dry-run")
    assert (done.code, "names no object: s3://bucket/key" in done.err) == (2, True)


@pytest.fixture
def named(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Moto:
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    return moto


async def ended(named: Moto, folder: Path, *, create: bool) -> str:
    """Run it; return the error that ends it."""
    left_out = written(folder, b"2\n", "left-out.txt")
    asked = config(
        delete_excluded=True, exclude_sensors=left_out, bucket=named.bucket, table=named.table, create=create
    )
    with pytest.raises((MissingResource, MissingIndex)) as caught:
        await delete_excluded.run(asked, Stop())
    return str(caught.value)


@pytest.mark.parametrize("create", [False, True])
async def test_no_table_is_not_advised_to_be_made(named: Moto, tmp_path: Path, create: bool) -> None:
    told = await ended(named, tmp_path, create=create)
    assert told.startswith(f"table {named.table}: there is no such table")
    assert "--create" not in told


@pytest.mark.parametrize("create", [False, True])
async def test_where_there_is_no_index_the_command_that_adds_it_is_named(
    named: Moto, tmp_path: Path, create: bool
) -> None:
    async with open_clients() as clients:
        await plain_table(clients, named.table, "S")
    command = f"{service()} --load-only --create --bucket {named.bucket} --table {named.table}"
    told = await ended(named, tmp_path, create=create)
    assert told.endswith(f": {command} --exclude-sensors {tmp_path}/left-out.txt adds it")
