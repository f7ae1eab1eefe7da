"""The server over TLS, on both event loops: who gets in, what is counted, and how a connection ends."""

import asyncio
import logging
import ssl
from pathlib import Path

import pytest

from aqi_service.certificates import Certificates
from aqi_service.core.frames import DISCONNECT, encode
from aqi_service.server.limits import Limits
from tests.doubles.certificates import Authority
from tests.doubles.log_lines import lines
from tests.doubles.wire_fixtures import (
    IDS,
    Held,
    answers,
    by_jumps,
    on_each_loop,
    out_of_order,
    serving,
    task,
    turns,
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def tls(authority: Authority) -> Certificates:
    return Certificates(*authority.issue("server"))


@pytest.fixture
def mutual(authority: Authority) -> Certificates:
    """Certificates that demand some of clients as well."""
    return Certificates(*authority.issue("server"), authority.ca)


@on_each_loop
async def test_requests_are_answered_in_order_over_tls(authority: Authority, tls: Certificates) -> None:
    async with serving(out_of_order, tls=tls) as served, served.peer(authority.trusting()) as peer:
        assert peer.writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        assert await peer.ask(*IDS) == answers(IDS)


@on_each_loop
async def test_tls_1_2_will_do(authority: Authority, tls: Certificates) -> None:
    context = authority.trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(tls=tls) as served, served.peer(context) as peer:
        assert peer.writer.get_extra_info("ssl_object").version() == "TLSv1.2"
        assert await peer.ask(b"1") == answers([b"1"])


@on_each_loop
async def test_tls_1_1_will_not(authority: Authority, tls: Certificates) -> None:
    context = authority.trusting()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.deprecated_call():
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(tls=tls) as served:
        with pytest.raises(OSError, match=r".*"):
            await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
        await served.until(lambda server: server.counts.cut["handshake"] == 1)


@on_each_loop
async def test_a_client_with_a_certificate_of_the_authority_gets_in(
    authority: Authority, mutual: Certificates
) -> None:
    context = authority.trusting(authority.issue("client", "client"))
    async with serving(tls=mutual) as served, served.peer(context) as peer:
        assert await peer.ask(b"1") == answers([b"1"])


@pytest.mark.parametrize("whose", ["nobody's", "a stranger's"])
@on_each_loop
async def test_a_client_without_one_is_cut_counted_and_logged(
    whose: str,
    authority: Authority,
    mutual: Certificates,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = Authority(tmp_path / "theirs").issue("client", "client") if whose == "a stranger's" else None
    caplog.set_level(logging.INFO)
    async with serving(tls=mutual) as served:
        async with served.peer(authority.trusting(own)) as peer:
            assert await peer.rest() == b""
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut["handshake"] == sum(served.server.counts.cut.values()) == 1
        assert served.server.counts.requests == 0
    [line] = lines(caplog)
    assert "reason=handshake" in line


@on_each_loop
async def test_plain_text_is_cut_as_a_failed_handshake(
    tls: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(tls=tls) as served:
        async with served.peer() as peer:
            await peer.send(encode(b"1"))
            await peer.rest()
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut["handshake"] == sum(served.server.counts.cut.values()) == 1
    assert len(caplog.records) == 1


@on_each_loop
async def test_a_tls_hello_on_a_plain_port_is_cut_as_malformed(authority: Authority) -> None:
    async with serving() as served:
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection("127.0.0.1", served.port, ssl=authority.trusting())
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut["malformed"] == sum(served.server.counts.cut.values()) == 1


@by_jumps
async def test_a_stalled_handshake_ends_after_10_seconds(tls: Certificates) -> None:
    loop = asyncio.get_running_loop()
    async with serving(tls=tls) as served, served.peer() as peer:
        begun = loop.time()
        assert await peer.rest() == b""
        assert 10 <= loop.time() - begun < 12
        await served.until(lambda server: server.counts.cut["handshake"] == 1)


@on_each_loop
async def test_who_has_not_shaken_hands_has_a_place_and_those_beyond_the_cap_are_told_busy(
    authority: Authority, tls: Certificates
) -> None:
    async with serving(limits=Limits(max_connections=2), tls=tls) as served:
        async with served.peer(), served.peer():
            await served.until(lambda server: server.counts.open == 2)
            async with served.peer(authority.trusting()) as third:
                assert (await third.reply()).startswith(b"Busy: ")
                assert await third.rest() == b""
        await served.until(lambda server: server.counts.open == 0)
        async with served.peer(authority.trusting()) as peer:
            assert await peer.ask(b"1") == answers([b"1"])


@on_each_loop
async def test_a_flood_of_silent_peers_costs_no_more_places_than_there_are(tls: Certificates) -> None:
    limits = Limits(max_connections=4, max_refusing=2)
    async with serving(limits=limits, tls=tls) as served:
        writers = [(await asyncio.open_connection("127.0.0.1", served.port))[1] for _ in range(20)]
        await served.until(lambda server: server.counts.accepted == 20)
        assert served.server.counts.open == 4
        assert served.server.counts.refused["connections"] == 16
        for writer in writers:
            writer.transport.abort()


@on_each_loop
async def test_a_peer_that_takes_leave_is_no_cut(authority: Authority, tls: Certificates) -> None:
    async with serving(tls=tls) as served:
        async with served.peer(authority.trusting()) as peer:
            assert await peer.ask(b"1") == answers([b"1"])
            peer.writer.write(encode(DISCONNECT))
            peer.writer.close()
            await served.until(lambda server: server.counts.open == 0)
        async with served.peer(authority.trusting()) as peer:
            peer.writer.close()
            await served.until(lambda server: server.counts.accepted == 2 and server.counts.open == 0)
        assert sum(served.server.counts.cut.values()) == 0


@on_each_loop
async def test_the_last_word_on_a_malformed_header_arrives(authority: Authority, tls: Certificates) -> None:
    async with serving(tls=tls) as served, served.peer(authority.trusting()) as peer:
        await peer.send(encode(b"1") + b"+5".ljust(64))
        assert await peer.reply() == b"answer to 1"
        assert (await peer.reply()).startswith(b"Bad request: ")
        assert await peer.rest() == b""


@on_each_loop
async def test_a_peer_that_does_not_read_is_cut_though_it_asks_no_more(
    authority: Authority, tls: Certificates
) -> None:
    """Its reply waits below TLS, in the socket's transport, and TLS takes the next one."""

    async def long(_: bytes) -> bytes:
        return b"x" * 16_000_000  # more than the sockets hold

    limits = Limits(write_timeout=0.2)
    async with serving(long, limits, tls=tls) as served, served.peer(authority.trusting()) as peer:
        peer.stop_reading()
        await peer.send(encode(b"1"))
        await served.until(lambda server: server.counts.requests == 1)
        await served.until(lambda server: server.counts.open == 0)
        assert served.server.counts.cut["write_timeout"] == 1


@on_each_loop
async def test_a_stop_ends_idle_peers_and_handshakes_at_once_and_answers_what_was_asked(
    authority: Authority, tls: Certificates
) -> None:
    held = Held()
    async with (
        serving(held, tls=tls) as served,
        served.peer(authority.trusting()) as busy,
        served.peer(authority.trusting()) as idle,
        served.peer() as silent,
    ):
        await served.until(lambda server: server.counts.open == 3)
        asking = task(busy.ask(b"1"))
        await held.asked.wait()
        stopping = task(served.server.stop(grace=5.0))
        assert await idle.rest() == b""
        assert await silent.rest() == b""
        held.free.set()
        assert await asking == answers([b"1"])
        assert await busy.rest() == b""
        await stopping
        assert served.server.counts.cut["handshake"] == sum(served.server.counts.cut.values()) == 1


@on_each_loop
async def test_new_connections_get_the_new_certificate_and_the_others_go_on(tmp_path: Path) -> None:
    old, new = Authority(tmp_path / "ca"), Authority(tmp_path / "ca2")
    cert, key = old.issue("server")
    tls = Certificates(cert, key)
    async with serving(tls=tls) as served, served.peer(old.trusting()) as before:
        for theirs, ours in zip(new.issue("server"), (cert, key), strict=True):
            ours.write_bytes(theirs.read_bytes())
        tls.reload()
        async with served.peer(new.trusting()) as after:
            assert await after.ask(b"1") == await before.ask(b"1") == answers([b"1"])
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", served.port, ssl=old.trusting())
        await turns()
