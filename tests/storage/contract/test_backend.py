"""What `Backend` promises, kept on AWS, on one machine and in a dry run."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aqi_service.app.open import open_backend
from aqi_service.storage.backend import Backend
from tests.doubles.config import config
from tests.doubles.snapshot_name import INFO, NAME, SECOND


@pytest.fixture(params=["aws", "local", "dry"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    changes: dict[str, Any] = {"local": tmp_path, "dry_run": request.param == "dry", "load_only": True}
    if request.param == "aws":
        moto = request.getfixturevalue("moto")
        changes |= {"local": None, "bucket": moto.bucket, "table": moto.table}
    async with open_backend(config(**changes)) as opened:
        await opened.create()
        yield opened


async def test_nothing_is_missing_or_wrong_once_it_is_created(backend: Backend) -> None:
    assert list(await backend.missing()) == list(await backend.wrong()) == []
    await backend.storage.archive.check()
    await backend.storage.store.check()
    await backend.check_writable()


async def test_only_a_folder_is_on_a_disk_that_can_run_full(backend: Backend) -> None:
    free = await backend.free_bytes()
    assert (free is not None) is backend.location.startswith("folder ")
    assert free != 0


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Give a folder with one snapshot."""
    async with (
        open_backend(config(local=tmp_path)) as opened,
        opened.storage.archive.upload(NAME, INFO) as up,
    ):
        await up.complete()
    return tmp_path


async def test_what_is_kept_in_a_folder_is_deleted_by_name(folder: Path) -> None:
    async with open_backend(config(local=folder)) as backend:
        assert await backend.prune([NAME, SECOND]) == 1
        assert list(await backend.storage.archive.names()) == []


async def test_a_dry_run_reads_the_folder_s_snapshots_and_deletes_none(folder: Path) -> None:
    async with open_backend(config(local=folder, dry_run=True, load_only=True)) as dry:
        assert await dry.prune([NAME]) == 0
        assert list(await dry.snapshot_locations.archive.names()) == [NAME]
        assert list(await dry.storage.archive.names()) == []
