"""A server that is busy: it is asked again, after pauses and in silence, while there is time for a reply."""

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO

import pytest

from aqi_service.client import Client
from aqi_service.client.cli import parse
from aqi_service.client.files import Files
from aqi_service.client.output import talk
from aqi_service.client.printing import CsvPrinter
from aqi_service.core.frames import BUSY, encode
from aqi_service.errors import Refused, ServerGone
from aqi_service.server.limits import Limits
from tests.doubles.wire_fixtures import (
    CSV,
    FOUND,
    Peer,
    by_jumps,
    on_each_loop,
    scripted,
    serving,
    table,
    task,
)

LATER = BUSY + b"try again later"
TIMEOUT = 30.0


class Replies:
    """An answer that gives one reply after the other, the last one for ever; `asked` are the requests."""

    def __init__(self, *replies: bytes, seconds: float = 0.0) -> None:
        self.asked: list[bytes] = []
        self._replies = replies
        self._seconds = seconds

    async def __call__(self, payload: bytes) -> bytes:
        await asyncio.sleep(self._seconds)
        self.asked.append(payload)
        return self._replies[min(len(self.asked), len(self._replies)) - 1]


def closing(*replies: bytes) -> tuple[list[Peer], Callable[[Peer], Awaitable[None]]]:
    """Script a server that says one of these to each connection, the last for ever, and closes."""
    peers: list[Peer] = []

    async def accept(peer: Peer) -> None:
        peers.append(peer)
        await peer.send(encode(replies[min(len(peers), len(replies)) - 1]))
        peer.writer.write_eof()
        await peer.rest()

    return peers, accept


async def seconds_of(awaited: Awaitable[object]) -> float:
    clock = asyncio.get_running_loop().time
    begun = clock()
    await awaited
    return clock() - begun


async def ran(port: int, *arguments: str) -> tuple[int, bytes]:
    """Run the command's part that talks, on this loop; give exit code and standard output."""
    out = BytesIO()
    options = parse(["--port", str(port), "--no-save", *arguments])
    return await talk(options, None, CsvPrinter(out), Files(None, asked=False)), out.getvalue()


@by_jumps
async def test_what_a_server_was_twice_too_busy_for_is_answered_on_the_same_connection() -> None:
    replies = Replies(CSV, LATER, LATER, CSV)
    async with serving(replies) as served, Client("127.0.0.1", served.port) as client:
        await client.lookup(FOUND)
        assert 0 < await seconds_of(client.country("DE")) < 0.25 + 0.5
        assert served.server.counts.accepted == 1
    assert replies.asked == [FOUND.encode(), *[b"country DE"] * 3]


@by_jumps
@pytest.mark.parametrize("arguments", [[FOUND], ["--country", "DE"]])
async def test_the_command_says_nothing_of_a_server_that_was_busy_twice(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(Replies(LATER, LATER, CSV)) as served:
        assert await ran(served.port, *arguments) == (0, CSV)
    assert capsys.readouterr().err == ""


@by_jumps
@pytest.mark.parametrize("arguments", [[FOUND], ["--country", "DE"], ["--near", "Stuttgart"]])
async def test_of_a_server_that_stays_busy_the_command_says_so_once(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    replies = Replies(LATER)
    async with serving(replies) as served:
        assert await ran(served.port, *arguments) == (3, b"")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith(f": {LATER.decode()}")
    assert len(replies.asked) > 5


@by_jumps
async def test_a_server_that_stays_busy_is_given_up_when_the_time_for_a_reply_is_over() -> None:
    for seconds in (0.0, 5.0):  # how long the server itself waits until it says so
        replies = Replies(CSV, *[LATER] * 300, seconds=seconds)
        async with serving(replies) as served, Client("127.0.0.1", served.port) as client:
            await client.lookup(FOUND)
            begun = asyncio.get_running_loop().time()
            with pytest.raises(Refused, match=r"^Busy: try again later$"):
                await client.country("DE")
            took = asyncio.get_running_loop().time() - begun
        assert TIMEOUT - 4.0 - seconds <= took <= TIMEOUT
        assert len(replies.asked) < 1 + 100


@by_jumps
async def test_after_a_request_that_a_server_was_too_busy_for_others_are_asked() -> None:
    async def answer(payload: bytes) -> bytes:
        return LATER if payload.startswith(b"country") else CSV

    async with serving(answer) as served, Client("127.0.0.1", served.port) as client:
        with pytest.raises(Refused):
            await client.country("DE")
        assert await client.lookup(FOUND) is not None


@by_jumps
async def test_who_finds_no_place_twice_connects_anew_until_there_is_one() -> None:
    peers, accept = closing(LATER, LATER, CSV)
    async with scripted(accept) as port, Client("127.0.0.1", port) as client:
        assert await client.lookup(FOUND) is not None
    assert len(peers) == 3


@by_jumps
async def test_who_is_over_the_cap_is_answered_when_another_has_gone() -> None:
    async with serving(table, Limits(max_connections=1)) as served:
        async with served.peer() as first:
            await first.ask(b"1")
            async with Client("127.0.0.1", served.port) as client:
                found = task(client.lookup(FOUND))
                await served.until(lambda server: server.counts.refused["connections"] > 0)
                first.reset()
                assert await found is not None
        assert served.server.counts.accepted > 1


@by_jumps
async def test_a_server_that_is_silent_once_it_was_busy_is_given_up_when_the_time_is_over() -> None:
    async def accept(peer: Peer) -> None:
        await peer.send(encode(CSV) + encode(LATER))
        await peer.rest()

    async with scripted(accept) as port, Client("127.0.0.1", port) as client:
        await client.lookup(FOUND)
        begun = asyncio.get_running_loop().time()
        with pytest.raises(ServerGone, match="did not answer in 30 s"):
            await client.country("DE")
        assert asyncio.get_running_loop().time() - begun <= TIMEOUT + 0.1


@on_each_loop
async def test_replies_to_ids_that_are_asked_ahead_keep_their_order_when_one_of_them_is_busy() -> None:
    async def answer(payload: bytes) -> bytes:
        return LATER if payload == b"7" else CSV.replace(FOUND.encode(), payload)

    ids = [str(number) for number in range(1, 20)]
    async with serving(answer) as served, Client("127.0.0.1", served.port) as client:
        answered = [pair async for pair in client.replies(ids)]
    assert [record_id for record_id, _ in answered] == ids
    assert [record_id for record_id, reply in answered if reply == LATER] == ["7"]
