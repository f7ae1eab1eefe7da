"""The archive of files when disks fill up, tasks are cancelled and folders cannot be used."""

import asyncio
import errno
import itertools
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aqi_service.errors import AqiError, ArchiveFailed, ConfigError, MissingResource, Unavailable
from aqi_service.storage.local.archive import BEHIND_LIMIT, LocalArchive
from aqi_service.storage.local.snapshot_files import PIECE, SnapshotFile
from tests.doubles.local_helpers import (
    INCOMPRESSIBLE,
    INFO,
    STEPS,
    WHOLE,
    bytes_of,
    cancel_from_thread,
    failing,
    files,
    files_up_to,
    keep,
)
from tests.doubles.patience import patience
from tests.doubles.snapshot_name import NAME
from tests.doubles.stores import local_archive

MANIFEST = f"manifests/air_quality_data/{NAME}"


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[LocalArchive]:
    async with local_archive(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def closed_after(archive: LocalArchive) -> AsyncIterator[LocalArchive]:
    try:
        yield archive
    finally:
        await archive.close()


async def test_a_disk_that_fills_up_fails_the_snapshot_and_leaves_nothing(
    archive: LocalArchive, tmp_path: Path
) -> None:
    with files_up_to(500_000), pytest.raises(ArchiveFailed, match="the file would pass"):
        await keep(archive, INCOMPRESSIBLE)
    assert files(tmp_path) == set()
    await keep(archive, INCOMPRESSIBLE)
    assert await bytes_of(archive) == INCOMPRESSIBLE


@pytest.mark.parametrize("step", ["fsync", "link", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
async def test_a_disk_that_refuses_a_step_fails_the_snapshot_and_leaves_nothing(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    monkeypatch.setattr(os, step, failing(code))
    with pytest.raises(ArchiveFailed, match=r"cannot be kept in .*: the "):
        await keep(archive)
    assert files(tmp_path) == set()


async def test_a_folder_that_is_not_synced_after_the_naming_takes_the_snapshot_back(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aqi_service.storage.local.snapshot_files.sync_folder", failing(errno.EIO))
    with pytest.raises(ArchiveFailed, match="the disk answers with an error"):
        await keep(archive)
    assert files(tmp_path) == set()


async def test_a_disk_that_fills_up_keeps_the_older_document(archive: LocalArchive, tmp_path: Path) -> None:
    await archive.put(MANIFEST, b"older")
    with files_up_to(500_000), pytest.raises(Unavailable, match="cannot be written"):
        await archive.put(MANIFEST, INCOMPRESSIBLE)
    assert await archive.get(MANIFEST) == b"older"
    assert files(tmp_path) == {NAME}


async def test_no_upload_begins_with_less_than_a_gigabyte_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(tmp_path)._replace(free=10**9 - 1)
    enough = free._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", {tmp_path / "snapshots": free}.__getitem__)
    async with closed_after(LocalArchive(tmp_path)) as archive:
        with pytest.raises(ArchiveFailed, match=r"under 1 GB free, .*: free some space"):
            await keep(archive)
        assert files(tmp_path) == set()
        monkeypatch.setattr(shutil, "disk_usage", lambda _: enough)
        await keep(archive)
        assert files(tmp_path) == WHOLE
    async with closed_after(LocalArchive(tmp_path, min_free=2 * 10**9)) as archive:
        with pytest.raises(ArchiveFailed, match="under 2 GB free"):
            await keep(archive, name="data_20_12_23_19_55.json")


async def test_the_room_on_the_disk_is_told_and_of_a_folder_that_is_not_there_none(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with closed_after(LocalArchive(tmp_path / "absent", read_only=True)) as absent:
        assert await absent.free_bytes() is None
    free = shutil.disk_usage(tmp_path)._replace(free=7)
    monkeypatch.setattr(shutil, "disk_usage", {tmp_path: free}.__getitem__)
    assert await archive.free_bytes() == 7


async def test_a_folder_that_is_moved_away_while_running_is_made_again(
    archive: LocalArchive, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path)
    assert await archive.names() == ()
    await keep(archive)
    await archive.put(MANIFEST, b"{}")
    assert files(tmp_path) == {*WHOLE, NAME}


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
async def test_a_file_system_without_links_keeps_snapshots_all_the_same(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "link", failing(code))
    await keep(archive)
    assert files(tmp_path) == WHOLE
    with pytest.raises(ArchiveFailed, match="already"):
        await keep(archive)


async def test_a_snapshot_that_was_put_there_meanwhile_is_not_overwritten(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, link = tmp_path / "snapshots" / f"{NAME}.gz", os.link

    def late(source: Path, final: Path) -> None:
        path.write_bytes(b"theirs")
        link(source, final)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(ArchiveFailed, match="already"):
        await keep(archive)
    assert path.read_bytes() == b"theirs"
    assert files(tmp_path) == {f"{NAME}.gz"}


@pytest.mark.parametrize("step", range(8))
async def test_an_upload_cancelled_at_any_step_leaves_a_whole_snapshot_or_none(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    loop, left = asyncio.get_running_loop(), itertools.count(-step)
    task = asyncio.create_task(keep(archive))

    def cancelling(do: Callable[..., Any]) -> Callable[..., Any]:
        def cancel(*args: object) -> object:
            if not next(left):
                cancel_from_thread(loop, task)
            return do(*args)

        return cancel

    for name in STEPS:
        monkeypatch.setattr(os, name, cancelling(getattr(os, name)))
    await asyncio.wait([task])
    assert task.cancelled()
    assert files(tmp_path) == (WHOLE if await archive.names() else set())


async def test_a_writer_waits_while_the_disk_is_behind(
    archive: LocalArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, write = threading.Event(), SnapshotFile.write

    def held_up(draft: SnapshotFile, piece: bytes) -> None:
        gate.wait()
        write(draft, piece)

    monkeypatch.setattr(SnapshotFile, "write", held_up)
    async with archive.upload(NAME, INFO) as upload:
        await upload.write(b"[" * BEHIND_LIMIT)
        second = asyncio.create_task(upload.write(b"]"))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not second.done()
        gate.set()
        await second
        await upload.complete()
    assert await bytes_of(archive, offset=BEHIND_LIMIT - 1) == b"[]"


async def test_a_writer_waits_for_what_is_past_the_limit_and_for_no_more(
    archive: LocalArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, write = threading.Semaphore(0), SnapshotFile.write

    def held_up(draft: SnapshotFile, piece: bytes) -> None:
        allowed.acquire()
        write(draft, piece)

    monkeypatch.setattr(SnapshotFile, "write", held_up)
    async with archive.upload(NAME, INFO) as upload:
        sizes = (BEHIND_LIMIT - PIECE, PIECE, PIECE + 1)
        writes = [asyncio.create_task(upload.write(b"x" * size)) for size in sizes]
        for _ in range(100):
            await asyncio.sleep(0)
        with ExitStack() as undo:
            undo.callback(allowed.release, 9)
            assert [write.done() for write in writes] == [True, True, False]
            allowed.release()
            async with patience():
                await writes[2]
        await upload.complete()
    assert len(await bytes_of(archive)) == sum(sizes)


async def test_a_piece_that_the_disk_refused_fails_the_snapshot_though_later_ones_are_taken(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = SnapshotFile.write, itertools.count(-1)

    def refused_once(draft: SnapshotFile, piece: bytes) -> None:
        if not next(left):
            raise ArchiveFailed("refused")
        write(draft, piece)

    monkeypatch.setattr(SnapshotFile, "write", refused_once)
    with pytest.raises(ArchiveFailed, match="refused"):
        await keep(archive)
    assert files(tmp_path) == set()


class Place(NamedTuple):
    """A folder that cannot be used, and the error that says so."""

    step: str
    code: int
    error: type[AqiError]
    says: str


@pytest.mark.parametrize(
    "place",
    [
        Place("mkdir", errno.EACCES, ConfigError, "permission is denied; give this user"),
        Place("mkdir", errno.EROFS, ConfigError, "mounted read-only; mount it for writing, or name"),
        Place("mkdir", errno.ENOSPC, Unavailable, "the disk is full; free some space"),
        Place("link", errno.EPERM, ConfigError, "a file is in the place of a folder; move it away"),
    ],
)
@pytest.mark.parametrize("inside", ["", "deeper/down"])
async def test_a_folder_that_cannot_be_used_is_named_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place, inside: str
) -> None:
    folder = tmp_path / "local"
    if place.step == "link":
        folder.write_bytes(b"")
    else:
        monkeypatch.setattr(os, place.step, failing(place.code))
    async with closed_after(LocalArchive(folder / inside)) as archive:
        with pytest.raises(place.error, match=place.says) as raised:
            await archive.check()
    assert str(folder / inside) in str(raised.value)


async def test_a_folder_that_cannot_be_listed_is_named(
    archive: LocalArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "scandir", failing(errno.EACCES))
    with pytest.raises(ConfigError, match="snapshots cannot be read: permission is denied"):
        await archive.names()


async def test_a_reader_of_a_folder_that_is_not_there_creates_nothing(tmp_path: Path) -> None:
    async with closed_after(LocalArchive(tmp_path / "none", read_only=True)) as archive:
        with pytest.raises(MissingResource, match="start a loader"):
            await archive.check()
        assert await archive.names() == ()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "key",
    ["../x", "manifests/../../x", "manifests/..", "/etc/x", "manifests//x", "manifests/", "manifests", "x",
     "", "snapshots/x", "air_quality.db", "manifests/.x", "manifests/a\x00b", "manifests/x\n", "rejects/\\x"],
)  # fmt: skip
async def test_a_key_that_leads_elsewhere_is_refused(archive: LocalArchive, tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="file's name under"):
        await archive.put(key, b"{}")
    with pytest.raises(ConfigError, match="file's name under"):
        await archive.get(key)
    assert files(tmp_path) == set()


async def test_closing_ends_every_thread_and_what_comes_later_is_told(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    async with local_archive(tmp_path) as archive:
        await keep(archive)
        await asyncio.gather(*(bytes_of(archive) for _ in range(8)))
    assert set(threading.enumerate()) == before
    with pytest.raises(Unavailable, match="The archive is closed"):
        await archive.names()
