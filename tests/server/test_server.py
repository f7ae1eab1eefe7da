"""The server over real sockets, on asyncio's loop and on uvloop: requests and replies, and the end."""

import asyncio
import contextlib

import pytest

from aqi_service.core.frames import MAX_REQUEST, encode
from aqi_service.server.replies import ANSWER_SECONDS
from aqi_service.server.server import Server
from aqi_service.server.sockets import listen
from tests.doubles.log_lines import lines
from tests.doubles.wire_fixtures import (
    CSV,
    IDS,
    Held,
    advance,
    answers,
    by_hand,
    echo,
    on_each_loop,
    out_of_order,
    serving,
    task,
    turns,
)

# Requests and replies.


@by_hand
async def test_a_stop_while_the_table_is_silent_answers_what_was_asked_within_its_grace() -> None:
    asked: list[bytes] = []

    async def answer(payload: bytes) -> bytes:
        asked.append(payload)
        await asyncio.Event().wait()
        return payload

    async with serving(answer) as served, served.peer() as peer:
        first = task(peer.ask(*IDS[:20]))
        await served.until(lambda _: len(asked) == 16)
        await peer.send(b"".join(map(encode, IDS[20:40])))  # behind the read that is being answered
        stopping = task(served.server.stop(grace=6.0))
        await turns()
        advance(ANSWER_SECONDS + 0.1)
        assert len(await first) == 20
        advance(0.1)
        assert [await peer.reply() for _ in range(20)] == [
            b"Unavailable: no answer in time; try again later"
        ] * 20
        assert await peer.rest() == b""
        peer.writer.close()
        await stopping
        assert served.server.counts.cut.total() == 0


@by_hand
async def test_what_came_in_one_read_is_answered_within_one_deadline_however_much_it_is() -> None:
    asked: list[bytes] = []

    async def answer(payload: bytes) -> bytes:
        asked.append(payload)
        if payload != IDS[1]:
            await asyncio.Event().wait()
        return payload

    async with serving(answer) as served, served.peer() as peer:
        work = task(peer.ask(*IDS[:200]))
        await served.until(lambda _: len(asked) == 17)
        advance(ANSWER_SECONDS + 0.1)
        replies = await work
        assert served.server.counts.replies["unavailable"] == 199
    assert replies.pop(1) == IDS[1]
    assert set(replies) == {b"Unavailable: no answer in time; try again later"}


@on_each_loop
async def test_every_request_gets_its_reply_on_one_connection() -> None:
    async with serving() as served, served.peer() as peer:
        for payload in (b"1", b"", b"x" * MAX_REQUEST, b"\x00\xff\n"):
            assert await peer.ask(payload) == [b"answer to " + payload]


@on_each_loop
async def test_a_thousand_requests_in_one_segment_are_answered_in_order() -> None:
    async with serving(out_of_order) as served, served.peer() as peer:
        assert await peer.ask(*IDS) == answers(IDS)


@on_each_loop
async def test_requests_split_at_every_byte_are_answered_alike() -> None:
    payloads = [b"184", b"", b"18456691289"]
    stream = b"".join(map(encode, payloads))
    async with serving() as served, served.peer() as peer:
        for place in range(1, len(stream)):
            await peer.send(stream[:place])
            await served.until(lambda server: server.counts.requests % 3 == _whole(payloads, place))  # noqa: B023 - called in this turn only
            await peer.send(stream[place:])
            assert [await peer.reply() for _ in payloads] == answers(payloads)


def _whole(payloads: list[bytes], size: int) -> int:
    """Count the frames that are complete in so many bytes."""
    return sum(size >= len(b"".join(map(encode, payloads[: number + 1]))) for number in range(len(payloads)))


@on_each_loop
async def test_at_most_sixteen_requests_of_one_connection_are_looked_up_at_once() -> None:
    at_once = most = 0

    async def answer(payload: bytes) -> bytes:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return payload

    async with serving(answer) as served, served.peer() as peer:
        await peer.ask(*IDS)
    assert most == 16


@on_each_loop
async def test_a_client_that_shuts_its_writing_side_still_gets_its_answers() -> None:
    held = Held()
    async with serving(held) as served, served.peer() as peer:
        await peer.send(encode(b"1") + encode(b"2"))
        peer.writer.write_eof()
        await held.asked.wait()
        held.free.set()
        assert await peer.rest() == encode(b"answer to 1") + encode(b"answer to 2")
        await served.until(lambda server: server.counts.open == 0)


@on_each_loop
async def test_disconnect_flushes_earlier_replies_and_closes() -> None:
    async with serving() as served, served.peer() as peer:
        await peer.send(encode(b"1") + encode(b"!DISCONNECT") + encode(b"2") + b"garbage")
        assert await peer.rest() == encode(b"answer to 1")
    assert served.server.counts.requests == 1


@on_each_loop
@pytest.mark.parametrize("payload", [b"!DISCONNECT ", b"!disconnect", b"DISCONNECT"])
async def test_only_the_exact_word_disconnects(payload: bytes) -> None:
    async with serving() as served, served.peer() as peer:
        assert await peer.ask(payload, b"1") == answers([payload, b"1"])


@on_each_loop
async def test_an_answer_that_fails_is_logged_and_the_connection_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def answer(payload: bytes) -> bytes:
        if payload == b"1":
            raise KeyError("bug")
        return payload

    async with serving(answer) as served, served.peer() as peer:
        assert await peer.ask(b"1", b"2") == [b"Unavailable: internal error", b"2"]
    assert lines(caplog) == ["answer_failed request=\"b'1'\""]
    assert "KeyError" in caplog.text


@on_each_loop
async def test_the_counts_tell_replies_by_kind() -> None:
    replies = iter([CSV, b"Item not found", b"Bad request: no", b"Unavailable: no"])

    async def answer(_: bytes) -> bytes:
        return next(replies)

    async with serving(answer) as served, served.peer() as peer:
        await peer.ask(b"1", b"2", b"3", b"4")
        counts = served.server.counts
        assert (counts.open, counts.accepted, counts.requests) == (1, 1, 4)
        assert counts.replies == {"found": 1, "not_found": 1, "bad_request": 1, "unavailable": 1, "busy": 0}


# The end.


@on_each_loop
async def test_stopping_closes_idle_clients_at_once() -> None:
    async with serving() as served, served.peer() as new, served.peer() as used, served.peer() as partial:
        await used.ask(b"1")
        await partial.send(encode(b"1")[:30])
        await served.until(lambda server: server.counts.open == 3)
        await served.until(
            lambda server: (
                [connection._wait for connection in server._serving]
                == ["idle_timeout", "idle_timeout", "frame_timeout"]
            )
        )
        began = asyncio.get_running_loop().time()
        await served.server.stop(grace=60)
        assert asyncio.get_running_loop().time() - began < 1
        assert [await peer.rest() for peer in (new, used, partial)] == [b"", b"", b""]
        assert served.server.counts.cut.total() == 0


@on_each_loop
async def test_stopping_answers_what_was_asked() -> None:
    held = Held()
    async with serving(held) as served, served.peer() as peer:
        await peer.send(encode(b"1") + encode(b"2"))
        await held.asked.wait()
        stopping = task(served.server.stop(grace=60))
        await asyncio.sleep(0)
        with pytest.raises(OSError, match=r".*"):
            await asyncio.open_connection("127.0.0.1", served.port)
        assert not stopping.done()
        held.free.set()
        assert await peer.rest() == encode(b"answer to 1") + encode(b"answer to 2")
        peer.writer.close()
        await stopping


@on_each_loop
async def test_stopping_answers_a_request_that_has_arrived_and_is_not_read_yet() -> None:
    async with serving() as served, served.peer() as peer:
        await peer.ask(b"1")
        await peer.send(encode(b"2"))
        stopping = task(served.server.stop(grace=60))
        assert await peer.rest() == encode(b"answer to 2")
        peer.writer.close()
        await stopping


@on_each_loop
async def test_stopping_gives_up_on_slow_and_stuck_peers_after_the_grace() -> None:
    held = Held()

    async def answer(payload: bytes) -> bytes:
        return b"x" * 10_000_000 if payload == b"much" else await held(payload)

    async with serving(answer) as served, served.peer() as slow, served.peer() as stuck:
        slow.stop_reading()
        await slow.send(encode(b"much"))
        await stuck.send(encode(b"1"))
        await held.asked.wait()
        await served.until(lambda server: server.counts.replies["found"] == 1)
        began = asyncio.get_running_loop().time()
        await served.server.stop(grace=0.1)
        assert asyncio.get_running_loop().time() - began < 1
        assert served.server.counts.open == 0
        assert served.server.counts.cut["stopped"] == 2
        assert await stuck.rest() == b""


@on_each_loop
async def test_stopping_a_pipelining_client_gives_it_whole_replies_in_order() -> None:
    async with serving(out_of_order) as served, served.peer() as peer:
        flooding = task(peer.send_for_ever(b"".join(map(encode, IDS))))
        first = await peer.reply()
        stopping = task(served.server.stop(grace=60))
        rest = await peer.rest()
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await flooding
        peer.writer.close()
        await stopping
        expected = encode(first) + rest
        whole = b"".join(map(encode, answers(IDS)))
        assert expected == (whole * (len(expected) // len(whole) + 1))[: len(expected)]
        assert len(expected) % len(encode(answers(IDS)[0])) == 0


@on_each_loop
async def test_stopping_twice_or_before_the_start_does_no_harm() -> None:
    async with serving() as served:
        await served.server.stop()
        await served.server.stop()
    sockets = listen("127.0.0.1", 0)
    await Server(sockets, echo).stop()
    sockets[0].close()
