"""A framed peer: batches of frames, the two meanings of an end, bounded memory, and closing without loss."""

import tracemalloc

import pytest

from aqi_service.core.frames import encode, encode_header
from aqi_service.errors import FrameCut, FrameError
from aqi_service.server.connection import READ_SIZE, Connection
from tests.doubles.wire_fixtures import connected, on_each_loop, task, turns

FLOOD = encode(b"18456691289") * 1000


async def all_frames(connection: Connection) -> list[bytes]:
    received = []
    while batch := await connection.frames():
        received += batch
    return received


@on_each_loop
async def test_the_frames_of_one_read_come_together() -> None:
    async with connected() as (connection, peer):
        await peer.send(encode(b"one") + encode(b"") + encode(b"three"))
        assert await connection.frames() == [b"one", b"", b"three"]


@on_each_loop
async def test_the_end_between_two_frames_is_an_empty_batch() -> None:
    async with connected() as (connection, peer):
        await peer.send(encode(b"one"))
        peer.writer.write_eof()
        assert await all_frames(connection) == [b"one"]
        assert await connection.frames() == []


@on_each_loop
@pytest.mark.parametrize("size", [1, 63, 64, 65, 66])
async def test_the_end_inside_a_frame_is_an_error_after_the_frames_before_it(size: int) -> None:
    async with connected() as (connection, peer):
        await peer.send(encode(b"one") + encode(b"two")[:size])
        peer.writer.write_eof()
        assert await connection.frames() == [b"one"]
        with pytest.raises(FrameCut, match=f"{size} bytes"):
            await connection.frames()


@on_each_loop
async def test_frames_before_a_malformed_header_are_given_first() -> None:
    async with connected() as (connection, peer):
        await peer.send(encode(b"one") + b"+5".ljust(64))
        assert await connection.frames() == [b"one"]
        with pytest.raises(FrameError, match="header"):
            await connection.frames()


@on_each_loop
async def test_a_length_over_the_limit_is_refused_without_its_payload() -> None:
    async with connected() as (connection, peer):
        await peer.send(encode_header(2000))
        with pytest.raises(FrameError, match="2000"):
            await connection.frames()


@on_each_loop
async def test_a_reset_is_a_connection_error() -> None:
    async with connected() as (connection, peer):
        waiting = task(connection.frames())
        await turns()
        peer.reset()
        with pytest.raises(ConnectionError):
            await waiting
        with pytest.raises(ConnectionError):
            await connection.write(b"too late")


@on_each_loop
async def test_memory_is_bounded_while_a_peer_sends_and_is_not_read() -> None:
    async with connected() as (connection, peer):
        tracemalloc.start()
        try:
            flood = task(peer.send(FLOOD * 40))
            await turns(500)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        flood.cancel()
        assert len(connection.start(10**9)) <= 2 * READ_SIZE + READ_SIZE
        assert peak < 40 * len(FLOOD) + 300_000  # the peer's own copy, and little besides


@on_each_loop
async def test_a_write_waits_until_the_system_has_taken_every_byte() -> None:
    async with connected() as (connection, peer):
        peer.stop_reading()
        writing = task(connection.write(b"x" * 1000))
        await turns(3)
        while writing.done():
            assert connection.unsent() == 0
            writing = task(connection.write(b"x" * 1000))
            await turns(3)
        connection.abort()
        with pytest.raises(ConnectionError):
            await writing


@on_each_loop
async def test_all_frames_of_a_flood_come_in_order_though_reading_pauses() -> None:
    async with connected() as (connection, peer):
        payloads = [str(number).encode() for number in range(3000)]
        sending = task(peer.send(b"".join(map(encode, payloads))))
        received: list[bytes] = []
        while len(received) < len(payloads):
            received += await connection.frames()
            await turns(3)
        await sending
        assert received == payloads


@on_each_loop
async def test_the_last_reply_arrives_although_received_bytes_are_unread() -> None:
    async with connected() as (connection, peer):
        sending = task(peer.send(FLOOD * 20))
        await connection.frames()
        await connection.write(b"the last word")
        finishing = task(connection.finish())
        assert await peer.reader.read(100) == b"the last word"
        assert await peer.reader.read(100) == b""
        await sending
        peer.writer.close()
        await finishing


@on_each_loop
async def test_the_last_call_closes_a_peer_that_is_owed_nothing() -> None:
    async with connected() as (connection, peer):
        waiting = task(connection.frames())
        await turns()
        connection.last_call()
        assert await waiting == []
        assert await peer.rest() == b""


@on_each_loop
async def test_after_the_last_call_what_arrived_is_given_and_no_more_is_read() -> None:
    async with connected() as (connection, peer):
        await peer.send(encode(b"1") + encode(b"2"))
        assert await connection.frames() == [b"1", b"2"]
        connection.last_call()
        await peer.send(encode(b"3"))
        await turns()
        await connection.write(b"both")
        assert await connection.frames() == []
        finishing = task(connection.finish())
        assert await peer.rest() == b"both"
        peer.writer.close()
        await finishing


@on_each_loop
async def test_a_connection_knows_its_peer() -> None:
    async with connected() as (connection, peer):
        host, port = peer.writer.get_extra_info("sockname")
        assert (connection.address, connection.peer) == (host, f"{host}:{port}")
