"""`--delete-excluded` on AWS: one sentence that helps where there is no table, or no index by sensor."""

from pathlib import Path

import pytest

from aqi_service.app import delete_excluded
from aqi_service.app.commands import service
from aqi_service.errors import MissingIndex, MissingResource
from aqi_service.shutdown import Stop
from aqi_service.storage.aws.clients import open_clients
from tests.doubles.aws_backends import plain_table
from tests.doubles.config import config
from tests.doubles.load_helpers import written
from tests.doubles.moto_names import Moto


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
