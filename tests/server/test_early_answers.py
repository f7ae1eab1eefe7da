"""Requests that are answered as they come: which they are, what is left to others, and all the limits."""

from collections.abc import Sequence

import pytest

from aqi_service.core.frames import DISCONNECT, encode
from aqi_service.errors import FrameTimeout
from aqi_service.server.replies import TURN, AtOnce
from tests.doubles.wire_fixtures import (
    Held,
    advance,
    answers,
    by_hand,
    connected,
    echo,
    on_each_loop,
    serving,
    task,
    turns,
    until,
)

LARGE = b"x" * 2_000_000


def even(payloads: Sequence[bytes]) -> bytes | None:
    """Answer as echo() does, if all are even numbers."""
    if not all(payload.isdigit() and int(payload) % 2 == 0 for payload in payloads):
        return None
    return b"".join(map(encode, answers([*payloads])))


async def never(payload: bytes) -> bytes:
    raise AssertionError(f"{payload!r} was asked for")


@on_each_loop
@pytest.mark.parametrize("count", [1, 2, 3, TURN])
async def test_requests_for_records_that_are_there_are_answered_before_whoever_waits_for_frames_wakes(
    count: int,
) -> None:
    async with connected() as (connection, peer):
        assert connection.answer_early(even)
        waiting = task(connection.frames())
        await turns()
        for _ in range(3):
            assert await peer.ask(*[b"10"] * count) == answers([b"10"] * count)
        assert not waiting.done()
        await peer.send(encode(b"11"))
        assert await waiting == [b"11"]


@on_each_loop
@pytest.mark.parametrize(
    ("payloads", "behind"),
    [([b"10", b"11"], b""), ([b"10", b"2"], b""), ([b"10"], b"GET /"), ([b"10" * 10] * (TURN + 1), b"")],
    ids=["one is not there", "of two lengths", "with a fault behind", "more than a turn has"],
)
async def test_all_else_that_comes_is_left_whole_to_whoever_waits(
    payloads: list[bytes], behind: bytes
) -> None:
    async with connected() as (connection, peer):
        connection.answer_early(even if behind or b"11" in payloads else lambda _: b"early")
        await peer.send(b"".join(map(encode, payloads)) + behind)
        given: list[bytes] = []
        while len(given) < len(payloads):
            given += await connection.frames()
        assert given == payloads


@on_each_loop
async def test_a_request_that_comes_in_pieces_is_whole_for_whoever_waits() -> None:
    async with connected() as (connection, peer):
        connection.answer_early(even)
        waiting = task(connection.frames())
        await turns()
        await peer.send(encode(b"10")[:20])
        await until(lambda: len(connection.start(20)) == 20)
        await peer.send(encode(b"10")[20:])
        assert await waiting == [b"10"]


@on_each_loop
async def test_nothing_is_answered_before_what_was_asked_earlier() -> None:
    held = Held()
    async with serving(held, at_once=AtOnce(records=even)) as served, served.peer() as peer:
        await peer.send(encode(b"1"))
        await held.asked.wait()
        await peer.send(encode(b"2"))
        await turns()
        assert served.server.counts.requests == 1
        held.free.set()
        assert [await peer.reply() for _ in range(2)] == answers([b"1", b"2"])
        assert await peer.ask(b"4") == answers([b"4"])


@on_each_loop
async def test_they_are_counted_and_a_goodbye_or_an_end_comes_after_them() -> None:
    async with serving(never, at_once=AtOnce(records=even)) as served:
        async with served.peer() as peer:
            assert await peer.ask(b"2", b"4") == answers([b"2", b"4"])
            await peer.send(encode(DISCONNECT))
            assert await peer.rest() == b""
        async with served.peer() as peer:
            await peer.ask(b"2")
            peer.writer.write_eof()
            assert await peer.rest() == b""
        assert served.server.counts.requests == served.server.counts.replies["found"] == 3


@by_hand
async def test_each_begins_the_idle_time_anew() -> None:
    async with connected() as (connection, peer):
        connection.answer_early(even)
        waiting = task(connection.frames())
        await turns()
        for _ in range(3):
            advance(290)
            assert await peer.ask(b"2") == answers([b"2"])
        advance(299)
        await turns()
        assert not waiting.done()
        advance(1.5)
        await turns()
        with pytest.raises(FrameTimeout, match="nothing was asked for 300 s"):
            await waiting


@by_hand
async def test_a_peer_that_takes_nothing_of_them_is_cut_after_thirty_seconds_and_gets_no_second_one() -> None:
    asked: list[bytes] = []

    def large(payloads: list[bytes]) -> bytes:
        asked.extend(payloads)
        return LARGE * 10

    async with connected() as (connection, peer):
        connection.answer_early(large)
        waiting = task(connection.frames())
        await turns()
        peer.stop_reading()
        await peer.send(encode(b"2"))
        await until(lambda: connection.unsent() > 0)
        unsent = connection.unsent()
        await peer.send(encode(b"4"))
        assert await waiting == [b"4"]
        assert (asked, connection.unsent()) == ([b"2"], unsent)
        writing = task(connection.write(encode(b"4")))
        await turns()
        for _ in range(5):
            advance(7)
            await turns()
        with pytest.raises(FrameTimeout, match="took nothing of its replies for 30 s"):
            await writing


@by_hand
async def test_a_peer_that_takes_nothing_of_one_and_asks_nothing_more_is_cut_after_thirty_seconds() -> None:
    async with connected() as (connection, peer):
        connection.answer_early(lambda _: LARGE * 10)
        waiting = task(connection.frames())
        await turns()
        peer.stop_reading()
        await peer.send(encode(b"2"))
        await until(lambda: connection.unsent() > 0)
        for _ in range(5):
            advance(7)
            await turns()
        with pytest.raises(FrameTimeout, match="took nothing of its replies for 30 s"):
            await waiting


@on_each_loop
async def test_after_one_that_the_system_did_not_take_at_once_all_goes_on_in_order() -> None:
    def large(payloads: list[bytes]) -> bytes | None:
        return encode(LARGE) if payloads == [b"2"] else even(payloads)

    async with serving(echo, at_once=AtOnce(records=large)) as served, served.peer() as peer:
        for _ in range(2):
            assert await peer.ask(b"2") == [LARGE]
            assert await peer.ask(b"4", b"6") == answers([b"4", b"6"])
            assert await peer.ask(b"8") == answers([b"8"])
