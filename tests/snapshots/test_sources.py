"""Where snapshots are read from: files, pipes and URLs, decoded, and whole or an error."""

import asyncio
import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from aqi_service.errors import CutShort, FetchFailed, SnapshotRejected
from aqi_service.snapshots.read_ahead import PIECE
from aqi_service.snapshots.sources import (
    FetchOptions,
    OpenSnapshot,
    archived_source,
    identity_of,
    live_feed,
    source_of,
)
from aqi_service.storage.ports import SnapshotInfo
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import AGENT, written
from tests.doubles.storage_doubles import MemoryArchive
from tests.doubles.wire_fixtures import task, turns

BODY = b'[{"id": 1}]' * 20_000
PACKED = gzip.compress(BODY, mtime=0)
ASKING = FetchOptions(AGENT, 1 << 30)
LAST_MODIFIED = "Wed, 20 Dec 2023 17:00:00 GMT"


async def taken(source: object, *, max_bytes: int = 1 << 30) -> tuple[OpenSnapshot, bytes]:
    """Read a source to its end."""
    async with source_of(str(source)).open(FetchOptions(AGENT, max_bytes)) as incoming:
        return incoming, b"".join([chunk async for chunk in incoming.chunks])


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[bytes]]:
    """A pipe in the place of stdin: its writing end."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "wb", buffering=0) as file:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield file


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "source"]


@pytest.mark.parametrize("body", [BODY, b"", b"[" + b" " * 5 * PIECE + b"]"])
async def test_a_file_gives_its_bytes_and_its_path_as_label(tmp_path: Path, body: bytes) -> None:
    path = written(tmp_path, body)
    incoming, found = await taken(path)
    assert found == body
    assert source_of(str(path)).label == str(path)
    assert (incoming.etag, incoming.not_modified) == ("", False)


@pytest.mark.parametrize("name", ["a.json.gz", "a.json", "a"])
async def test_a_packed_file_is_known_by_its_first_bytes_whatever_it_is_called(
    tmp_path: Path, name: str
) -> None:
    assert (await taken(written(tmp_path, PACKED, name)))[1] == BODY


@pytest.mark.parametrize("body", [PACKED[:-1], PACKED[:100]])
async def test_a_packed_file_that_is_cut_is_cut_short(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(CutShort):
        await taken(written(tmp_path, body))


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("data_10_08_17_11_23.json", ("data_10_08_17_11_23.json", 1_502_364_180)),
        ("data_10_08_17_11_23.json.gz", ("data_10_08_17_11_23.json", 1_502_364_180)),
        ("data_10_08_17_11_23-2.json.gz", ("data_10_08_17_11_23-2.json", 1_502_364_180)),
        ("data_10_08_17_11_23 (1).json", ("data_10_08_17_11_23.json", 1_502_364_180)),
        ("data_32_08_17_11_23.json", None),
        ("data_10_08_17_11_23.txt", None),
        ("feed.json", None),
    ],
)
def test_a_source_that_is_named_like_a_snapshot_is_recognised_but_the_live_feed_is_not(
    name: str, named: tuple[str, int] | None
) -> None:
    assert source_of(f"/old/{name}").named == named
    assert source_of(f"https://example.org/old/{name}?x=1").named == named
    assert live_feed(f"https://example.org/{name}").named is None


def test_what_sends_cannot_wait_and_only_stdin_cannot_be_read_twice() -> None:
    sources = [source_of("a.json"), source_of("http://h.org/a"), live_feed("http://h.org/a"), source_of("-")]
    assert [source.can_wait for source in sources] == [True, False, False, False]
    assert [source.can_reread for source in sources] == [True, True, True, False]


async def test_a_snapshot_of_the_archive_is_read_there_and_unpacked_if_it_is_packed() -> None:
    archive = MemoryArchive()
    archive.snapshots |= {"data_10_08_17_11_23.json": BODY, "data_10_08_17_11_24.json": PACKED}
    for name in archive.snapshots:
        source = archived_source(archive, name, 1_502_364_180)
        async with source.open(ASKING) as incoming:
            assert b"".join([chunk async for chunk in incoming.chunks]) == BODY
        assert (source.named, source.archived, source.to_archive) == ((name, 1_502_364_180), True, False)


@pytest.mark.parametrize(
    ("name", "why"), [("missing.json", "No such file or directory"), (".", "Is a directory")]
)
async def test_a_path_that_cannot_be_opened_fails_with_its_name(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(FetchFailed, match=f"{tmp_path / name} cannot be read: {why}"):
        await taken(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read")
async def test_a_file_that_breaks_while_it_is_read_fails() -> None:
    with pytest.raises(FetchFailed, match="/proc/self/mem cannot be read: Input/output error"):
        await taken("/proc/self/mem")


async def test_a_file_over_the_size_limit_fails(tmp_path: Path) -> None:
    path = written(tmp_path, PACKED)
    assert (await taken(path, max_bytes=len(BODY)))[1] == BODY
    with pytest.raises(SnapshotRejected, match="--max-bytes"):
        await taken(path, max_bytes=len(BODY) - 1)


async def test_a_file_that_is_left_before_its_end_is_let_go(tmp_path: Path) -> None:
    async with source_of(str(written(tmp_path, BODY * 10))).open(ASKING) as incoming:
        assert await anext(incoming.chunks)
        (thread,) = reading_threads()
    thread.join(10)
    assert not thread.is_alive()


async def test_stdin_gives_its_bytes_as_they_come(pipe: IO[bytes]) -> None:
    async with source_of("-").open(ASKING) as incoming:
        for piece in (b"[{", b"}]"):
            pipe.write(piece)
            assert await anext(incoming.chunks) == piece
        pipe.close()
        assert [chunk async for chunk in incoming.chunks] == []
    assert (source_of("-").label, source_of("-").named) == ("stdin", None)


@pytest.mark.parametrize("body", [BODY, PACKED, b""])
async def test_stdin_may_be_large_and_packed(pipe: IO[bytes], body: bytes) -> None:
    def send() -> None:
        with pipe:
            pipe.write(body)

    sender = threading.Thread(target=send)
    sender.start()
    assert (await taken("-"))[1] == (BODY if body else b"")
    sender.join()


async def test_stdin_stays_open_for_others(pipe: IO[bytes]) -> None:
    pipe.close()
    assert (await taken("-"))[1] == b""
    assert os.fstat(sys.stdin.fileno())


async def test_a_stdin_that_is_closed_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(FetchFailed, match="stdin cannot be read: Bad file descriptor"):
        await taken("-")


def test_reading_a_pipe_that_stalls_can_be_cancelled_at_once_and_what_comes_later_disturbs_nobody(
    pipe: IO[bytes],
) -> None:
    async def read() -> None:
        async with source_of("-").open(ASKING) as incoming:
            await anext(incoming.chunks)
            this = asyncio.current_task()
            assert this is not None
            asyncio.get_running_loop().call_soon(this.cancel)
            await anext(incoming.chunks)

    pipe.write(b"[")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(read())
    stalled = reading_threads()  # none, where the thread saw in time that nobody listens any more
    pipe.write(b"]")
    for thread in stalled:
        thread.join(10)
    assert not any(thread.is_alive() for thread in stalled)


async def test_a_named_pipe_that_nobody_writes_to_holds_up_nothing(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = task(taken(fifo))
    await turns()
    assert not reading.done()
    with fifo.open("wb") as file:
        file.write(PACKED)
    assert (await reading)[1] == BODY


PROGRAM = """
import asyncio
from aqi_service.snapshots.sources import FetchOptions, source_of

async def read():
    asyncio.get_running_loop().slow_callback_duration = 3600  # a busy machine is no complaint
    async with source_of("-").open(FetchOptions("agent", 1 << 30)) as incoming:
        async for _ in incoming.chunks:
            asyncio.current_task().cancel()

try:
    asyncio.run(read())
except asyncio.CancelledError:
    print("ended")
"""


def test_a_process_whose_stdin_stalls_ends_in_order_and_quietly() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading) as stdin:
        pipe.write(b"[" + b" " * 1000)
        ended = subprocess.run(
            [sys.executable, "-X", "dev", "-c", PROGRAM],
            stdin=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended\n", "")


async def test_a_url_gives_its_validators_and_its_public_form_as_label() -> None:
    async with feed_server((answer(PACKED, ETag='"v1"', Last_Modified=LAST_MODIFIED),)) as feed:
        incoming, body = await taken(feed.url("/a?token=hunter2", user="me:hunter2"))
    assert body == BODY
    assert (incoming.etag, incoming.last_modified, incoming.not_modified) == ('"v1"', LAST_MODIFIED, False)


@pytest.mark.parametrize(
    ("etag", "last_modified", "sent"),
    [
        ('"v1"', LAST_MODIFIED, {"if-none-match": '"v1"', "if-modified-since": LAST_MODIFIED}),
        ("", LAST_MODIFIED, {"if-modified-since": LAST_MODIFIED}),
        ('W/"v1"', "", {"if-none-match": 'W/"v1"'}),
        ("", "", {}),
    ],
)
async def test_what_is_known_of_the_same_source_makes_the_request_conditional(
    etag: str, last_modified: str, sent: dict[str, str]
) -> None:
    async with feed_server((answer(b"[]"),)) as feed:
        known = SnapshotInfo(feed.url(), "load-1", etag, last_modified, identity_of(feed.url()))
        async with source_of(feed.url()).open(FetchOptions(AGENT, 100, known)) as incoming:
            assert not incoming.not_modified
    headers = feed.requests[0].headers
    assert {name: value for name, value in headers.items() if name.startswith("if-")} == sent


@pytest.mark.parametrize("other", ["/data.24h.json?area=1", "/data.24h.json?key=b", "/other.json", None])
async def test_what_is_known_of_another_source_does_not_though_it_has_the_same_label(
    other: str | None,
) -> None:
    async with feed_server((answer(b"[]"),)) as feed:
        source = live_feed(feed.url("/data.24h.json?key=a"))
        kept = "" if other is None else identity_of(feed.url(other))  # none is kept of earlier versions'
        known = SnapshotInfo(source.label, "load-1", '"v1"', LAST_MODIFIED, kept)
        async with source.open(FetchOptions(AGENT, 100, known)):
            assert not [name for name in feed.requests[0].headers if name.startswith("if-")]


async def test_a_source_that_has_nothing_newer_says_so() -> None:
    async with feed_server((answer(status="304 Not Modified"),)) as feed:
        known = SnapshotInfo(feed.url(), "load-1", '"v1"', source_id=identity_of(feed.url()))
        async with source_of(feed.url()).open(FetchOptions(AGENT, 100, known)) as incoming:
            assert incoming.not_modified


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("-", "stdin"),
        ("a/b.json", "a/b.json"),
        ("https://me:pw@h.org/a.json?k=v", "https://h.org/a.json"),
        ("HTTPS://me:pw@h.org/a.json?k=v", "https://h.org/a.json"),
    ],
)
def test_the_label_of_a_source_has_no_secrets(source: str, label: str) -> None:
    assert source_of(source).label == label
