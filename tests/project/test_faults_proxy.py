"""The TCP proxy and its toxics: what both ends of a connection see, in a time that passes by itself."""

import asyncio
import socket
import struct
from collections.abc import Awaitable
from contextlib import suppress

import pytest

from tests.doubles.faults.clock import jumping
from tests.doubles.faults.ends import opened
from tests.doubles.faults.proxy import TcpProxy, Way
from tests.doubles.faults.toxics import Bandwidth, Latency, LimitData, ResetPeer, Slicer, SlowClose, Timeout


def reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def timed(wait: Awaitable[bytes]) -> tuple[bytes, float]:
    """Return what came, and after how many seconds of the loop's time."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    return await wait, loop.time() - begun


@jumping
async def test_latency_is_for_its_way_only() -> None:
    async with opened() as world:
        world.proxy.add(Latency(3600), Way.UP)
        client, peer = await world.connected()
        client[1].write(b"slow")
        peer[1].write(b"fast")
        assert (await timed(client[0].readexactly(4)))[1] < 60
        data, seconds = await timed(peer[0].readexactly(4))
        assert data == b"slow"
        assert seconds > 3500


@jumping
async def test_bandwidth_holds_a_connection_to_its_rate() -> None:
    async with opened() as world:
        world.proxy.add(Bandwidth(100))
        client, peer = await world.connected()
        peer[1].write(b"x" * 1000)
        _, seconds = await timed(client[0].readexactly(1000))
        assert seconds == pytest.approx(10, abs=1)


@jumping
async def test_a_slow_close_holds_back_the_end_and_not_the_data() -> None:
    async with opened() as world:
        world.proxy.add(SlowClose(50))
        client, peer = await world.connected()
        peer[1].write(b"data")
        peer[1].close()
        assert (await timed(client[0].readexactly(4)))[1] < 10
        data, seconds = await timed(client[0].read())
        assert data == b""
        assert seconds == pytest.approx(50, abs=5)


@jumping
async def test_a_timeout_swallows_data_and_end_and_then_ends_the_connection() -> None:
    async with opened() as world:
        world.proxy.add(Timeout(30))
        client, peer = await world.connected()
        peer[1].write(b"data")
        peer[1].write_eof()
        data, seconds = await timed(client[0].read())
        assert data == b""
        assert seconds == pytest.approx(30, abs=3)


@jumping
async def test_a_timeout_of_zero_holds_a_connection_until_it_is_taken_away() -> None:
    async with opened() as world:
        dose = world.proxy.add(Timeout())
        client, peer = await world.connected()
        peer[1].write(b"data")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100_000):
                await client[0].read()
        world.proxy.remove(dose)
        assert await client[0].read() == b""


@jumping
async def test_a_reset_is_seen_by_both_ends_after_its_time() -> None:
    async with opened() as world:
        world.proxy.add(ResetPeer(5))
        client, peer = await world.connected()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for reader in (client[0], peer[0]):
            with pytest.raises(ConnectionResetError):
                await reader.read()
        assert loop.time() - begun == pytest.approx(5, abs=1)


@jumping
async def test_slices_arrive_one_by_one() -> None:
    async with opened() as world:
        world.proxy.add(Slicer(3, pause=1))
        client, peer = await world.connected()
        peer[1].write(b"abcdefgh")
        assert [await client[0].read(100) for _ in range(3)] == [b"abc", b"def", b"gh"]


@jumping
async def test_a_connection_ends_after_its_limit_of_bytes() -> None:
    async with opened() as world:
        world.proxy.add(LimitData(10))
        client, peer = await world.connected()
        for _ in range(3):
            peer[1].write(b"four")
            await asyncio.sleep(1)
        assert await client[0].read() == b"fourfourfo"


@jumping
async def test_a_proxy_that_is_down_refuses_and_comes_up_at_the_same_port() -> None:
    async with opened() as world:
        client, _ = await world.connected()
        await world.proxy.down()
        assert await client[0].read() == b""
        with pytest.raises(ConnectionRefusedError):
            await world.connected()
        await world.proxy.up()
        client, peer = await world.connected()
        client[1].write(b"again")
        assert await peer[0].readexactly(5) == b"again"
        assert world.proxy.accepted == 2


@jumping
async def test_a_toxic_that_is_taken_away_lets_go_what_waits_in_it() -> None:
    async with opened() as world:
        world.proxy.add(Latency(1_000_000))
        client, peer = await world.connected()
        peer[1].write(b"data")
        reading = asyncio.ensure_future(timed(client[0].readexactly(4)))
        await asyncio.sleep(10)
        world.proxy.clear()
        data, seconds = await reading
        assert data == b"data"
        assert seconds == pytest.approx(10, abs=2)


@jumping
async def test_a_toxic_that_is_added_falls_on_connections_that_run() -> None:
    async with opened() as world:
        client, peer = await world.connected()
        world.proxy.add(ResetPeer())
        for reader in (client[0], peer[0]):
            with pytest.raises(ConnectionResetError):
                await reader.read()


@jumping
async def test_toxicity_picks_the_same_connections_for_the_same_seed() -> None:
    found = []
    for seed in (1, 1, 2):
        async with opened(seed) as world:
            world.proxy.add(LimitData(0), toxicity=0.5)
            hit = []
            for _ in range(12):
                client, peer = await world.connected()
                peer[1].write(b"data")
                hit.append(await client[0].read(4) == b"")
            found.append(hit)
    assert found[0] == found[1] != found[2]
    assert 2 <= sum(found[0]) <= 10


@jumping
async def test_a_reset_by_one_end_reaches_the_other() -> None:
    async with opened() as world:
        client, peer = await world.connected()
        reset(client[1])
        with pytest.raises(ConnectionResetError):
            await peer[0].read()


async def test_a_server_that_is_not_there_resets_its_clients() -> None:
    async with TcpProxy("127.0.0.1", 1) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
