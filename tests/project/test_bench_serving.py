"""The bench's generators of lookups: they ask as they are told, and notice every wrong byte."""

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import pytest
import uvloop

from aqi_service.core.frames import encode
from bench.figure_06_lookups_from_memory import Shape, of_shape
from bench.figure_08_lookups_during_load import p99
from bench.lib.figures import Goal
from bench.lib.lookup_generator import BATCHES, WIRES, Batch, LookupRates, Peer, batches, converse
from bench.lib.paced_lookups import Paced, TimedLookup
from bench.lib.relay import relayed
from bench.lib.servers import redis_server
from tests.doubles.patience import PATIENCE
from tests.doubles.ports import free_port

TRUTH = {str(number): f"row {number}".encode() for number in range(100)}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            stack.enter_context(each).settimeout(PATIENCE)
        yield ours, theirs


def test_a_lookup_in_redis_is_a_get_and_its_reply_a_bulk_string() -> None:
    assert WIRES["resp"].request("286") == b"*2\r\n$3\r\nGET\r\n$3\r\n286\r\n"
    assert WIRES["resp"].reply(b"id,x") == b"$4\r\nid,x\r\n"


def test_no_two_connections_ask_for_one_id_and_each_batch_has_the_replies_to_its_requests() -> None:
    wire = WIRES["frames"]
    made = list(batches(wire, TRUTH, 4, 3))
    assert [len(each) for each in made] == [BATCHES] * 4
    asked = b"".join(batch.request for each in made for batch in each)
    assert asked == b"".join(wire.request(record_id) for record_id in islice(TRUTH, 4 * BATCHES * 3))
    assert made[0][0].reply == b"".join(encode(TRUTH[str(number)]) for number in range(3))


def test_a_batch_is_complete_when_all_of_its_bytes_have_come_in_pieces_or_at_once(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    peer = Peer(ours, [Batch(b"?", b"abcdef")])
    peer.ask()
    assert theirs.recv(10) == b"?"
    theirs.sendall(b"abc")
    assert not peer.take()
    assert peer.progress() == 0.5
    theirs.sendall(b"def")
    assert peer.take()
    theirs.sendall(b"abcdef")
    assert peer.take()
    assert peer.complete == 2


@pytest.mark.parametrize("sent", [b"abX", b"abcdefg", b"X"])
def test_other_bytes_than_the_right_ones_end_the_run(
    pair: tuple[socket.socket, socket.socket], sent: bytes
) -> None:
    ours, theirs = pair
    peer = Peer(ours, [Batch(b"?", b"abcdef")])
    peer.ask()
    theirs.sendall(sent)
    with pytest.raises(AssertionError, match="came and not"):
        peer.take()


def test_a_server_that_closes_ends_the_run(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    peer = Peer(ours, [Batch(b"?", b"abcdef")])
    peer.ask()
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(AssertionError, match="came and not"):
        peer.take()


def test_at_the_end_each_peer_still_gets_its_reply_and_asks_no_more(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    peer = Peer(ours, [Batch(b"?", b"a")])
    peer.ask()
    theirs.sendall(b"a")
    converse({ours.fileno(): peer}, float("inf"), goes_on=False)
    assert (peer.complete, theirs.recv(10)) == (1, b"?")


def test_a_paced_lookup_is_timed_from_when_it_was_due(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    paced = Paced(ours)
    paced.ask(10.0, b"?", b"abc")
    paced.ask(10.5, b"?", b"de")
    theirs.sendall(b"ab")
    assert list(paced.take(11.0)) == []
    theirs.sendall(b"cde")
    assert list(paced.take(12.0)) == [(10.0, 2.0, True), (10.5, 1.5, True)]
    theirs.sendall(b"f")
    with pytest.raises(AssertionError, match="came"):
        list(paced.take(13.0))


def test_the_p99_is_the_time_within_which_99_of_100_were_answered() -> None:
    def of(*seconds: float) -> float:
        return p99(
            [TimedLookup(0.0, each, found=True) for each in seconds] + [TimedLookup(0.0, 9.0, found=False)],
            found=True,
        )

    assert of(*[1.0] * 99, 7.0) == 1000
    assert of(*[1.0] * 98, 7.0, 7.0) == 7000
    assert of(3.0) == 3000


def test_the_goal_is_of_streams_that_only_echo_and_where_redis_is_not_there_the_table_says_so() -> None:
    seen = [LookupRates(1000.0, 2000.0, 3000.0)]
    shape, echoed = Shape("x", 1, 16), [LookupRates(500.0, 4000.0, 0.0)]
    shown = list(of_shape(shape, "redis is not there", seen, echoed, seen))
    assert [figure.name for figure in shown[:2]] == ["6 x; redis is not there"] * 2
    assert [figure.is_kept for figure in shown if figure.goal] == [False, False]  # of echo, of the report
    shown = list(of_shape(shape, "redis 6", seen, echoed, seen, [LookupRates(4000.0, 8000.0, 0.0)]))
    assert [(figure.ratio, figure.goal) for figure in shown[:4]] == [
        (2.0, None),
        (0.25, None),
        (0.5, Goal(0.6)),
        (0.25, None),
    ]


def test_redis_is_looked_for_beside_the_interpreter_and_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "b"))
    assert redis_server() is None
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        there = tmp_path / name / "redis-server"
        there.touch(mode=0o755)
        assert redis_server() == str(there)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send one line back, and end."""
    writer.write(await reader.readline())
    writer.close()


async def talk_to_two_servers_of_which_one_is_dead() -> None:
    """Each of four clients gets its line back, and sees the server's end."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    dead, living = free_port(), server.sockets[0].getsockname()[1]
    async with asyncio.timeout(PATIENCE), relayed([dead, living]) as relay:
        for number in range(4):
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            writer.write(b"%d\n" % number)
            assert await reader.read() == b"%d\n" % number
            writer.close()
            await writer.wait_closed()
        assert relay.taken == {living: 4}
        relay.ports[:] = [dead]
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    server.close()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_relay_gives_a_connection_to_the_next_server_where_one_takes_none(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(talk_to_two_servers_of_which_one_is_dead())
