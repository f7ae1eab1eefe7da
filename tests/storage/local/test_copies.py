"""A copy of the table that nobody may write, and file systems that know neither lock nor fsync."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aqi_service.errors import ConfigError
from aqi_service.storage.local.archive import LocalArchive
from aqi_service.storage.local.lease import LocalLease
from aqi_service.storage.local.store import LocalStore
from tests.doubles.local_helpers import failing, opened
from tests.doubles.permissions import bound_by_permissions
from tests.doubles.program import CAPTURE, RECORD, ran, running
from tests.doubles.storage_items import FULL

DB = "air_quality.db"
UNKNOWN = [errno.EINVAL, errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS]


async def made(folder: Path) -> Path:
    """Load the capture; give the database, which nobody has open."""
    done = await ran("--load-only", "--local", "d", "--from", str(CAPTURE), cwd=folder)
    assert done.code == 0, done.err
    return folder / "d" / DB


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Let nobody write a folder and what is in it; pytest has to remove it later."""
    paths = [*folder.rglob("*"), folder]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path in reversed(paths):
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.parametrize("beside", [(), ("-shm",)])
async def test_a_copy_that_nobody_may_write_is_served(tmp_path: Path, beside: tuple[str, ...]) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(await made(tmp_path), copy)
    for ending in beside:
        (copy / f"{DB}{ending}").write_bytes(b"")
    options = ("--serve-only", "--local", "copy", "--port", "0", "--no-http")
    with closed(copy):
        async with running(*options, cwd=tmp_path, preexec=bound_by_permissions) as program:
            [reply] = await program.ask(RECORD.encode())
            program.tell()
            assert await program.ended() == 0
    assert reply.startswith(b"id,")
    assert sorted(path.name for path in copy.iterdir()) == sorted([DB, *(f"{DB}{each}" for each in beside)])


async def test_a_whole_folder_that_nobody_may_write_is_served_from_memory_too(tmp_path: Path) -> None:
    await made(tmp_path)
    options = ("--serve-only", "--local", "d", "--port", "0", "--no-http")
    with closed(tmp_path / "d"):
        async with running(*options, cwd=tmp_path, preexec=bound_by_permissions) as program:
            await program.line("memory_replaced")
            assert (await program.ask(RECORD.encode()))[0].startswith(b"id,")


async def test_a_copy_whose_last_changes_are_in_a_log_that_cannot_be_read_says_what_is_missing(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    async with opened(tmp_path / "d") as store:
        await store.put([FULL], conditional=False)
        for ending in ("", "-wal"):
            shutil.copy(tmp_path / "d" / f"{DB}{ending}", copy)
    with closed(copy):
        done = await ran("--serve-only", "--local", "copy", cwd=tmp_path, preexec=bound_by_permissions)
    assert (done.code, done.out) == (2, "")
    assert f"{DB}-shm" in done.last
    assert "copy that file as well" in done.last


READER = """
import sys
from pathlib import Path
from aqi_service.errors import AqiError
from aqi_service.storage.local.sqlite import SqliteConnection
link = SqliteConnection(Path("d/air_quality.db").absolute(), read_only=True, busy_seconds=0)
for _ in range(3):
    try:
        with link.use() as connection:
            print("read", connection.execute("SELECT count(*) FROM items").fetchone()[0], flush=True)
            sys.stdin.readline()
    except AqiError as error:
        print(type(error).__name__, error, flush=True)
link.close()
"""


async def test_a_copy_that_is_written_after_all_is_no_copy_any_more(tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(READER)
    async with opened(tmp_path / "d") as store:
        await store.put([FULL], conditional=False)
    with closed(tmp_path / "d"):
        async with running(cwd=tmp_path, module="reader", preexec=bound_by_permissions) as reader:
            assert reader.process.stdin is not None
            await reader.line("^read 1$")
            for path in (tmp_path / "d", tmp_path / "d" / DB):
                path.chmod(0o755)
            async with opened(tmp_path / "d") as store:
                await store.put([FULL._replace(id="77")], conditional=False)
                reader.process.stdin.write(b"\n")
                await reader.line("^Unavailable .* was changed while it was read")
                await reader.line("^read 2$")
                reader.process.stdin.write(b"\n\n")
                await reader.line("^read 2$", 2)


@pytest.mark.parametrize("code", UNKNOWN)
@pytest.mark.parametrize("call", [(fcntl, "flock", "lock files"), (os, "fsync", "survive a power cut")])
async def test_a_file_system_that_lacks_a_call_is_named_before_the_first_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, call: tuple[Any, str, str]
) -> None:
    module, name, what = call
    (tmp_path / "snapshots").mkdir()
    monkeypatch.setattr(module, name, failing(code))
    archive, store, lease = LocalArchive(tmp_path), LocalStore(tmp_path), LocalLease(tmp_path, "me")
    try:
        with pytest.raises(
            ConfigError, match=rf"{tmp_path}.* cannot .*{what} .*: name a folder on a local disk"
        ):
            await archive.check()
        if name == "flock":
            for wanted in (store.check(), lease.take()):
                with pytest.raises(ConfigError, match="cannot lock files"):
                    await wanted
    finally:
        for each in (archive, store, lease):
            await each.close()


async def test_folders_alone_that_cannot_be_synced_are_named_before_the_first_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def refuse(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    for name in ("snapshots", "manifests", "rejects"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(os, "fsync", refuse)
    archive = LocalArchive(tmp_path)
    with pytest.raises(ConfigError, match="make names survive a power cut"):
        await archive.check()
    await archive.close()


async def test_a_reader_needs_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as store:
        await store.put([FULL], conditional=False)
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    async with opened(tmp_path, read_only=True) as replica:
        await replica.check()
        assert await replica.get(FULL.id) == FULL
