"""Snapshots and manifests that a lifecycle rule has moved to Glacier: on every way that reads them."""

import logging
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from aqi_service.app.loads import Loads
from aqi_service.core.snapshot_names import latest_key, manifest_key, snapshot_name
from aqi_service.errors import ConfigError, InGlacier
from aqi_service.snapshots.manifests import ManifestStore
from tests.doubles.aws_world import World, fresh
from tests.doubles.backend import opened
from tests.doubles.backfills import BODIES, NAMES, backfill, fill, said
from tests.doubles.config import config
from tests.doubles.load_helpers import TABLE, document
from tests.doubles.log_lines import lines
from tests.doubles.moto_names import Moto
from tests.doubles.storage_doubles import MemoryArchive, in_memory

HINT = "restore it and load it by --load-only --from archive"


def freeze(moto: Moto, key: str) -> None:
    moto.client("s3").put_object(Bucket=moto.bucket, Key=key, Body=b"[]", StorageClass="GLACIER")


@pytest.mark.parametrize("place", ["archive", "s3://{}/"])
async def test_a_cold_snapshot_of_the_archive_is_passed_over_with_one_line(
    place: str, moto: Moto, tmp_path: Path
) -> None:
    fill(moto, moto.bucket, *NAMES[:3])
    freeze(moto, NAMES[1])
    done = await backfill(moto, tmp_path, "--from", place.format(moto.bucket))
    assert (done.code, said(done)) == (0, [NAMES[0], NAMES[2]])
    [line] = [line for line in done.err.splitlines() if "Glacier" in line or "glacier" in line]
    assert line.endswith(f"snapshot_in_glacier source=archive:{NAMES[1]} hint='{HINT}'")


async def test_a_cold_snapshot_that_was_asked_for_by_name_is_exit_2_and_the_others_are_loaded(
    moto: Moto, tmp_path: Path
) -> None:
    fill(moto, moto.bucket, *NAMES[:2])
    freeze(moto, NAMES[0])
    named = [f"--from=s3://{moto.bucket}/{name}" for name in NAMES[:2]]
    done = await backfill(moto, tmp_path, *named)
    assert (done.code, said(done, "status")) == (2, ["failed", "complete"])
    assert f"{NAMES[0]} lies in Glacier: restore it first" in done.err


class ColdArchive(MemoryArchive):
    """An archive of which some keys lie in Glacier."""

    def __init__(self, *cold: str) -> None:
        super().__init__()
        self.cold = cold

    async def read(self, name: str, offset: int = 0) -> Any:
        if name in self.cold:
            raise InGlacier(f"{name} lies in Glacier")
        yield self.snapshots[name][offset:]

    async def get(self, key: str) -> bytes | None:
        if key in self.cold:
            raise InGlacier(f"{key} lies in Glacier")
        return await super().get(key)


async def test_catching_up_passes_a_cold_snapshot_over_once_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warm, cold = (snapshot_name(time.time() - hours * 3600) for hours in (2, 1))
    archive = ColdArchive(cold)
    archive.snapshots |= {warm: document(1), cold: b""}
    loads = Loads(config(), opened(archive))
    for ends in ([warm], []):
        async with aclosing(loads.catch_up()) as reports:
            assert [report.snapshot async for report in reports] == ends
    told = [line for line in lines(caplog) if "glacier" in line]
    assert told == [f"snapshot_in_glacier source=archive:{cold} hint={HINT!r}"]


async def test_a_cold_manifest_counts_as_none_but_without_the_latest_nothing_goes_on() -> None:
    manifests = ManifestStore(in_memory(ColdArchive(manifest_key(TABLE, NAMES[0]), latest_key(TABLE))), TABLE)
    assert await manifests.finished_of(NAMES[:2], "daqi") == frozenset()
    with pytest.raises(ConfigError, match=r"latest\.json lies in Glacier"):
        await manifests.latest()


async def test_a_cold_newest_snapshot_without_a_manifest_stops_no_load(
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive = ColdArchive(NAMES[0])
    archive.snapshots[NAMES[0]] = b""
    manifests = ManifestStore(in_memory(archive), TABLE)
    with caplog.at_level(logging.WARNING):
        assert await manifests.same(NAMES[:1], 0, "a digest") is None
    assert lines(caplog) == [f"digest_unreadable snapshot={NAMES[0]} error='{NAMES[0]} lies in Glacier'"]


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_cold_is_named_whichever_way_it_is_read(aws: World) -> None:
    world = await fresh(aws, bucket=True)
    for key in (NAMES[0], "manifests/t/x.json"):
        await world.s3.put_object(Bucket=world.bucket, Key=key, Body=BODIES[NAMES[0]], StorageClass="GLACIER")
    archive = world.archive()
    with pytest.raises(InGlacier, match=f"^bucket {world.bucket}: {NAMES[0]} lies in Glacier: restore it"):
        [_ async for _ in archive.read(NAMES[0])]
    with pytest.raises(InGlacier, match=f"^bucket {world.bucket}: manifests/t/x.json lies in Glacier: "):
        await archive.get("manifests/t/x.json")
    assert (world.waits, world.double.count("GetObject")) == ([], 2)
