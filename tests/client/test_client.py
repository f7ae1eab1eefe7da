"""The client library, over real sockets and on both event loops."""

import asyncio
import socket

import pytest

import aqi_service.client
from aqi_service.client import Client
from aqi_service.core.frames import DISCONNECT, encode
from aqi_service.errors import BadId, Refused, ServerGone
from tests.doubles.wire_fixtures import (
    BROKEN,
    CSV,
    FOUND,
    Peer,
    on_each_loop,
    saying,
    scripted,
    serving,
    silent,
    table,
    until,
)

RECORD = dict(zip(*(row.split(",") for row in CSV.decode().splitlines()), strict=True))


@on_each_loop
async def test_a_record_is_its_cells_by_column_name() -> None:
    async with serving(table) as served, Client("127.0.0.1", served.port) as client:
        assert await client.lookup(FOUND) == RECORD
        assert await client.lookup("3") is None


@on_each_loop
async def test_the_raw_reply_is_the_servers_own_csv() -> None:
    async with serving(table) as served, Client("127.0.0.1", served.port) as client:
        assert await client.lookup_csv(FOUND) == CSV
        assert await client.lookup_csv("3") is None


@on_each_loop
async def test_many_lookups_come_in_the_order_asked() -> None:
    ids = [FOUND, "3", "2"] * 500
    async with serving(table) as served, Client("127.0.0.1", served.port) as client:
        answered = [pair async for pair in client.lookup_many(ids)]
    assert [record_id for record_id, _ in answered] == ids
    assert [record and record["id"] for _, record in answered] == [FOUND, None, "2"] * 500


@on_each_loop
async def test_requests_are_pipelined_only_once_the_server_is_known_to_be_ours() -> None:
    waiting: list[int] = []

    async def talk(peer: Peer) -> None:
        for reply in (b"AQI,id\r\n1,1\r\n", b"Item not found", CSV, CSV):
            await peer.reader.readexactly(65)
            await asyncio.sleep(0)
            waiting.append(len(peer.reader._buffer))  # type: ignore[attr-defined] # bytes of requests sent ahead
            await peer.send(encode(reply))
        await peer.reader.readexactly(65 * 10)

    async with scripted(talk) as port, Client("127.0.0.1", port) as client:
        with pytest.raises(ServerGone):
            assert len([pair async for pair in client.replies(["1"] * 100)]) == 100
    assert waiting[:3] == [0, 0, 0]
    assert waiting[3] > 0


@on_each_loop
async def test_lookups_of_several_tasks_take_turns() -> None:
    async with serving(table) as served, Client("127.0.0.1", served.port) as client:
        found = await asyncio.gather(*(client.lookup(record_id) for record_id in (FOUND, "2", "3") * 20))
    assert [record and record["id"] for record in found] == [FOUND, "2", None] * 20


@on_each_loop
async def test_a_client_takes_its_leave() -> None:
    heard: list[bytes] = []

    async def talk(peer: Peer) -> None:
        heard.append(await peer.rest())

    async with scripted(talk) as port:
        async with Client("127.0.0.1", port):
            pass
        await until(lambda: bool(heard))
    assert heard == [encode(DISCONNECT)]


@on_each_loop
@pytest.mark.parametrize("record_id", ["", "../../x", "/etc/x", "1" * 300, "\u0665", "1\n", "-1"])
async def test_a_text_that_is_no_id_is_refused_before_anything_is_sent(record_id: str) -> None:
    async with serving(table) as served, Client("127.0.0.1", served.port) as client:
        with pytest.raises(BadId):
            await client.lookup(record_id)
        assert await client.lookup(FOUND) == RECORD
        assert served.server.counts.requests == 1


@on_each_loop
async def test_an_error_reply_is_refused_and_the_connection_stays() -> None:
    async with serving(table) as served, Client("127.0.0.1", served.port) as client:
        with pytest.raises(Refused, match=r"^Unavailable: the table cannot be read$"):
            await client.lookup("500")
        with pytest.raises(Refused, match=r"^Bad request: \\x1b\[31mno$"):
            await client.lookup("400")
        assert await client.lookup(FOUND) == RECORD


@on_each_loop
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_reply_is_an_error_with_a_sentence(name: str) -> None:
    async with scripted(saying(BROKEN[name])) as port, Client("127.0.0.1", port) as client:
        with pytest.raises(ServerGone, match=r"^[ -~]+$"):
            await client.lookup(FOUND)


@on_each_loop
async def test_a_server_that_does_not_answer_is_given_up_and_stays_so() -> None:
    async with scripted(silent) as port, Client("127.0.0.1", port, timeout=0.05) as client:
        with pytest.raises(ServerGone, match=r"did not answer in 0.05 s"):
            await client.lookup(FOUND)
        with pytest.raises(ServerGone, match="not connected"):
            await client.lookup(FOUND)


@on_each_loop
async def test_item_not_found_without_header_is_known_before_64_bytes() -> None:
    async def talk(peer: Peer) -> None:
        await peer.reader.readexactly(65)
        for byte in b"Item not found":
            await peer.send(bytes([byte]))
        await peer.rest()

    async with scripted(talk) as port, Client("127.0.0.1", port) as client:
        assert await client.lookup("1") is None


@on_each_loop
async def test_many_lookups_left_halfway_close_the_connection() -> None:
    async with serving(table) as served, Client("127.0.0.1", served.port) as client:
        replies = client.replies([FOUND] * 100)
        assert await anext(replies) == (FOUND, CSV)
        assert await anext(replies) == (FOUND, CSV)
        await replies.aclose()
        with pytest.raises(ServerGone):
            await client.lookup(FOUND)


@on_each_loop
async def test_no_connection_says_where_to_and_why() -> None:
    with pytest.raises(ServerGone, match=r"^no connection to 127\.0\.0\.1:1: Connection refused$"):
        async with Client("127.0.0.1", 1):
            pass


@pytest.mark.parametrize("host", ["x" * 300, "a..b"])
async def test_a_host_that_is_no_name_is_no_connection(host: str) -> None:
    with pytest.raises(ServerGone, match="no connection"):
        async with Client(host, 1):
            pass


async def test_connecting_has_its_own_deadline() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):  # takes the one place of the queue
            port = full.getsockname()[1]
            with pytest.raises(ServerGone, match=r"took no connection in 0.05 s"):
                async with Client("127.0.0.1", port, connect_timeout=0.05):
                    pass


async def test_a_client_that_is_not_connected_says_so() -> None:
    with pytest.raises(ServerGone, match="not connected"):
        await Client().lookup(FOUND)


def test_the_module_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = aqi_service.client.nothing
