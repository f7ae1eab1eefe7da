"""Requests whose replies may have many rows: few are made at once, and only as fast as their peers read."""

import contextlib

from aqi_service.core.frames import encode
from aqi_service.server.large_replies import PATIENCE_SECONDS, SLOTS
from aqi_service.server.limits import Limits
from tests.doubles.wire_fixtures import advance, by_hand, echo, on_each_loop, serving, turns

LIMITS = Limits(large=(b"box ",))


@on_each_loop
async def test_replies_come_in_the_order_of_the_requests_whether_large_or_not() -> None:
    payloads = [b"1", b"box 1", b"2", b"3", b"box 2", b"box 3", b"4"]
    async with serving(limits=LIMITS) as served, served.peer() as peer:
        await peer.send(b"".join(map(encode, payloads)))
        assert [await peer.reply() for _ in payloads] == [b"answer to " + each for each in payloads]


@by_hand
async def test_who_does_not_read_holds_a_place_and_who_finds_none_in_time_is_told() -> None:
    async def many_rows(payload: bytes) -> bytes:
        return b"x" * 2_000_000 if payload.startswith(b"box ") else await echo(payload)

    told = list[tuple[bytes, float]]()

    def no_slot(payload: bytes, seconds: float) -> None:
        told.append((payload, round(seconds)))

    async with serving(many_rows, LIMITS) as served, contextlib.AsyncExitStack() as stack:
        served.server.no_slot = no_slot
        deaf = [await stack.enter_async_context(served.peer()) for _ in range(SLOTS)]
        for peer in deaf:
            peer.stop_reading()
            await peer.send(encode(b"box 1"))
        await served.until(lambda server: server.counts.replies["found"] == SLOTS)
        late = await stack.enter_async_context(served.peer())
        await late.send(encode(b"box 2") + encode(b"3"))
        await served.until(lambda server: server.counts.requests == SLOTS + 2)
        await turns()
        advance(PATIENCE_SECONDS + 0.1)
        assert (await late.reply()).startswith(b"Busy: too many large replies")
        assert await late.reply() == b"answer to 3"
        assert told == [(b"box 2", PATIENCE_SECONDS)]


@on_each_loop
async def test_a_place_is_given_back_when_its_peer_has_read_or_has_gone() -> None:
    async def many_rows(_: bytes) -> bytes:
        return b"x" * 500_000

    async with serving(many_rows, LIMITS) as served:
        for _ in range(2 * SLOTS):
            async with served.peer() as peer:
                await peer.send(encode(b"box 1"))
                assert len(await peer.reply()) == 500_000
        for _ in range(2 * SLOTS):
            async with served.peer() as peer:
                peer.stop_reading()
                await peer.send(encode(b"box 1"))
            await served.until(lambda server: server.counts.open == 0)
        async with served.peer() as peer:
            assert len((await peer.ask(b"box 1"))[0]) == 500_000
