"""A framed peer's deadlines, on a clock that is moved by hand: the real limits, and nobody waits for them."""

import asyncio
import contextlib
import socket

import pytest

from aqi_service.core.frames import encode, encode_header
from aqi_service.errors import FrameTimeout
from aqi_service.server.connection import Connection
from tests.doubles.wire_fixtures import Peer, advance, by_hand, connected, task, turns, until


async def arrives(connection: Connection, size: int) -> None:
    """Let the loop turn until so many bytes wait to be read."""
    await until(lambda: len(connection.start(size)) >= size)


@by_hand
async def test_a_peer_may_be_idle_up_to_the_deadline_and_no_longer() -> None:
    async with connected() as (connection, peer):
        waiting = task(connection.frames())
        await turns()
        advance(299)
        await turns()
        assert not waiting.done()
        advance(1.5)
        await turns()
        assert waiting.done()
        with pytest.raises(FrameTimeout, match="nothing was asked for 300 s"):
            await waiting
        assert connection.cut == "idle_timeout"
        assert await peer.rest() == b""


@by_hand
async def test_a_request_begins_the_idle_time_anew() -> None:
    async with connected() as (connection, peer):
        for _ in range(3):
            waiting = task(connection.frames())
            await turns()
            advance(290)
            await turns()
            await peer.send(encode(b"1"))
            assert await waiting == [b"1"]


@by_hand
@pytest.mark.parametrize("frame", [encode(b"1"), encode_header(1000) + b"1" * 40], ids=["header", "payload"])
async def test_a_frame_that_trickles_is_cut_ten_seconds_after_its_first_byte(frame: bytes) -> None:
    async with connected() as (connection, peer):
        waiting = task(connection.frames())
        start = len(frame) - 40
        await peer.send(frame[:start])
        await arrives(connection, start)
        await turns()
        for second in range(9):
            advance(1)
            await peer.send(frame[start + second : start + second + 1])
            await arrives(connection, start + second + 1)
            assert not waiting.done()
        advance(1.5)
        await turns()
        assert waiting.done()
        with pytest.raises(FrameTimeout, match="10 s after its first byte"):
            await waiting
        assert connection.cut == "frame_timeout"


@by_hand
async def test_each_frame_has_its_own_ten_seconds() -> None:
    async with connected() as (connection, peer):
        await peer.send(encode(b"1")[:5])
        for _ in range(5):
            waiting = task(connection.frames())
            await arrives(connection, 5)
            await turns()
            advance(8)
            await turns()
            await peer.send(encode(b"1")[5:] + encode(b"1")[:5])
            assert await waiting == [b"1"]


@by_hand
async def test_time_spent_on_an_answer_is_not_the_peers() -> None:
    async with connected() as (connection, peer):
        await peer.send(encode(b"1") + encode(b"2")[:10])
        assert await connection.frames() == [b"1"]
        advance(1000)
        await turns()
        await peer.send(encode(b"2")[10:])
        assert await connection.frames() == [b"2"]


async def fill(connection: Connection, peer: Peer) -> asyncio.Task[None]:
    """Write more than the system takes, to a peer that does not read."""
    peer.stop_reading()
    writing = task(connection.write(b"x" * 30_000_000))
    await turns()
    assert not writing.done()
    return writing


@by_hand
async def test_a_peer_that_does_not_read_is_cut_after_thirty_seconds() -> None:
    async with connected() as (connection, peer):
        writing = await fill(connection, peer)
        for _ in range(4):
            advance(7)
            await turns()
        assert not writing.done()
        for _ in range(2):
            advance(7)
            await turns()
        assert writing.done()
        with pytest.raises(FrameTimeout, match="took nothing of its replies for 30 s"):
            await writing
        assert connection.cut == "write_timeout"


async def read_some(connection: Connection, peer: Peer) -> None:
    """Take replies, past the transport that has stopped reading, until the system takes more of them."""
    raw = peer.writer.get_extra_info("socket")._sock
    unsent = connection.unsent()
    while connection.unsent() == unsent:
        assert connection.cut is None
        with contextlib.suppress(BlockingIOError):
            raw.recv(65536)
        await turns(3)


@by_hand
async def test_a_peer_that_reads_slowly_is_not_cut() -> None:
    async with connected() as (connection, peer):
        writing = await fill(connection, peer)
        for _ in range(5):
            await read_some(connection, peer)
            advance(20)
            await turns()
        assert connection.cut is None
        assert not writing.done()
        connection.abort()
        with pytest.raises(ConnectionError):
            await writing


@by_hand
async def test_thirty_seconds_count_from_the_last_progress_and_not_from_the_last_look() -> None:
    async with connected() as (connection, peer):
        writing = await fill(connection, peer)
        await read_some(connection, peer)
        for _ in range(5):
            advance(8)
            await turns()
        assert writing.done()
        with pytest.raises(FrameTimeout):
            await writing


@by_hand
async def test_it_is_cut_at_most_30_and_at_least_29_seconds_after_it_took_the_last_bytes() -> None:
    async with connected() as (connection, peer):
        writing = await fill(connection, peer)
        for waited in (0.5, 7.25, 13.75):
            advance(waited)
            await turns()
            await read_some(connection, peer)
        seconds = 0.0
        while not writing.done():
            advance(0.25)
            seconds += 0.25
            await turns()
        assert 29 <= seconds <= 30
        with pytest.raises(FrameTimeout):
            await writing


async def to_the_end(raw: socket.socket) -> None:
    """Take what there is, to the end."""
    while raw.recv(65536):
        await turns(1)


@by_hand
async def test_a_peer_that_does_not_read_is_reset_so_that_the_kernel_keeps_nothing_for_it() -> None:
    async with connected() as (connection, peer):
        writing = await fill(connection, peer)
        raw = peer.writer.get_extra_info("socket")._sock
        for _ in range(31):
            advance(1)
            await turns()
        assert writing.done()
        with pytest.raises(ConnectionResetError):
            await to_the_end(raw)
        with pytest.raises(FrameTimeout):
            await writing


@by_hand
async def test_a_peer_that_does_not_close_is_waited_for_two_seconds() -> None:
    async with connected() as (connection, peer):
        finishing = task(connection.finish())
        assert await peer.reader.read() == b""
        await turns()
        assert not finishing.done()
        advance(2.1)
        await finishing
        assert connection.cut is None
