"""Many peers at once: who pipelines waits in turn, who asks one thing does not; and timers are few."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from typing import Any

from aqi_service.core.frames import encode
from aqi_service.server.replies import CONCURRENT_LOOKUPS, TURN, TURNS, AtOnce
from tests.doubles.loop_turns import Turns
from tests.doubles.wire_fixtures import IDS, answers, echo, on_each_loop, serving, task, turns

ONE = b"7"
PIPELINING = 3 * TURNS
WAITING = 120


@on_each_loop
async def test_peers_that_pipeline_share_the_lookups_under_way_and_a_single_request_waits_for_none() -> None:
    asked: list[bytes] = []
    free = asyncio.Event()

    async def answer(payload: bytes) -> bytes:
        if payload != ONE:
            asked.append(payload)
            await free.wait()
        return await echo(payload)

    async with serving(answer) as served, served.peer() as single, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(served.peer()) for _ in range(PIPELINING)]
        floods = [task(peer.ask(*IDS[:200])) for peer in peers]
        await served.until(lambda server: server.counts.requests >= PIPELINING * 200)
        await turns(50)
        assert len(asked) == TURNS * CONCURRENT_LOOKUPS
        assert await single.ask(ONE) == answers([ONE])
        free.set()
        assert [await flood for flood in floods] == [answers(IDS[:200])] * PIPELINING


@on_each_loop
async def test_a_read_of_many_requests_gives_way_after_a_turn() -> None:
    asked: list[bytes] = []

    async def answer(payload: bytes) -> bytes:
        asked.append(payload)
        await asyncio.sleep(0)
        return await echo(payload)

    async with serving(answer) as served, AsyncExitStack() as stack:
        first, *others = [await stack.enter_async_context(served.peer()) for _ in range(TURNS + 1)]
        long = task(first.ask(*IDS[:200]))
        await served.until(lambda _: bool(asked))
        short = [task(peer.ask(b"1", b"2")) for peer in others]
        assert [await each for each in short] == [answers([b"1", b"2"])] * TURNS
        assert await long == answers(IDS[:200])
        assert asked.index(b"1") < asked.index(IDS[TURN * 3])


@on_each_loop
async def test_records_that_are_there_are_answered_read_by_read_each_in_a_turn_of_its_own() -> None:
    reads, counted = list[tuple[int, int]](), Turns()

    def records(payloads: list[bytes]) -> bytes | None:
        reads.append((counted.number, len(payloads)))
        return None if ONE in payloads else b"".join(map(encode, answers(payloads)))

    asked = [b"%03d" % number for number in range(400)]
    async with serving(at_once=AtOnce(records=records)) as served, served.peer() as peer:
        assert await peer.ask(*asked) == answers(asked)
        assert await peer.ask(b"5", ONE, b"6") == answers([b"5", ONE, b"6"])
        assert served.server.counts.requests == served.server.counts.replies["found"] == 403
    counted.stop()
    *many, _ = reads
    assert sum(size for _, size in many) == 400
    assert len({turn for turn, _ in many}) == len(many) > 1


@on_each_loop
async def test_many_that_wait_to_be_accepted_are_so_in_few_turns_of_the_loop() -> None:
    async with serving() as served:
        with ExitStack() as stack:
            for _ in range(WAITING):
                stack.enter_context(socket.create_connection(("127.0.0.1", served.port)))
            for _ in range(WAITING // 4):
                await asyncio.sleep(0)
            assert served.server.counts.accepted == WAITING
        await served.until(lambda server: server.counts.open == 0)


def counting(loop: Any) -> Callable[[], int]:
    """Count the timers that the running loop is asked for from now on."""
    made = 0
    last = "call_later" if type(loop).__module__ == "uvloop" else "call_at"  # the one that the other calls
    make = getattr(loop, last)

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal made
        made += 1
        return make(*arguments, **named)

    setattr(loop, last, counted)
    return lambda: made


@on_each_loop
async def test_a_connection_has_one_timer_however_many_requests_it_makes() -> None:
    async with serving() as served, served.peer() as peer:
        await peer.ask(b"1")
        await turns()  # it waits for the next one
        made = counting(asyncio.get_running_loop())
        for number in range(100):
            payload = str(number).encode()
            await peer.send(encode(payload)[:30])
            await turns(5)
            await peer.send(encode(payload)[30:])
            assert await peer.reply() == b"answer to " + payload
        assert made() <= 1  # in place of the first, whose deadline was later than that of a frame
