"""The lease on one machine: what becomes of its file, and files that cannot be locked."""

import asyncio
import errno
import fcntl
import threading
from collections.abc import AsyncIterator
from io import BufferedRandom, FileIO
from pathlib import Path

import pytest

from aqi_service.errors import ConfigError, LeaseLost, Unavailable
from aqi_service.storage.local.lease import FILE, LocalLease
from tests.doubles.local_helpers import failing, files


@pytest.fixture
async def lease(tmp_path: Path) -> AsyncIterator[LocalLease]:
    made = LocalLease(tmp_path, "first")
    yield made
    await made.close()


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[LocalLease]:
    made = LocalLease(tmp_path, "second")
    yield made
    await made.close()


class Refusing(BufferedRandom):
    """A file of which a test says what it refuses."""


async def test_nothing_is_made_before_it_is_taken(tmp_path: Path) -> None:
    lease = LocalLease(tmp_path / "new", "a")
    await lease.release()
    await lease.close()
    assert files(tmp_path) == set()
    assert not (tmp_path / "new").is_dir()


async def test_the_folder_is_made_with_the_file(tmp_path: Path) -> None:
    lease = LocalLease(tmp_path / "new" / "folder", "a")
    assert await lease.take() is None
    assert (tmp_path / "new" / "folder" / FILE).read_text() == "a\n"
    await lease.close()


async def test_the_file_names_the_newest_holder_alone(lease: LocalLease, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("a name that is much longer than the one that comes\n" * 20)
    await lease.take()
    assert (tmp_path / FILE).read_text() == "first\n"
    await lease.release()
    assert (tmp_path / FILE).read_text() == ""


@pytest.mark.parametrize("loss", ["removed", "replaced"])
async def test_a_holder_whose_file_is_gone_learns_it_at_its_renewal(
    lease: LocalLease, other: LocalLease, tmp_path: Path, loss: str
) -> None:
    await lease.take()
    (tmp_path / FILE).unlink()
    if loss == "replaced":
        assert await other.take() is None
    with pytest.raises(LeaseLost, match="removed or replaced"):
        await lease.renew()
    with pytest.raises(LeaseLost):
        lease.check()


async def test_one_that_lost_its_file_can_take_the_lease_again(lease: LocalLease, tmp_path: Path) -> None:
    await lease.take()
    (tmp_path / FILE).unlink()
    with pytest.raises(LeaseLost):
        await lease.renew()
    assert await lease.take() is None
    await lease.renew()


async def test_a_file_that_is_replaced_while_it_is_being_locked_does_not_count(
    lease: LocalLease, other: LocalLease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def replaced(file: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        lock(file, operation)
        (tmp_path / FILE).unlink()

    monkeypatch.setattr(fcntl, "flock", replaced)
    assert await lease.take() is None
    await lease.renew()
    assert await other.take() == "first"


async def test_closing_gives_it_back_and_may_be_done_twice(lease: LocalLease, other: LocalLease) -> None:
    await lease.take()
    await lease.close()
    await lease.close()
    assert await other.take() is None
    with pytest.raises(LeaseLost):
        lease.check()
    with pytest.raises(Unavailable, match="The lease is closed"):
        await lease.take()


async def test_a_second_taking_waits_for_the_first(
    lease: LocalLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, lock = threading.Event(), fcntl.flock

    def held_up(file: int, operation: int) -> None:
        gate.wait()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", held_up)
    tasks = [asyncio.create_task(lease.take()) for _ in range(2)]
    for _ in range(1000):
        await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*tasks) == [None, None]


async def test_a_disk_that_keeps_the_name_keeps_no_lease(
    other: LocalLease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, real = LocalLease(tmp_path, "Jürgen"), Path.open
    monkeypatch.setattr(Path, "open", lambda path, _: Refusing(FileIO(path, "a+")))
    assert await lease.take() is None
    monkeypatch.setattr(Path, "open", real)
    monkeypatch.setattr(Refusing, "truncate", failing(errno.EIO))
    await lease.close()
    assert (tmp_path / FILE).read_text() == "J?rgen\n"
    assert await other.take() is None


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOLCK, ConfigError), (errno.EIO, Unavailable), (errno.EPERM, ConfigError)]
)
async def test_a_file_that_cannot_be_locked_is_an_error_and_no_lease(
    lease: LocalLease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(code))
    with pytest.raises(kind, match=FILE):
        await lease.take()
    with pytest.raises(LeaseLost):
        lease.check()


async def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lease = LocalLease(tmp_path / "file", "a")
    with pytest.raises(ConfigError, match="a file is in the place of a folder"):
        await lease.take()
    await lease.close()


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"x" * 100_000])
async def test_whatever_a_holder_wrote_is_a_short_text(
    lease: LocalLease, tmp_path: Path, body: bytes
) -> None:
    (tmp_path / FILE).write_bytes(body)
    with (tmp_path / FILE).open("rb") as foreign:
        fcntl.flock(foreign, fcntl.LOCK_EX)
        assert len(str(await lease.take())) <= 400
    assert await lease.take() is None


async def test_a_cancelled_taking_is_given_back(lease: LocalLease, other: LocalLease) -> None:
    task = asyncio.create_task(lease.take())
    await asyncio.sleep(0)
    was_cancelled = task.cancel()  # not when the thread was so quick that the taking is over
    await asyncio.wait([task])
    assert task.cancelled() is was_cancelled
    await lease.release()
    assert await other.take() is None
