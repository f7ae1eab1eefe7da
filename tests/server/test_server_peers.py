"""The server against peers that break the protocol, dawdle, vanish, or are too many; on both event loops."""

import asyncio
import contextlib
import logging
import socket

import pytest

from aqi_service.core.frames import BAD_REQUEST, MAX_REQUEST, encode, encode_header
from aqi_service.core.request_words import NO_REQUEST
from aqi_service.lookup.lookup import Lookup
from aqi_service.server.connection import READ_SIZE
from aqi_service.server.connection_log import CUT_LINES
from aqi_service.server.limits import Limits
from aqi_service.server.sockets import KEEPALIVE, RECEIVE_BUFFER, UNSENT
from tests.doubles.frames import MALFORMED, malformed
from tests.doubles.log_lines import lines
from tests.doubles.storage_doubles import MemoryStore
from tests.doubles.wire_fixtures import (
    CSV,
    IDS,
    Held,
    Peer,
    Served,
    advance,
    answers,
    by_hand,
    on_each_loop,
    serving,
    task,
    turns,
)

# Peers that break the protocol.


@on_each_loop
@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_header_is_told_and_closed_whatever_follows_it(name: str) -> None:
    async with serving() as served, served.peer() as peer:
        await peer.send(encode(b"1") + malformed(name) + b"x" * 100_000)
        assert await peer.reply() == b"answer to 1"
        assert (await peer.reply()).startswith(b"Bad request: the header ")
        assert await peer.rest() == b""
        assert served.server.counts.cut["malformed"] == 1


@on_each_loop
async def test_a_hello_shorter_than_a_header_is_answered_at_once() -> None:
    async with serving() as served, served.peer() as peer:
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await peer.reply()).startswith(b"Bad request: ")


@on_each_loop
async def test_a_length_over_the_limit_is_refused_before_its_payload() -> None:
    async with serving() as served, served.peer() as peer:
        await peer.send(encode_header(MAX_REQUEST + 1))
        assert await peer.reply() == b"Bad request: a payload of 1025 bytes is over the limit of 1024"
        assert await peer.rest() == b""


@on_each_loop
async def test_a_peer_that_goes_on_sending_after_its_last_reply_is_closed_all_the_same() -> None:
    async with serving(limits=Limits(linger_timeout=0.1)) as served, served.peer() as peer:
        await peer.send(malformed("sign"))
        assert (await peer.reply()).startswith(b"Bad request: ")
        with pytest.raises(ConnectionError):
            await peer.send_for_ever(b"x" * 65536)
        await served.until(lambda server: server.counts.open == 0)


@on_each_loop
async def test_a_peers_bytes_are_shown_in_logs_as_ascii_and_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving() as served, served.peer() as peer:
        await peer.send(b"\x1b[31m\r\nroot" + "é".encode() * 300)
        await peer.rest()
    [message] = lines(caplog)
    record = next(record for record in caplog.records if record.name == "aqi_service")
    assert "connection_cut peer=127.0.0.1:" in message
    start = vars(record)["start"]
    assert start.startswith(r"b'\x1b[31m\r\nroot")
    assert f"start={start!r}" in message
    assert message.isascii()
    assert message.isprintable()
    assert len(start) == 80


@by_hand
async def test_a_flood_of_cuts_is_counted_in_full_and_logged_in_part(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)

    async def cut(served: Served, times: int) -> None:
        for _ in range(times):
            async with served.peer() as peer:
                await peer.send(malformed("sign"))
                await peer.rest()

    async with serving() as served:
        await cut(served, CUT_LINES + 5)
        assert str(lines(caplog)).count("connection_cut ") == CUT_LINES
        advance(60.0)
        await cut(served, CUT_LINES + 2)
        assert "cuts_not_logged reason=malformed count=5" in str(lines(caplog))
        assert served.server.counts.cut["malformed"] == 2 * CUT_LINES + 7
    assert str(lines(caplog)).count("connection_cut ") == 2 * CUT_LINES
    assert str(lines(caplog)).count("cuts_not_logged reason=malformed count=2") == 1


STRANGE = (
    b"\0",
    b"1\0",
    b"1\n",
    b"1" * MAX_REQUEST,
    b"\xff\xfe",
    b"../../x",
    b"\x1b[31m1",
    b"",
    b" 1",
    b"lease",
)


@on_each_loop
async def test_ids_that_are_none_are_told_so_and_the_connection_stays() -> None:
    async with serving(Lookup(MemoryStore(), lambda: 0.0).answer) as served, served.peer() as peer:
        replies = await peer.ask(*STRANGE, b"1")
        assert replies == [BAD_REQUEST + NO_REQUEST.encode()] * len(STRANGE) + [b"Item not found"]
        assert await peer.ask(b"2") == [b"Item not found"]


@on_each_loop
@pytest.mark.parametrize(
    ("sent", "limits", "reason"),
    [
        (b"", Limits(idle_timeout=0.05), "idle_timeout"),
        (b"5", Limits(frame_timeout=0.05), "frame_timeout"),
        (encode_header(5) + b"1234", Limits(frame_timeout=0.05), "frame_timeout"),
    ],
    ids=["idle", "header", "payload"],
)
async def test_a_peer_that_takes_too_long_is_cut(sent: bytes, limits: Limits, reason: str) -> None:
    async with serving(limits=limits) as served, served.peer() as peer:
        await peer.send(sent)
        assert await peer.rest() == b""
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut[reason] == served.server.counts.cut.total() == 1


@on_each_loop
async def test_a_peer_that_pipelines_and_never_reads_is_cut() -> None:
    async def answer(_: bytes) -> bytes:
        return b"x" * 1000

    async with serving(answer, Limits(write_timeout=0.2)) as served, served.peer() as peer:
        peer.stop_reading()
        with pytest.raises(ConnectionError):
            await peer.send_for_ever(b"".join(map(encode, IDS)))
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut["write_timeout"] == 1


@on_each_loop
async def test_for_a_peer_that_does_not_read_no_more_is_looked_up_than_came_in_two_reads() -> None:
    async def answer(_: bytes) -> bytes:
        return CSV

    async with serving(answer) as served:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", served.port))
        peer = Peer(*await asyncio.open_connection(sock=raw))
        peer.stop_reading()
        flooding = task(peer.send_for_ever(b"".join(map(encode, IDS))))
        await served.until(lambda server: any(each.unsent() for each in server._serving))
        await turns(200)
        assert served.server.counts.requests <= 2 * READ_SIZE / len(encode(IDS[0]))
        flooding.cancel()
        peer.reset()


STREAM = b"".join(map(encode, (b"1", b"", b"x" * 30)))


@on_each_loop
async def test_a_reset_after_any_byte_of_some_requests_ends_quietly() -> None:
    places = range(0, len(STREAM) + 1, 7)
    async with serving() as served:
        for place in places:
            async with served.peer() as peer:
                await peer.send(STREAM[:place])
                peer.reset()
        await served.until(lambda server: (server.counts.accepted, server.counts.open) == (len(places), 0))
        assert served.server.counts.cut["reset"] == served.server.counts.cut.total() == len(places)


@on_each_loop
async def test_a_reset_during_a_lookup_ends_quietly() -> None:
    held = Held()
    async with serving(held) as served, served.peer() as peer:
        await peer.send(encode(b"1"))
        await held.asked.wait()
        peer.reset()
        held.free.set()
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut["reset"] == 1


@on_each_loop
async def test_a_reset_during_a_reply_ends_quietly() -> None:
    async def answer(_: bytes) -> bytes:
        return b"x" * 10_000_000

    async with serving(answer) as served, served.peer() as peer:
        await peer.send(encode(b"1"))
        await peer.reader.read(1000)
        peer.reset()
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut["reset"] == 1


@on_each_loop
async def test_a_client_that_goes_inside_a_frame_is_counted() -> None:
    async with serving() as served, served.peer() as peer:
        await peer.send(encode(b"1")[:30])
        peer.writer.write_eof()
        assert await peer.rest() == b""
        await served.until(lambda server: server.counts.cut["inside_frame"] == 1)


@on_each_loop
async def test_accepted_sockets_have_keepalive_and_send_without_delay() -> None:
    async with serving() as served, served.peer() as peer:
        await peer.ask(b"1")
        [connection] = served.server._serving
        sock = connection._writer.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        kept = [sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEPALIVE]
        assert kept[0] in range(30, 91)
        assert kept[1:] == [15, 4]
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == UNSENT
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * RECEIVE_BUFFER


@on_each_loop
async def test_connections_that_came_at_once_are_not_probed_at_once() -> None:
    async with serving() as served, contextlib.AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(served.peer()) for _ in range(20)]
        for peer in peers:
            await peer.ask(b"1")
        socks = [each._writer.get_extra_info("socket") for each in served.server._serving]
        idle = [sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) for sock in socks]
        assert len(idle) == len(peers)
        assert len(set(idle)) > len(peers) // 2


# Caps.


@on_each_loop
async def test_beyond_the_cap_a_peer_is_told_and_closed_and_a_freed_place_is_given_again() -> None:
    async with serving(limits=Limits(max_connections=2)) as served, served.peer() as one:
        async with served.peer() as two, served.peer() as three:
            await one.ask(b"1")
            await two.ask(b"2")
            await three.send(encode(b"3"))
            assert (await three.reply()).startswith(
                b"Busy: the server has as many connections as it takes (2)"
            )
            assert await three.rest() == b""
        await served.until(lambda server: server.counts.open == 1)
        async with served.peer() as four:
            assert await four.ask(b"4") == answers([b"4"])
        assert served.server.counts.refused == {"connections": 1, "address": 0, "stopping": 0}


@on_each_loop
async def test_one_address_cannot_take_every_place() -> None:
    limits = Limits(max_connections=10, max_per_address=1)
    async with serving(limits=limits) as served, served.peer() as one, served.peer() as two:
        assert await one.ask(b"1") == answers([b"1"])
        assert (await two.reply()).startswith(b"Busy: your address has as many connections as it may (1)")
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=("127.0.0.2", 0))
        assert await Peer(reader, writer).ask(b"3") == answers([b"3"])
        writer.transport.abort()
        one.writer.close()
        await served.until(lambda server: server.counts.open == 0)
        async with served.peer() as four:
            assert await four.ask(b"4") == answers([b"4"])


@on_each_loop
async def test_a_burst_beyond_the_cap_takes_no_more_places_than_there_are() -> None:
    limits = Limits(max_connections=5, max_refusing=3)
    async with serving(limits=limits) as served, contextlib.AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(served.peer()) for _ in range(40)]
        await served.until(lambda server: server.counts.accepted == 40)
        assert served.server.counts.open == 5
        assert len(served.server._refusing) <= 3
        told = [rest for rest in [await peer.rest() for peer in peers[5:]] if b"Busy: " in rest]
        assert 3 <= len(told) <= 35
        assert [await peer.ask(b"1") for peer in peers[:5]] == [answers([b"1"])] * 5


@on_each_loop
async def test_refusals_are_warned_of_once_and_not_for_each_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(limits=Limits(max_connections=1)) as served, served.peer() as first:
        await first.ask(b"1")
        for _ in range(5):
            async with served.peer() as peer:
                await peer.rest()
        assert served.server.counts.refused["connections"] == 5
    assert caplog.text.count("connections_refused") == 1


@by_hand
async def test_a_refused_peer_that_does_not_close_is_dropped() -> None:
    async with serving(limits=Limits(max_connections=0)) as served, served.peer() as peer:
        assert (await peer.reply()).startswith(b"Busy: ")
        assert len(served.server._refusing) == 1
        advance(2.1)
        await served.until(lambda server: not server._refusing)
