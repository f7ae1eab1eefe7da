"""The archive of files when a process dies or the power goes: what is on the disk by then, what is swept."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aqi_service.errors import ArchiveFailed
from aqi_service.storage.local.archive import LocalArchive
from tests.doubles.local_helpers import BODY, INFO, SIDECAR, STEPS, WHOLE, bytes_of, files, keep
from tests.doubles.snapshot_name import NAME
from tests.doubles.stores import local_archive

HOLD_AN_UPLOAD = """
import asyncio, sys
from pathlib import Path
from aqi_service.storage.ports import SnapshotInfo
from aqi_service.storage.local.archive import LocalArchive

async def hold():
    archive = LocalArchive(Path(sys.argv[1]), min_free=0)
    async with archive.upload("data_20_12_23_18_55.json", SnapshotInfo("", "")) as upload:
        await upload.write(b"[" * 1_000_000)
        print("begun", flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""

DIE_AT_A_STEP = """
import asyncio, os, sys
from pathlib import Path
from tests.doubles.local_helpers import keep
from aqi_service.storage.local.archive import LocalArchive

left = int(sys.argv[2])

def dying(step):
    def count(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return step(*args, **kwargs)
    return count

async def load():
    archive = LocalArchive(Path(sys.argv[1]), min_free=0)
    await archive.check()
    for step in sys.argv[3:]:
        setattr(os, step, dying(getattr(os, step)))
    await keep(archive)

asyncio.run(load())
"""


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[LocalArchive]:
    async with local_archive(tmp_path) as opened:
        yield opened


class Steps(NamedTuple):
    """What the operating system is asked to do with files, in order; random parts of names become `*`."""

    folder: Path
    taken: list[str]

    def note(self, what: str, path: object) -> None:
        name = str(path).removeprefix(f"{self.folder}/")
        self.taken.append(f"{what} " + re.sub(r"\.[0-9a-f]{8}\.partial", ".*.partial", name))

    def sync(self, descriptor: int) -> None:
        self.note("sync", Path(f"/proc/self/fd/{descriptor}").readlink())

    def naming(self, step: Callable[..., Any]) -> Callable[..., None]:
        def name(source: object, final: object) -> None:
            self.note("name", final)
            step(source, final)

        return name


@pytest.fixture
def steps(archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen = Steps(tmp_path, [])
    monkeypatch.setattr(os, "fsync", seen.sync)
    monkeypatch.setattr(os, "link", seen.naming(os.link))
    monkeypatch.setattr(os, "replace", seen.naming(os.replace))
    return seen.taken


async def test_a_snapshot_appears_after_its_bytes_and_its_facts_are_on_the_disk(
    archive: LocalArchive, steps: list[str]
) -> None:
    await keep(archive)
    assert steps == [
        f"sync snapshots/.{NAME}.partial",
        f"sync snapshots/.{SIDECAR}.*.partial",
        f"name snapshots/{SIDECAR}",
        "sync snapshots",
        f"name snapshots/{NAME}.gz",
        "sync snapshots",
    ]


async def test_a_document_and_the_folder_that_it_needed_are_on_the_disk(
    archive: LocalArchive, steps: list[str]
) -> None:
    await archive.put("manifests/t/latest.json", b"{}")
    assert steps == [
        "sync manifests",
        "sync manifests/t/.latest.json.*.partial",
        "name manifests/t/latest.json",
        "sync manifests/t",
    ]


@pytest.mark.parametrize("step", range(12))
async def test_a_process_that_dies_at_any_step_leaves_a_whole_snapshot_or_none(
    tmp_path: Path, archive: LocalArchive, step: int
) -> None:
    died = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIE_AT_A_STEP, tmp_path, str(step), *STEPS
    )
    assert await died.wait() == (9 if step < 8 else 0)
    there = await archive.names()
    assert [await bytes_of(archive, name) for name in there] == [BODY] * len(there)
    assert [await archive.info(name) for name in there] == [INFO] * len(there)
    await archive.sweep()
    assert files(tmp_path) == (WHOLE if there else set())
    if not there:
        await keep(archive)


async def test_a_sweep_takes_the_upload_of_a_dead_process_and_not_of_a_live_one(
    archive: LocalArchive, tmp_path: Path
) -> None:
    live = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD_AN_UPLOAD, tmp_path, stdout=PIPE)
    assert live.stdout is not None
    assert await live.stdout.readline() == b"begun\n"
    assert await archive.sweep() == 0
    with pytest.raises(ArchiveFailed, match="Another load"):
        await keep(archive)
    live.kill()
    await live.communicate()
    assert files(tmp_path) == {f".{NAME}.partial"}
    assert await archive.sweep() == 1
    assert files(tmp_path) == set()


async def test_a_sweep_during_an_upload_of_this_process_costs_it_nothing(
    archive: LocalArchive, tmp_path: Path
) -> None:
    async with archive.upload(NAME, INFO) as upload:
        await upload.write(BODY)
        assert await archive.sweep() == 0
        await upload.complete()
    assert await archive.sweep() == 0
    assert files(tmp_path) == WHOLE


async def test_a_sweep_leaves_the_facts_of_a_snapshot_that_is_on_its_way(
    archive: LocalArchive, tmp_path: Path
) -> None:
    async with archive.upload(NAME, INFO):
        (tmp_path / "snapshots" / SIDECAR).write_bytes(b"{}")
        assert await archive.sweep() == 0
        assert (tmp_path / "snapshots" / SIDECAR).read_bytes() == b"{}"


async def test_a_sweep_takes_facts_without_their_snapshot_and_dead_documents(
    archive: LocalArchive, tmp_path: Path
) -> None:
    await archive.put(f"manifests/air_quality_data/{NAME}", b"{}")
    (tmp_path / "snapshots" / SIDECAR).write_bytes(b"{}")
    (tmp_path / "manifests" / "air_quality_data" / ".x.json.01234567.partial").write_bytes(b"{")
    (tmp_path / ".editor.partial").write_bytes(b"not ours")
    assert await archive.sweep() == 2
    assert files(tmp_path) == {NAME, ".editor.partial"}
