"""The sweep of either archive: it takes what dead loads left, and costs live ones nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aqi_service.storage.ports import Archive
from tests.doubles.snapshot_name import INFO, NAME, SECOND
from tests.doubles.stores import ARCHIVES


@pytest.fixture(params=ARCHIVES)
async def archive(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Archive]:
    async with ARCHIVES[request.param](tmp_path) as opened:
        yield opened


async def test_a_fresh_archive_has_nothing_to_sweep(archive: Archive) -> None:
    assert await archive.sweep() == 0


async def test_loads_that_have_ended_leave_nothing_to_sweep(archive: Archive) -> None:
    async with archive.upload(NAME, INFO) as upload:
        await upload.write(b"[]")
        await upload.complete()
    async with archive.upload(SECOND, INFO) as upload:
        await upload.write(b"[")
    assert await archive.sweep() == 0
    assert list(await archive.names()) == [NAME]


async def test_a_sweep_costs_an_upload_under_way_nothing(archive: Archive) -> None:
    async with archive.upload(NAME, INFO) as upload:
        await upload.write(b"[")
        assert await archive.sweep() == 0
        await upload.write(b"]")
        await upload.complete()
    assert b"".join([piece async for piece in archive.read(NAME)]) == b"[]"


async def test_a_sweep_leaves_snapshots_and_documents_alone(archive: Archive) -> None:
    async with archive.upload(NAME, INFO) as upload:
        await upload.write(b"[]")
        await upload.complete()
    await archive.put(f"manifests/t/{NAME}", b"{}")
    assert await archive.sweep() == 0
    assert await archive.info(NAME) == INFO
    assert await archive.get(f"manifests/t/{NAME}") == b"{}"
